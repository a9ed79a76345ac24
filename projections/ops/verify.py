"""Are the views what the ledger says? Every row of every view, recomputed and compared (G8).

Orders and documents are taken page by page, in the order in which they were first recorded. What a
view should have is built as of the position where its subscription stands; a view moves on
meanwhile, so what differs is looked at again before it is reported. Nothing is written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Select, Table, exists, func, select

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.folding import (
    NOTHING,
    StreamLoader,
    StreamState,
)
from oms_ledger.eventstore.records import order_of, order_stream, order_stream_in_sql
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.order import Order
from projections import tables
from projections.customers import index
from projections.ops.differences import Difference, comparable
from projections.ops.verify_authorizations import (
    verify_authorizations,
    verify_no_unknown_authorizations,
)
from projections.ops.verify_documents import verify_documents, verify_no_unknown_rows
from projections.ops.verify_notifications import verify_notifications
from projections.ops.verify_unique_keys import (
    verify_heads,
    verify_keys_of_orders,
    verify_no_unknown_keys,
)
from projections.orders import totals, views
from projections.sql.keys import among
from projections.subscriptions import checkpoints, registry
from projections.timers import deadlines

PAGE = 200  # orders
LOOKS = 5  # at what differs: a busy view has moved on by then, a wrong one has not

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Check:
    """A table of a view, and the rows that an order has in it."""

    subscription: str
    table: Table
    rows: Callable[[Order, int, Encryption], Rows]


def _terms(order: Order, version: int, encryption: Encryption) -> Rows:
    place = {"account": order.account, "order_id": order.order_id}
    fields = orjson.loads(views.view(order, version)["terms"])
    return [place | {"kind": kind, "term": term, "shown": shown} for kind, term, shown in fields]


def _due(order: Order, version: int, encryption: Encryption) -> Rows:
    timer = deadlines.timer(order)
    return [{"account": order.account, "order_id": order.order_id, **timer}] if timer else []


CHECKS = (
    Check(views.SUBSCRIPTION, tables.order_views, lambda o, v, _: [views.view(o, v)]),
    Check(views.SUBSCRIPTION, tables.order_search_terms, _terms),
    Check(deadlines.SUBSCRIPTION, tables.timers, _due),
    Check(index.SUBSCRIPTION, tables.customer_index, index.rows_of),
)


def verify_views(
    database: Database, loader: StreamLoader
) -> Iterator[tuple[int, list[Difference]]]:
    """Yields how many orders were looked at so far, and what of them differs."""
    after, done = 0, 0
    while page := verify_page(database, loader, after):
        after, count, found = page
        done += count
        yield done, found
    yield done, verify_whole(database)


def verify_page(
    database: Database, loader: StreamLoader, after: int
) -> tuple[int, int, list[Difference]] | None:
    """The orders that were placed next after a position: the last one's, how many, what differs."""
    page = _placed(database, after)
    if not page:
        return None
    streams = [(account, stream) for _, account, stream in page]
    found = [one for check in CHECKS for one in _differences(database, loader, check, streams)]
    found += verify_documents(database, loader, [stream for _, stream in streams])
    found += verify_authorizations(database, loader, streams)
    found += verify_keys_of_orders(database, loader, streams)
    return page[-1][0], len(page), found


def verify_whole(database: Database) -> list[Difference]:
    """What differs of the views as a whole, whatever order it is about."""
    with database.snapshot() as connection:
        return [
            *_unknown_rows(connection),
            *verify_no_unknown_rows(connection),
            *verify_no_unknown_authorizations(connection),
            *_figures(connection),
            *_unowned(connection),
            *verify_notifications(connection),
            *verify_no_unknown_keys(connection),
            *verify_heads(connection),
        ]


def count_orders(database: Database) -> int:
    """How many orders there are to verify, over all accounts."""
    with database.reading() as connection:
        return int(connection.execute(_first_entries(select(func.count()))).scalar_one())


def _first_entries(query: Select[Any]) -> Select[Any]:
    return query.select_from(events).where(
        events.c.version == 1,
        events.c.stream != events.c.account + "/",
        events.c.account.not_in(hosting.forgotten()),
    )


def _placed(database: Database, after: int) -> list[tuple[int, str, str]]:
    query = _first_entries(select(events.c.position, events.c.account, events.c.stream))
    query = query.where(events.c.position > after).order_by(events.c.position).limit(PAGE)
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def _differences(
    database: Database, loader: StreamLoader, check: Check, streams: Sequence[tuple[str, str]]
) -> list[Difference]:
    found: list[Difference] = []
    for _ in range(LOOKS):
        found = list(_look(database, loader, check, streams))
        if not found:
            break
        differing = {order_stream(one.account, one.order_id) for one in found}
        streams = [pair for pair in streams if pair[1] in differing]
    return found


