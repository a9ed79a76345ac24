"""Are the views what the ledger says? Every row of every view, recomputed and compared (G8).

Orders are taken page by page, in the order in which they were placed. What a view should have is
folded as of the position where its cursor stands; a view moves on meanwhile, so what differs is
looked at again before it is told. Nothing is written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Select, Table, exists, func, literal, select

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Vault
from oms_ledger.eventstore.folding import (
    NOTHING,
    Folded,
    Folds,
    step,
)
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.order import Order
from projections import tables
from projections.customers import index as people
from projections.orders import totals as order_figures
from projections.orders import views as order_views
from projections.sql.keys import among
from projections.subscriptions import checkpoints as cursors
from projections.timers import deadlines as due_times

PAGE = 200  # orders
LOOKS = 5  # at what differs: a busy view has moved on by then, a wrong one has not

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Check:
    """A table of a view, and the rows that an order has in it."""

    cursor: str
    table: Table
    rows: Callable[[Order, int, Vault], Rows]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A view that has something else for an order than its entries up to `position` amount to."""

    position: int
    view: str
    account: str
    order_id: str


def _terms(order: Order, version: int, vault: Vault) -> Rows:
    place = {"account": order.account, "order_id": order.order_id}
    told = orjson.loads(order_views.view(order, version)["terms"])
    return [place | {"kind": kind, "term": term, "shown": shown} for kind, term, shown in told]


def _due(order: Order, version: int, vault: Vault) -> Rows:
    timer = due_times.timer(order)
    return [{"account": order.account, "order_id": order.order_id, **timer}] if timer else []


CHECKS = (
    Check(order_views.CURSOR, tables.order_views, lambda o, v, _: [order_views.view(o, v)]),
    Check(order_views.CURSOR, tables.order_terms, _terms),
    Check(due_times.CURSOR, tables.due_times, _due),
    Check(people.CURSOR, tables.people, people.rows_of),
)


def verify_views(database: Database, folds: Folds) -> Iterator[tuple[int, list[Difference]]]:
    """Yields how many orders were looked at so far, and what of them differs."""
    after, done = 0, 0
    while page := _placed(database, after):
        after = page[-1][0]
        streams = [(account, stream) for _, account, stream in page]
        found = [one for check in CHECKS for one in _differences(database, folds, check, streams)]
        done += len(page)
        yield done, found
    with database.reading() as connection:
        yield done, [*_strangers(connection), *_figures(connection)]


def count_orders(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(_first_entries(select(func.count()))).scalar_one())


def _first_entries(query: Select[Any]) -> Select[Any]:
    return query.select_from(events).where(
        events.c.version == 1, events.c.stream != events.c.account + "/"
    )


def _placed(database: Database, after: int) -> list[tuple[int, str, str]]:
    query = _first_entries(select(events.c.position, events.c.account, events.c.stream))
    query = query.where(events.c.position > after).order_by(events.c.position).limit(PAGE)
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def _differences(
    database: Database, folds: Folds, check: Check, streams: Sequence[tuple[str, str]]
) -> list[Difference]:
    found: list[Difference] = []
    for _ in range(LOOKS):
        found = list(_look(database, folds, check, streams))
        if not found:
            break
        differing = {order_stream(one.account, one.order_id) for one in found}
        streams = [pair for pair in streams if pair[1] in differing]
    return found


def _look(
    database: Database, folds: Folds, check: Check, streams: Sequence[tuple[str, str]]
) -> Iterator[Difference]:
    with database.reading() as connection:
        at = cursors.position(connection, check.cursor) or 0
    stored = _stored(database, check.table, streams)
    rows = folds.store.streams([stream for _, stream in streams], folds.store.head())
    states = {stream: [(NOTHING, 0)] for _, stream in streams}
    for row, event in zip(rows, folds.events(rows), strict=True):
        states[row.stream].append((step(states[row.stream][-1][0], row, event), row.position))
    for account, stream in streams:
        passed = [position for _, position in states[stream] if position <= at]
        now = states[stream][len(passed) - 1 :]
        if not _agrees(check, stored.get(stream, []), now, folds.vault):
            yield Difference(now[0][1], check.table.name, account, stream[len(account) + 1 :])


def _agrees(check: Check, stored: Rows, states: Sequence[tuple[Folded, int]], vault: Vault) -> bool:
    """Whether the rows are the order's as of the cursor, or, after a rebuild, of a later entry."""
    told = _comparable(stored)
    return any(told == _comparable(_rows(check, folded, vault)) for folded, _ in states)


def _rows(check: Check, folded: Folded, vault: Vault) -> Rows:
    if not isinstance(folded.state, Order):
        return []
    return check.rows(folded.state, folded.version, vault)


def _stored(
    database: Database, table: Table, streams: Sequence[tuple[str, str]]
) -> dict[str, Rows]:
    keys = [(account, stream[len(account) + 1 :]) for account, stream in streams]
    stored: dict[str, Rows] = {}
    with database.reading() as connection:
        of_keys = among(connection, (table.c.account, table.c.order_id), keys)
        for row in connection.execute(select(table).where(of_keys)):
            told = dict(row._mapping)
            stored.setdefault(order_stream(row.account, row.order_id), []).append(told)
    return stored


def _comparable(rows: Rows) -> list[list[tuple[str, Any]]]:
    def plain(value: Any) -> Any:
        return bytes(value) if isinstance(value, memoryview) else value

    return sorted(
        ([(name, plain(value)) for name, value in sorted(row.items())] for row in rows), key=repr
    )


def _strangers(connection: Connection) -> Iterator[Difference]:
    """Rows about orders that the ledger does not know."""
    for table in {check.table.name: check.table for check in CHECKS}.values():
        known = exists().where(
            events.c.stream == table.c.account + literal("/") + table.c.order_id,
            events.c.version == 1,
        )
        query = select(table.c.account, table.c.order_id).where(~known).distinct()
        for account, order_id in connection.execute(query):
            yield Difference(0, table.name, account, order_id)


def _figures(connection: Connection) -> Iterator[Difference]:
    """Days whose totals are not the sum of their orders; both in one look, so at one moment."""
    v, f = tables.order_views, tables.order_figures
    if connection.dialect.name == "postgresql":
        day = func.div(v.c.created_at, order_figures.DAY).label("bucket")
    else:
        day = (v.c.created_at.op("/")(order_figures.DAY)).label("bucket")
    place = (v.c.account, day, func.coalesce(v.c.status, ""), v.c.origin, v.c.currency)
    added = select(*place, func.count(), func.sum(v.c.value), func.sum(v.c["items"]))
    added = added.group_by(*place)
    kind, term = order_figures.ALL
    kept = select(
        f.c.account, f.c.bucket, f.c.status, f.c.origin, f.c.currency,
        f.c.count, f.c.value_sum, f.c.items_sum,
    ).where(f.c.kind == kind, f.c.term == term, f.c.span == "day")  # fmt: skip
    ours, theirs = added.except_(kept).subquery(), kept.except_(added).subquery()
    both = select(ours).union(select(theirs))
    for account, bucket, *_ in connection.execute(both):
        yield Difference(0, f.name, account, f"day {bucket}")
