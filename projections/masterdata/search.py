"""Searching documents: pages with exact totals of one instant, and scrolls over a fixed set."""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy import true as always
from sqlalchemy.exc import DBAPIError

from oms_ledger.masterdata.condition import ALWAYS, Condition
from oms_ledger.masterdata.document import Document
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.geography import KILOMETERS_PER_DEGREE, Near, distance, longitudes
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.refusals import SearchTooSlow, TooManyScrolls, UnknownScroll
from oms_ledger.masterdata.values import fold
from projections.masterdata.documents import document_of
from projections.masterdata.tables import document_schemas as schemas
from projections.masterdata.tables import document_scroll_items as items
from projections.masterdata.tables import document_scrolls as scrolls
from projections.masterdata.tables import document_terms as terms
from projections.masterdata.tables import documents as t
from projections.masterdata.where import INTERNAL, Where

PATIENCE = 10.0  # seconds that a search may take
_AT_ONCE = 500  # documents that are measured one by one
MOST_SCROLLS, SCROLL_LIFETIME = 10, 20 * 60 * 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Sort:
    """A field that documents are sorted by; null and nothing come last."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What documents of an entity are looked for. `keyword` is text in any of `keyword_fields`."""

    account: str
    entity: Entity
    condition: Condition = ALWAYS
    schema: str | None = None
    keyword: str | None = None
    near: tuple[Near, ...] = ()
    sort: tuple[Sort, ...] = ()
    sort_near: Near | None = None
    own_ids: frozenset[str] | None = field(default=None)

    @property
    def geographic(self) -> bool:
        """Whether distances from a point decide, which are worked out here and not in SQL."""
        return bool(self.near or self.sort_near)


@dataclass(frozen=True, slots=True)
class Found:
    """`distances` in kilometers, by the key of the document, where it was sorted by them."""

    documents: list[Document]
    total: int
    distances: dict[str, float] = field(default_factory=dict)


def search(connection: Connection, query: Query, offset: int, limit: int) -> Found:
    """A page of what is found, and how many there are; refused when it takes too long."""
    with _bounded(connection, query):
        if query.geographic:
            return _near(connection, query, offset, limit)
        where, rows = _where(query), list[Row[Any]]()
        if limit:
            page = select(t).where(where).order_by(*_order(query)).limit(limit).offset(offset)
            rows = list(connection.execute(page))
        if rows and len(rows) < limit:  # the last page says how many there are
            total = offset + len(rows)
        else:
            total = connection.scalar(_count(query, where)) or 0
        return Found([document_of(row) for row in rows], total)


@contextmanager
def _bounded(connection: Connection, query: Query) -> Iterator[None]:
    """Break off what takes longer than `PATIENCE`."""
    raw: Any = connection.connection.driver_connection
    until = time.monotonic() + PATIENCE
    on_sqlite = connection.dialect.name == "sqlite"
    if on_sqlite:
        raw.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    else:
        milliseconds = int(PATIENCE * 1000)
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
    try:
        yield
    except DBAPIError as error:
        slow = isinstance(error.orig, sqlite3.OperationalError) and "interrupt" in str(error.orig)
        if slow or type(error.orig).__name__ == "QueryCanceled":
            raise _too_slow(query) from None
        raise
    finally:
        if on_sqlite:
            raw.set_progress_handler(None, 0)


def _too_slow(query: Query) -> SearchTooSlow:
    names = ", ".join(query.entity.keyword_fields()) or "none"
    return SearchTooSlow(f"The search took longer than {PATIENCE:.0f} s. Indexed fields: {names}")


def _count(query: Query, where: ColumnElement[bool]) -> Select[Any]:
    """How many there are; without a look at the documents where their terms say it."""
    scope = Where(query.account, query.entity.name, query.entity.paths.numbers)
    others = query.schema or query.keyword or query.own_ids is not None
    keys = None if others else scope.keys(query.condition)
    if keys is None:
        return select(func.count()).select_from(t).where(where)
    return select(func.count()).select_from(keys.subquery())