def _look(
    database: Database, loader: StreamLoader, check: Check, streams: Sequence[tuple[str, str]]
) -> Iterator[Difference]:
    with database.reading() as connection:
        at = checkpoints.position(connection, check.subscription) or 0
    stored = _stored(database, check.table, streams)
    rows = loader.store.streams([stream for _, stream in streams], loader.store.head())
    states = {stream: [(NOTHING, 0)] for _, stream in streams}
    for row, event in zip(rows, loader.events(rows), strict=True):
        states[row.stream].append(
            (loader.apply(states[row.stream][-1][0], row, event), row.position)
        )
    for account, stream in streams:
        passed = [position for _, position in states[stream] if position <= at]
        now = states[stream][len(passed) - 1 :]
        if not _agrees(check, stored.get(stream, []), now, loader.encryption):
            yield Difference(now[0][1], check.table.name, account, order_of(account, stream) or "")


def _agrees(
    check: Check, stored: Rows, states: Sequence[tuple[StreamState, int]], encryption: Encryption
) -> bool:
    """Whether the rows are the order's as of the subscription, or, after a rebuild, of a later
    event.
    """
    fields = comparable(stored)
    return any(
        fields == comparable(_rows(check, loaded_state, encryption)) for loaded_state, _ in states
    )


def _rows(check: Check, loaded_state: StreamState, encryption: Encryption) -> Rows:
    if not isinstance(loaded_state.state, Order):
        return []
    return check.rows(loaded_state.state, loaded_state.version, encryption)


def _stored(
    database: Database, table: Table, streams: Sequence[tuple[str, str]]
) -> dict[str, Rows]:
    keys = [(account, order_of(account, stream) or "") for account, stream in streams]
    stored: dict[str, Rows] = {}
    with database.snapshot() as connection:
        of_keys = among(connection, (table.c.account, table.c.order_id), keys)
        for row in connection.execute(select(table).where(of_keys)):
            fields = dict(row._mapping)
            stored.setdefault(order_stream(row.account, row.order_id), []).append(fields)
    return stored


def _unknown_rows(connection: Connection) -> Iterator[Difference]:
    """Rows about orders that the ledger does not know."""
    for table in {check.table.name: check.table for check in CHECKS}.values():
        known = exists().where(
            events.c.stream == order_stream_in_sql(table.c.account, table.c.order_id),
            events.c.version == 1,
        )
        query = select(table.c.account, table.c.order_id).where(~known).distinct()
        for account, order_id in connection.execute(query):
            yield Difference(0, table.name, account, order_id)


def _figures(connection: Connection) -> Iterator[Difference]:
    """Days whose totals are not the sum of their orders; both in one look, so at one moment."""
    v, f = tables.order_views, tables.order_totals
    if connection.dialect.name == "postgresql":
        day = func.div(v.c.created_at, totals.DAY).label("bucket")
    else:
        day = (v.c.created_at.op("/")(totals.DAY)).label("bucket")
    place = (v.c.account, day, func.coalesce(v.c.status, ""), v.c.origin, v.c.currency)
    added = select(*place, func.count(), func.sum(v.c.value), func.sum(v.c["items"]))
    added = added.group_by(*place)
    kind, term = totals.ALL
    kept = select(
        f.c.account, f.c.bucket, f.c.status, f.c.origin, f.c.currency,
        f.c.count, f.c.value_sum, f.c.items_sum,
    ).where(f.c.kind == kind, f.c.term == term, f.c.span == "day")  # fmt: skip
    ours, theirs = added.except_(kept).subquery(), kept.except_(added).subquery()
    both = select(ours).union(select(theirs))
    for account, bucket, *_ in connection.execute(both):
        yield Difference(0, f.name, account, f"day {bucket}")


def _unowned(connection: Connection) -> Iterator[Difference]:
    """Subscriptions of keys and accounts without their configuration, and the other way round."""
    t, owners = tables.subscriptions.c, registry.owners()
    for kind in registry.KINDS.values():
        query = select(t.id).where(t.id.startswith(f"{kind.name}:", autoescape=True))
        there = set(connection.execute(query).scalars())
        expected = dict[str, str]()
        if (name := owners.get(kind.name)) is not None:
            rows = connection.execute(select(name, name.table.c.account))
            expected = {kind.subscription_of(owner): account for owner, account in rows}
        else:
            expected = {kind.subscription: ""}
            there = checkpoints.positions(connection, [kind.subscription]).keys() | there
        for one in sorted(there ^ expected.keys()):
            yield Difference(0, "subscriptions", expected.get(one, ""), one)
