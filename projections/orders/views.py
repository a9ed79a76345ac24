"""Order views: the document as Get order answers it, the row of List orders, and what finds it.

One destination keeps four things together in the transaction that moves the subscription: the
views, the terms that orders are found by, and the totals that lists add up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, func, select

from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.records import micros, order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.documents import list_row, oms_document
from oms_ledger.orders.documents.deliveries import delivered
from oms_ledger.orders.documents.list_row import latest_estimate
from oms_ledger.orders.documents.search_terms import COUNTED, terms_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from projections.exports import exports
from projections.orders import totals
from projections.orders.totals import OrderShare
from projections.sql.keys import among
from projections.sql.upserts import upsert
from projections.tables import order_search_terms, subscriptions
from projections.tables import order_totals as totals_table
from projections.tables import order_views as t

SUBSCRIPTION = "order-views"
# Raised whenever a row, a term or a document comes out otherwise than before: at the next start
# every view is then rebuilt, while the old ones are served.
VIEW_VERSION = 13

_HEAD_VERSION = (
    select(func.max(events.c.version)).where(events.c.stream == bindparam("stream"))
).scalar_subquery()
_ONE = select(
    _HEAD_VERSION,
    select(t.c.version)
    .where(t.c.account == bindparam("account"), t.c.order_id == bindparam("order_id"))
    .scalar_subquery(),
    select(t.c.document)
    .where(t.c.account == bindparam("account"), t.c.order_id == bindparam("order_id"))
    .scalar_subquery(),
)


_ERASED = "person-erased"  # the stored name of the event


class Produced(NamedTuple):
    """Views, and the accounts of which a person was erased: no export may name them longer."""

    views: list[dict[str, Any]]
    erased: frozenset[str] = frozenset()


class OrderViews:
    """Destination of the subscription `order-views`: each order as it is after its latest event."""

    view_version = VIEW_VERSION

    def produce(self, page: Page) -> Produced:
        """The view of each order that the page says something of, as it is after the page."""
        latest: dict[str, tuple[Order, int]] = {}
        for step in page.steps():
            if isinstance(step.after.state, Order):
                latest[step.row.stream] = (step.after.state, step.row.version)
        return Produced(
            [view(order, version) for order, version in latest.values()],
            frozenset(row.account for row in page.rows if row.name == _ERASED),
        )

    def store(self, connection: Connection, produced: object) -> None:
        """Set views, terms and totals; a view that is newer than the page's stays."""
        assert isinstance(produced, Produced)
        for account in sorted(produced.erased):
            exports.forget(connection, account)
        if not produced.views:
            return
        _alone(connection)
        former = _stored(connection, produced.views)
        moves, fresh = [], []
        for one in produced.views:
            before = former.get((one["account"], one["order_id"]))
            if before is None or before["version"] <= one["version"]:  # a rebuild sets nothing back
                fresh.append(one)
                moves.append((before, one))
        if not fresh:
            return
        connection.execute(upsert(connection, t), fresh)
        _set_terms(connection, moves)
        shares = [(_share(before) if before else None, _share(one)) for before, one in moves]
        totals.keep(connection, shares)


