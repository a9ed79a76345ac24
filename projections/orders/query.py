"""List orders: which orders match, one page of them, and totals over all of them.

Pages follow indexes. Totals come from those that are kept (`order_totals`) wherever status,
creation date and at most one counted term are all that the query has; anything else is added up
over the orders that match. A term that few orders have is looked up first, and then only those
orders are looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders.documents.search_terms import COUNTED, SINGLE, comparable
from oms_ledger.orders.status import Status
from projections.orders import totals as orders_totals
from projections.orders.stats import NOTHING, Sums, Totals
from projections.orders.totals import Bounds, has_term
from projections.outbox.messages import OF_ORDERS, WAITING
from projections.outbox.tables import outbox_messages
from projections.tables import customer_index
from projections.tables import order_search_terms as o
from projections.tables import order_totals as f
from projections.tables import order_views as t

ALL_ORDERS: tuple[str, tuple[str, ...]] = (orders_totals.ALL[0], orders_totals.ALL[1:])
FEW = 2_000  # orders that are looked up by their ids
DEEP = 500  # orders before a page beyond which a set of orders is made first
_HIGHEST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class TermFilter:
    """One of some terms of a kind; with `prefix` what begins with one of them."""

    kind: str
    terms: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """The query of a list. Instants in microseconds, intervals inclusive at both ends.

    `dates` are intervals of other columns than the creation's. `having` are terms of which an
    order has one each; `lacking` flags that it has not; `any_of` groups of alternatives, each
    of them several terms together (as the words of a name are). `failing` are kinds of error:
    `perm`, or `temp` while what an order makes the ledger send is being tried again.
    """

    account: str
    statuses: tuple[str, ...] = ()
    created: Bounds = (None, None)
    dates: tuple[tuple[str, Bounds], ...] = ()
    having: tuple[TermFilter, ...] = ()
    lacking: tuple[str, ...] = ()
    any_of: tuple[tuple[tuple[TermFilter, ...], ...], ...] = ()
    failing: tuple[str, ...] = ()
    undelivered: bool = False
    person: str | None = None
    incomplete: bool = False
    order_by: str = "creationDate"
    descending: bool = True
    page: int = 1
    per_page: int = 15


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as they are stored, the ids of their orders, and the totals over all that match.

    `versions` are those that the rows are of, in their order. `retrying` are those of the ids
    whose messages failed and are being tried again.
    """

    rows: list[bytes] = field(default_factory=list)
    order_ids: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    retrying: frozenset[str] = frozenset()
    totals: Totals = NOTHING


ORDERS = {
    "creationDate": t.c.created_at,
    "orderId": t.c.order_id,
    "items": t.c["items"],
    "totalValue": t.c.value,
    "origin": t.c.origin,
}


def page(connection: Connection, order_query: OrderQuery) -> Page:
    """One page of rows, and the totals over all that match."""
    offset = (order_query.page - 1) * order_query.per_page
    if _is_plain(order_query):
        rows = _plain_rows(replace(order_query, account="", page=1))
    else:
        rows = _rows(order_query, matching(connection, order_query, whole=offset > DEEP))
    found = connection.execute(rows, {"of": order_query.account, "offset": offset}).all()
    return Page(
        rows=[bytes(row.row) for row in found],
        order_ids=[row.order_id for row in found],
        versions=[row.version for row in found],
        retrying=_retrying(connection, order_query.account, [row.order_id for row in found]),
        totals=totals(connection, order_query),
    )


def sold_as(connection: Connection, account: str, seller_order_id: str) -> str | None:
    """The one order that a seller outside calls so; None where there is none, or several."""
    term = comparable(seller_order_id)
    ours = (o.c.account == account, o.c.kind == "seller_order", o.c.term == term)
    found = connection.execute(select(o.c.order_id).where(*ours).limit(2)).scalars().all()
    return found[0] if len(found) == 1 else None


def _rows(order_query: OrderQuery, conditions: ColumnElement[bool]) -> Select[Any]:
    query = (
        select(t.c.order_id, t.c.version, t.c.row)
        .where(conditions)
        .order_by(*_sorting(order_query))
    )
    return query.limit(order_query.per_page).offset(bindparam("offset"))


def _is_plain(order_query: OrderQuery) -> bool:
    """Whether it needs few columns alone, as most lists do: no terms, nobody's orders."""
    besides = (order_query.having, order_query.any_of, order_query.failing, order_query.dates)
    return not any(besides) and order_query.person is None and len(order_query.statuses) < 50


@lru_cache(256)
def _plain_rows(order_query: OrderQuery) -> Select[Any]:
    """The statement of a plain query whose account is a parameter: made and compiled once."""
    return _rows(order_query, and_(*_of_columns(order_query, bindparam("of"))))