def _where(query: Query) -> ColumnElement[bool]:
    scope = Where(query.account, query.entity.name, query.entity.paths.numbers)
    parts = [t.c.account == query.account, t.c.entity == query.entity.name]
    parts.append(scope.of(query.condition))
    if query.schema:
        complying = select(schemas.c.id_key).where(
            schemas.c.account == query.account,
            schemas.c.entity == query.entity.name,
            schemas.c.schema == query.schema,
        )
        parts.append(t.c.id_key.in_(complying))
    if query.own_ids is not None:
        parts.append(t.c.id_key.in_([fold(one) for one in query.own_ids]))
    if query.keyword:
        parts.append(t.c.id_key.in_(_with_keyword(query, query.keyword)))
    parts += [t.c.id_key.in_(_in_box(query, one)) for one in query.near]
    return and_(*parts)


def _terms_at(query: Query, paths: Sequence[str]) -> Select[Any]:
    return select(terms.c.id_key).where(
        terms.c.account == query.account,
        terms.c.entity == query.entity.name,
        terms.c.path.in_(list(paths)),
    )


def _with_keyword(query: Query, keyword: str) -> Select[Any]:
    text = terms.c.term.concat(func.coalesce(terms.c.rest, ""))
    return _terms_at(query, query.entity.keyword_fields()).where(
        text.contains(fold(keyword), autoescape=True)
    )


def _order(query: Query) -> list[ColumnElement[Any]]:
    order = [part for one in query.sort for part in _by(query, one)]
    return [*order, t.c.created_at, t.c.id_key]


def _by(query: Query, sort: Sort) -> Iterator[ColumnElement[Any]]:
    """Nulls come last in both directions; of several values the nearest end counts."""
    if sort.field in INTERNAL:
        column = INTERNAL[sort.field][0]
        yield column.is_(None)
        yield column.desc() if sort.descending else column.asc()
        return
    best = func.max if sort.descending else func.min
    ours = and_(
        terms.c.account == query.account,
        terms.c.entity == query.entity.name,
        terms.c.path == sort.field,
        terms.c.id_key == t.c.id_key,
    )
    for column in (terms.c.number, terms.c.instant, terms.c.term):
        value = select(best(column)).where(ours).correlate(t).scalar_subquery()
        yield value.is_(None)
        yield value.desc() if sort.descending else value.asc()


# Near a point


def _in_box(query: Query, near: Near) -> Select[Any]:
    """Those in the square around the point; the circle in it is looked at one by one."""
    reach = near.within / KILOMETERS_PER_DEGREE
    latitude = _terms_at(query, [f"{near.field}.latitude"]).where(
        terms.c.number.between(near.latitude - reach, near.latitude + reach)
    )
    spans = [terms.c.number.between(low, high) for low, high in longitudes(near)]
    longitude = _terms_at(query, [f"{near.field}.longitude"]).where(or_(*spans))
    return latitude.where(terms.c.id_key.in_(longitude))


def _near(connection: Connection, query: Query, offset: int, limit: int) -> Found:
    ordered = _by_distance(connection, query)
    page = dict(ordered[offset : offset + limit])
    chosen = select(t).where(
        t.c.account == query.account,
        t.c.entity == query.entity.name,
        t.c.id_key.in_(list(page)),
    )
    documents = {row.id_key: document_of(row) for row in connection.execute(chosen)}
    distances = {documents[key].key: away for key, away in page.items() if away is not None}
    return Found([documents[key] for key in page], len(ordered), distances)


def _is_within(near: Near, fields: Mapping[str, Any]) -> bool:
    away = distance(near, fields)
    return away is not None and away <= near.within


def _by_distance(connection: Connection, query: Query) -> list[tuple[str, float | None]]:
    """The keys of all that is found in their order, with the kilometers where they say it."""
    found: list[tuple[str, float | None]] = []
    sort, until = query.sort_near, time.monotonic() + PATIENCE
    rows = select(t.c.id_key, t.c.content).where(_where(query)).order_by(*_order(query))
    with connection.execute(rows.execution_options(yield_per=_AT_ONCE)) as each:
        for key, content in each:
            if time.monotonic() >= until:
                raise _too_slow(query)
            fields = orjson.loads(content)
            if all(_is_within(one, fields) for one in query.near):
                found.append((key, distance(sort, fields) if sort else None))
    if sort:
        sign = -1 if sort.descending else 1
        found.sort(key=lambda one: (one[1] is None, sign * (one[1] or 0)))
    return found


# Scrolls


@dataclass(frozen=True, slots=True)
class ScrollPage:
    """The next documents of a scroll; `request` is what it was begun with.

    `keys` stand for the documents of an entity that is not stored as such.
    """

    token: str
    request: dict[str, Any]
    documents: list[Document]
    total: int
    keys: list[str]