def _alone(connection: Connection) -> None:
    """One writer of views at a time, whoever's subscription it is: totals are read before
    written.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transaction is alone from the start
        live = select(subscriptions.c.id).where(subscriptions.c.id == SUBSCRIPTION)
        connection.execute(live.with_for_update())


_LIGHT = [column for column in t.c if column.name not in ("row", "document")]


def _stored(
    connection: Connection, produced: Sequence[dict[str, Any]]
) -> dict[tuple[str, str], dict[str, Any]]:
    keys = [(one["account"], one["order_id"]) for one in produced]
    query = select(*_LIGHT).where(among(connection, (t.c.account, t.c.order_id), keys))
    return {(row.account, row.order_id): dict(row._mapping) for row in connection.execute(query)}


def _set_terms(
    connection: Connection, moves: Iterable[tuple[dict[str, Any] | None, dict[str, Any]]]
) -> None:
    """Terms that an order has no more are taken out, those it has got are put in."""
    gone: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for before, one in moves:
        if before and before["terms"] == one["terms"]:
            continue
        had = {tuple(term) for term in orjson.loads(before["terms"])} if before else set()
        has = {tuple(term) for term in orjson.loads(one["terms"])}
        order = {name: one[name] for name in ("account", "order_id")}
        gone += [
            {"gone_" + name: value for name, value in order.items()}
            | {"gone_kind": kind, "gone_term": term}
            for kind, term, _ in had - has
        ]
        new += [
            order | {"kind": kind, "term": term, "shown": shown} for kind, term, shown in has - had
        ]
    o = order_search_terms
    if gone:
        key = (column for column in o.c if column.primary_key)
        connection.execute(
            o.delete().where(*(column == bindparam("gone_" + column.name) for column in key)), gone
        )
    if new:
        connection.execute(o.insert(), new)


def _share(one: dict[str, Any]) -> OrderShare:
    terms = orjson.loads(one["terms"])
    return OrderShare(
        account=one["account"],
        created_at=one["created_at"],
        status=one["status"] or "",
        origin=one["origin"],
        currency=one["currency"],
        value=one["value"],
        items=one["items"],
        terms=tuple((kind, term) for kind, term, _ in terms if kind in COUNTED),
    )


def view(order: Order, version: int) -> dict[str, Any]:
    """The columns of an order's view."""
    row, document = list_row(order), oms_document(order)
    promised = latest_estimate(order)
    reached = {status: at for status, at in reversed(order.timeline)}
    approved, ready = (
        reached.get(status) for status in (Status.PAYMENT_APPROVED, Status.READY_FOR_HANDLING)
    )
    approved = approved or order.authorized_at
    return {
        "account": order.account,
        "order_id": order.order_id,
        "version": version,
        "order_group": order.placed.order_group,
        "sequence": order.placed.sequence,
        "complete": order.status is not None,
        "status": None if order.status is None else str(order.status),
        "created_at": micros(order.created_at),
        "authorized_at": order.authorized_at and micros(order.authorized_at),
        "approved_at": approved and micros(approved),
        "ready_at": ready and micros(ready),
        "invoiced_at": order.invoiced_at and micros(order.invoiced_at),
        "estimate_at": promised and micros(promised),
        "delivered": delivered(order),
        "value": order.value,
        "items": row["totalItems"],
        "origin": order.origin,
        "currency": row["currencyCode"],
        "terms": orjson.dumps([*map(list, terms_of(document, row, order.placed.details))]).decode(),
        "row": orjson.dumps(row),
        "document": orjson.dumps(document),
    }


def document(connection: Connection, account: str, order_id: str) -> tuple[bytes | None, bool]:
    """The stored document when it is as new as the stream, and whether the order exists."""
    parameters = {
        "stream": order_stream(account, order_id),
        "account": account,
        "order_id": order_id,
    }
    head, version, stored = connection.execute(_ONE, parameters).one()
    if head is None:
        return None, False
    return (bytes(stored), True) if version == head else (None, True)


def versioned_document(
    connection: Connection, account: str, order_id: str
) -> tuple[int, bytes] | None:
    """The stored document, and the version of the order that it shows."""
    query = select(t.c.version, t.c.document)
    query = query.where(t.c.account == account, t.c.order_id == order_id)
    found = connection.execute(query).one_or_none()
    return None if found is None else (found.version, bytes(found.document))


def by_sequence(connection: Connection, account: str, sequence: int) -> str | None:
    """The id of the account's order with that sequence number."""
    query = select(t.c.order_id).where(t.c.account == account, t.c.sequence == sequence)
    return connection.execute(query.limit(1)).scalar_one_or_none()


def clear(connection: Connection) -> None:
    """Empty the views, terms and totals, to be made again."""
    for table in (t, order_search_terms, totals_table):
        connection.execute(table.delete())


@dataclass(frozen=True, slots=True)
class GroupedOrder:
    """An order of a group, with the document of its OMS path as bytes of JSON."""

    order_id: str
    version: int
    created_at: int
    document: bytes


def group(connection: Connection, account: str, order_group: str) -> list[GroupedOrder]:
    """The orders of a group, each with its document of that version."""
    query = select(t.c.order_id, t.c.version, t.c.created_at, t.c.document)
    query = query.where(t.c.account == account, t.c.order_group == order_group)
    found = connection.execute(query.order_by(t.c.order_id))
    return [
        GroupedOrder(order_id, version, created_at, bytes(document))
        for order_id, version, created_at, document in found
    ]


def group_ids(connection: Connection, account: str, order_group: str) -> list[str]:
    """The ids of a group's orders, sorted; those of incomplete orders too."""
    query = select(t.c.order_id).where(t.c.account == account, t.c.order_group == order_group)
    return list(connection.execute(query.order_by(t.c.order_id)).scalars())