def page_ids(connection: Connection, order_query: OrderQuery) -> list[str]:
    """The orders of the first page alone, without rows and totals."""
    query = select(t.c.order_id).where(matching(connection, order_query))
    query = query.order_by(*_sorting(order_query)).limit(order_query.per_page)
    return list(connection.execute(query).scalars())


# By the index of the orders: what waits may be much, and SQLite would look through it.
_RETRYING = select(outbox_messages.c.order_id).where(
    outbox_messages.c.ordering_key.in_(bindparam("streams", expanding=True)),
    outbox_messages.c.order_id.is_not(None),
    outbox_messages.c.channel.in_(OF_ORDERS),
    outbox_messages.c.state.concat("") == WAITING,
    outbox_messages.c.attempts > 0,
)


def _retrying(connection: Connection, account: str, order_ids: list[str]) -> frozenset[str]:
    if not order_ids:
        return frozenset()
    streams = [order_stream(account, order_id) for order_id in order_ids]
    return frozenset(connection.execute(_RETRYING, {"streams": streams}).scalars())


def _tried(account: str) -> ColumnElement[bool]:
    """Messages of orders that failed and are waiting to be sent again."""
    return and_(
        outbox_messages.c.order_id.is_not(None),
        outbox_messages.c.account == account,
        outbox_messages.c.channel.in_(OF_ORDERS),
        outbox_messages.c.state == WAITING,
        outbox_messages.c.attempts > 0,
    )


def _sorting(order_query: OrderQuery) -> list[ColumnElement[Any]]:
    columns = (ORDERS[order_query.order_by], t.c.order_id)
    return [column.desc() if order_query.descending else column.asc() for column in columns]


# Which orders


def matching(
    connection: Connection, order_query: OrderQuery, *, whole: bool = False
) -> ColumnElement[bool]:
    """The condition on views; terms that few orders have are looked up for it.

    `whole` says whether all that match will be read: other terms are then looked up at once, and
    else order by order, which ends with the page.
    """
    few: set[str] | None = None
    conditions = _of_columns(order_query)
    for groups in (*(((having,),) for having in order_query.having), *order_query.any_of):
        ids, exact = _few(connection, order_query.account, groups)
        if ids is not None:
            few = ids if few is None else few & ids
        if not exact:
            # Alternatives are made a set at once: by order they cost several look-ups.
            at_once = whole or len(groups) > 1
            conditions.append(_members(order_query.account, groups) if at_once else _any(groups))
    if few is not None:
        conditions.append(t.c.order_id.in_(sorted(few)))
    return and_(*conditions)


def _of_columns(
    order_query: OrderQuery, account: BindParameter[str] | None = None
) -> list[ColumnElement[bool]]:
    """Conditions on columns; `account` stands for that of the query."""
    whose = order_query.account if account is None else account
    conditions = [t.c.account == whose, t.c.complete.is_(not order_query.incomplete)]
    if order_query.person is not None:
        theirs = select(customer_index.c.order_id).where(
            customer_index.c.account == order_query.account
        )
        conditions.append(
            t.c.order_id.in_(theirs.where(customer_index.c.name == order_query.person))
        )
    if order_query.statuses:
        conditions.append(t.c.status.in_(order_query.statuses))
    for name, (low, high) in (("created_at", order_query.created), *order_query.dates):
        if low is not None:
            conditions.append(t.c[name] >= low)
        if high is not None:
            conditions.append(t.c[name] <= high)
    if order_query.undelivered:
        conditions += [t.c.delivered.is_(False), t.c.status != str(Status.CANCELED)]
    conditions += [~has_term("flag", (flag,)) for flag in order_query.lacking]
    if order_query.failing:
        retried = t.c.order_id.in_(
            select(outbox_messages.c.order_id).where(_tried(order_query.account))
        )
        kinds = {"perm": has_term("flag", ("error:perm",)), "temp": retried}
        conditions.append(or_(*(kinds[kind] for kind in order_query.failing)))
    return conditions


def _few(
    connection: Connection, account: str, groups: Sequence[Sequence[TermFilter]]
) -> tuple[set[str] | None, bool]:
    """The orders that may match one of the groups, and whether they all do; None: too many."""
    found, exact = set[str](), True
    for group in groups:
        together: set[str] | None = None
        for having in group:
            query = select(o.c.order_id).where(o.c.account == account, _is(having))
            ids = set(connection.execute(query.limit(FEW + 1)).scalars())
            if len(ids) <= FEW:
                together = ids if together is None else together & ids
            else:
                exact = False
        if together is None:
            return None, False
        found |= together
    return (found, exact) if len(found) <= FEW else (None, False)