def open_scroll(
    connection: Connection,
    query: Query,
    size: int,
    request: dict[str, Any],
    ids: Sequence[str] | None = None,
    *,
    now: int,
) -> str:
    """Fix the set of documents that the query finds now, or `ids`; the token to go through it with.

    The transaction is one that writes.
    """
    expire_scrolls(connection, now)
    mine = (scrolls.c.account == query.account, scrolls.c.open == always())
    if connection.dialect.name == "postgresql":  # one at a time, so that they can be counted
        lock = func.hashtextextended(f"scrolls/{query.account}", 0)
        connection.execute(select(func.pg_advisory_xact_lock(lock)))
    opened = connection.execute(select(func.count()).where(*mine)).scalar_one()
    if opened >= MOST_SCROLLS:
        raise TooManyScrolls()
    token = secrets.token_hex(16)
    if ids is None:
        with _bounded(connection, query):
            total = _fix(connection, query, token)
    else:
        total = _fix_ids(connection, ids, token)
    connection.execute(
        insert(scrolls).values(
            token=token,
            account=query.account,
            entity=query.entity.name,
            request=orjson.dumps(request).decode(),
            size=size,
            total=total,
            next=0,
            open=True,
            called_at=now,
        )
    )
    return token


def _fix(connection: Connection, query: Query, token: str) -> int:
    if query.geographic:
        return _fix_ids(connection, [key for key, _ in _by_distance(connection, query)], token)
    ordinal = func.row_number().over(order_by=_order(query)) - 1
    chosen = select(literal(token), ordinal, t.c.id_key).where(_where(query))
    fixed = insert(items).from_select(["token", "ordinal", "id_key"], chosen)
    connection.execute(fixed)
    count = select(func.count()).select_from(items).where(items.c.token == token)
    return int(connection.execute(count).scalar_one())


def _fix_ids(connection: Connection, ids: Sequence[str], token: str) -> int:
    rows = [{"token": token, "ordinal": n, "id_key": one} for n, one in enumerate(ids)]
    if rows:
        connection.execute(insert(items), rows)
    return len(rows)


def next_page(
    connection: Connection, account: str, entity: str, token: str, now: int
) -> ScrollPage:
    """The next documents of a scroll, as they stand now; those that were deleted are left out.

    Of another entity than those in `documents` only the keys are given.
    """
    ours = (
        scrolls.c.token == token,
        scrolls.c.account == account,
        scrolls.c.entity == entity,
        scrolls.c.called_at > now - SCROLL_LIFETIME,
    )
    scroll = connection.execute(select(scrolls).where(*ours).with_for_update()).one_or_none()
    if scroll is None:
        raise UnknownScroll(token)
    documents, keys = list[Document](), list[str]()
    at = scroll.next
    while max(len(documents), len(keys)) < scroll.size and at < scroll.total:
        wanted = scroll.size - max(len(documents), len(keys))
        if entity == ORDERS:
            keys += _keys(connection, token, at, wanted)
            at += wanted
            continue
        chosen = (
            select(t)
            .join(items, items.c.id_key == t.c.id_key)
            .where(items.c.token == token, items.c.ordinal >= at)
            .where(items.c.ordinal < at + wanted)
            .where(t.c.account == account, t.c.entity == entity)
            .order_by(items.c.ordinal)
        )
        documents += [document_of(row) for row in connection.execute(chosen)]
        at += wanted
    still_open = scroll.open and max(len(documents), len(keys)) == scroll.size
    moved = {"next": at, "called_at": now, "open": still_open}
    connection.execute(scrolls.update().where(scrolls.c.token == token).values(moved))
    return ScrollPage(token, orjson.loads(scroll.request), documents, scroll.total, keys)


def _keys(connection: Connection, token: str, first: int, count: int) -> list[str]:
    chosen = select(items.c.id_key).where(
        items.c.token == token, items.c.ordinal >= first, items.c.ordinal < first + count
    )
    return list(connection.execute(chosen.order_by(items.c.ordinal)).scalars())


def expire_scrolls(connection: Connection, now: int) -> None:
    """Forget the scrolls that nobody has called for so long."""
    old = select(scrolls.c.token).where(scrolls.c.called_at <= now - SCROLL_LIFETIME)
    tokens = list(connection.execute(old).scalars())
    if tokens:
        connection.execute(delete(items).where(items.c.token.in_(tokens)))
        connection.execute(delete(scrolls).where(scrolls.c.token.in_(tokens)))