def _is(having: TermFilter) -> ColumnElement[bool]:
    if not having.prefix:
        return and_(o.c.kind == having.kind, o.c.term.in_(having.terms))
    beginning = (and_(o.c.term >= term, o.c.term < term + _HIGHEST) for term in having.terms)
    return and_(o.c.kind == having.kind, or_(*beginning))


def _any(groups: Sequence[Sequence[TermFilter]]) -> ColumnElement[bool]:
    """Whether an order matches one of the groups, for each order."""
    same = (o.c.account == t.c.account, o.c.order_id == t.c.order_id)

    def has(having: TermFilter) -> ColumnElement[bool]:
        return select(1).where(*same, _is(having)).correlate(t).exists()

    return or_(*(and_(*map(has, group)) for group in groups))


def _members(account: str, groups: Sequence[Sequence[TermFilter]]) -> ColumnElement[bool]:
    """The same as one set of orders, made once."""

    def having(one: TermFilter) -> Select[Any]:
        return select(o.c.order_id).where(o.c.account == account, _is(one))

    each = []
    for first, *others in groups:
        found = having(first)
        for other in others:
            found = found.where(o.c.order_id.in_(having(other)))
        each.append(found)
    return t.c.order_id.in_(union_all(*each) if len(each) > 1 else each[0])


# Totals


def totals(connection: Connection, order_query: OrderQuery) -> Totals:
    """Exact totals, from those that are kept where they say it, else over the orders that match."""
    if not totals_are_kept(order_query):
        return _added_up(connection, matching(connection, order_query, whole=True))
    if _is_plain(order_query):
        statement = _plain_totals(replace(order_query, account="", page=1))
    else:
        statement = _totals(order_query)
    found = orders_totals.totals(connection, statement, order_query.account)
    for edge in orders_totals.edges(order_query.created):
        partial = matching(connection, replace(order_query, created=edge), whole=True)
        found = found + _added_up(connection, partial)
    return found


def _totals(order_query: OrderQuery) -> Select[Any]:
    return orders_totals.statement(
        [*metrics_of(order_query, bindparam("of")), orders_totals.within(order_query.created)]
    )


@lru_cache(256)
def _plain_totals(order_query: OrderQuery) -> Select[Any]:
    return _totals(order_query)


def totals_are_kept(order_query: OrderQuery) -> bool:
    """Whether the totals of the query are among those that are kept with the views."""
    if order_query.dates or order_query.lacking or order_query.any_of:
        return False
    if order_query.undelivered or order_query.failing:
        return False
    if len(order_query.having) > 1:
        return False
    return all(
        having.kind in COUNTED and (having.kind in SINGLE or len(having.terms) == 1)
        for having in order_query.having
    )


def metrics_of(
    order_query: OrderQuery, account: BindParameter[str] | None = None
) -> list[ColumnElement[bool]]:
    """The condition on totals, but for the creation date; `account` stands for the query's."""
    whose = order_query.account if account is None else account
    kind, terms = ALL_ORDERS
    for having in order_query.having:
        kind, terms = having.kind, having.terms
    conditions = [f.c.account == whose, f.c.kind == kind, f.c.term.in_(terms)]
    if order_query.incomplete:
        return [*conditions, f.c.status == "", *_impossible(order_query.statuses)]
    if order_query.statuses:
        return [*conditions, f.c.status.in_(order_query.statuses)]
    return [*conditions, f.c.status != ""]


def _impossible(statuses: Iterable[str]) -> list[ColumnElement[bool]]:
    """Incomplete orders have no status: whoever names one finds none."""
    return [f.c.status.in_(list(statuses))] if statuses else []


_HALF: ColumnElement[int] = literal_column(str(1 << 20))  # values are squared in two parts


def _added_up(connection: Connection, conditions: ColumnElement[bool]) -> Totals:
    """Totals over the orders that match, every one looked at; squares exact in 64 bits."""
    columns = []
    for column in (t.c.value, t.c["items"]):
        high = column // _HALF
        low = column - high * _HALF
        columns += [func.min(column), func.max(column), func.sum(column)]
        columns += [func.sum(high * high), func.sum(high * low), func.sum(low * low)]
    query = select(t.c.origin, t.c.currency, func.count(), *columns).where(conditions)
    value, items = {}, {}
    for origin, currency, count, *fields in connection.execute(
        query.group_by(t.c.origin, t.c.currency)
    ):
        numbers = [int(number) for number in fields]
        value[origin, currency] = _sums(count, numbers[:6])
        items[origin, currency] = _sums(count, numbers[6:])
    return Totals(value, items)


def _sums(count: int, fields: Sequence[int]) -> Sums:
    least, greatest, total, high, mixed, low = fields
    squares = (high << 40) + (mixed << 21) + low
    return Sums(count, least, greatest, total, squares)
