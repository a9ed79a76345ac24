"""Get, list, feed and rebuild on the projections themselves, beside raw SQL for the same rows."""

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import insert, select

from benchmarks import orders, places
from benchmarks.figures import Metric, percentile
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import RecordedEvent
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.orders import query as orders_query
from projections.orders import views as orders_views
from projections.orders.query import OrderQuery
from projections.orders.views import OrderViews, Produced
from projections.subscriptions import checkpoints, leases
from projections.tables import feed_items
from projections.tables import order_views as views
from tests.support.configuring import configure_feed

LOT = 10
ITEMS = 1_000
_PAGE_SQL = (
    "SELECT row FROM order_views WHERE account = ? AND complete = ?"
    " ORDER BY created_at DESC, order_id DESC LIMIT 15"
)
_HIDE_SQL = (
    "UPDATE feed_items SET visible_at = ? WHERE app_key = ? AND position IN ({}) RETURNING *"
)
_SEEN_SQL = (
    "SELECT position FROM feed_items WHERE app_key = ? AND visible_at <= ?"
    " ORDER BY position LIMIT 10"
)
_GONE_SQL = "DELETE FROM feed_items WHERE app_key = ? AND position IN ({})"


class Raw:
    """The driver alone: one connection, one statement a transaction."""

    def __init__(self, cell: Cell) -> None:
        self._sqlite = cell.database.sqlite
        if self._sqlite:
            self._connection: Any = sqlite3.connect(cell.database.path, isolation_level=None)
            self._connection.execute("PRAGMA synchronous=FULL")
        else:
            self._connection = cell.database.connect()

    def ask(self, query: str, *parameters: object) -> list[Any]:
        text = query if self._sqlite else query.replace("?", "%s")
        subscription = self._connection.execute(text, parameters)
        return list(subscription.fetchall()) if subscription.description else []

    def close(self) -> None:
        self._connection.close()


def figures(database: str, count: int, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        order_ids = asyncio.run(_lives(cell, count))
        loaded_state = rebuild(cell)
        yield Metric(
            *("rebuild order views", database, loaded_state, "events/s"),
            *(_rows_alone(cell), "raw SQL: the entries read, the finished rows written"),
        )
        with closing(Raw(cell)) as raw:
            yield from _get(cell, database, raw, order_ids, seconds)
            yield from _list(cell, database, raw, seconds)
            yield from _feed(cell, database, raw)


async def _lives(cell: Cell, count: int) -> list[str]:
    await orders.open_account(cell.ledger)
    order_ids: list[str] = []
    while len(order_ids) < count:
        order_ids += await asyncio.gather(*(orders.live(cell.ledger) for _ in range(64)))
    return order_ids


def rebuild(cell: Cell) -> float:
    """Events a second of a subscription that folds the views from the first event."""
    subscription, loader, passed = "rebuild:benchmark", cell.loader(), 0
    with cell.database.writing() as connection:
        checkpoints.create(connection, subscription, 0)
    token = leases.acquire(cell.database, subscription)
    assert token is not None
    began = time.perf_counter()
    while count := checkpoints.advance(cell.database, loader, subscription, token, OrderViews()):
        passed += count
    took = time.perf_counter() - began
    with cell.database.writing() as connection:
        checkpoints.drop(connection, subscription)
    return passed / took


def _rows_alone(cell: Cell) -> float:
    """The same pages read and as many finished views written, nothing decoded or folded."""
    with cell.database.snapshot() as connection:
        stored = {row.order_id: dict(row._mapping) for row in connection.execute(select(views))}
    destination, at, began = OrderViews(), 0, time.perf_counter()
    while rows := cell.store.page(at):
        at = rows[-1].position
        with cell.database.writing() as connection:
            destination.store(connection, Produced(_of(rows, stored)))
    return at / (time.perf_counter() - began)


def _of(rows: Sequence[RecordedEvent], stored: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [stored[order_id] for order_id in {row.order_id for row in rows} if order_id in stored]


def seconds_each(work: Callable[[int], object], seconds: float) -> list[float]:
    """How long each of many calls took."""
    taken, until = list[float](), time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        work(len(taken))
        taken.append(time.perf_counter() - began)
    return taken


def get(cell: Cell, order_id: str) -> bytes:
    with cell.database.snapshot() as connection:
        document, _ = orders_views.document(connection, orders.ACCOUNT, order_id)
    assert document
    return document


def _get(
    cell: Cell, database: str, raw: Raw, order_ids: list[str], seconds: float
) -> Iterator[Metric]:
    query = "SELECT document FROM order_views WHERE account = ? AND order_id = ?"
    count = len(order_ids)
    taken = seconds_each(lambda n: get(cell, order_ids[n * 7 % count]), seconds / 2)
    alone = seconds_each(
        lambda n: raw.ask(query, orders.ACCOUNT, order_ids[n * 7 % count]), seconds / 2
    )
    yield Metric(
        *("get order, never stale, one thread", database, len(taken) / sum(taken), "orders/s"),
        *(len(alone) / sum(alone), "raw SQL: the stored row alone"),
    )
    yield Metric("get order: p99", database, percentile(taken, 0.99) * 1000, "ms")


def _list(cell: Cell, database: str, raw: Raw, seconds: float) -> Iterator[Metric]:
    def page(_: int) -> None:
        with cell.database.snapshot() as connection:
            assert orders_query.page(connection, OrderQuery(orders.ACCOUNT)).rows

    taken = seconds_each(page, seconds / 2)
    alone = seconds_each(lambda _: raw.ask(_PAGE_SQL, orders.ACCOUNT, True), seconds / 2)
    yield Metric(
        *("list 15 orders with statistics, one thread", database),
        *(len(taken) / sum(taken), "lists/s"),
        *(len(alone) / sum(alone), "raw SQL: the 15 rows alone, no statistics"),
    )
    yield Metric("list: p99", database, percentile(taken, 0.99) * 1000, "ms")


def queued_feed(cell: Cell, count: int) -> Feed:
    """A feed with items to retrieve."""
    key = f"vtexappkey-{orders.ACCOUNT}-{secrets.token_hex(3)}"
    feed = Feed(key, orders.ACCOUNT, {"type": "FromWorkflow", "status": []}, 240, 345_600)
    now = cell.clock.micros()
    items = [
        {
            **{"app_key": key, "position": n, "event_id": f"E{n}", "order_id": f"v{n}bnch-01"},
            **{"domain": "Fulfillment", "state": "handling", "last_state": "ready-for-handling"},
            **{"last_change": now, "current_change": now, "produced_at": now, "visible_at": now},
        }
        for n in range(1, count + 1)
    ]
    configure_feed(cell, feed)
    with cell.database.writing() as connection:
        connection.execute(insert(feed_items), items)
        stored = feeds.get(connection, key)
    assert stored is not None
    return stored


def consume(cell: Cell, feed: Feed, lots: int) -> float:
    """Items a second of a client that retrieves ten and commits them, one after another."""
    done, began = 0, time.perf_counter()
    for _ in range(lots):
        with cell.database.writing_once() as connection:
            lot = feeds.retrieve(
                connection, feed.app_key, LOT, cell.encryption, cell.clock.micros()
            )
        assert lot is not None
        handles = [handle for handle, _ in lot.items]
        with cell.database.writing_once() as connection:
            done += feeds.commit(connection, feed.app_key, handles, cell.encryption)
    return done / (time.perf_counter() - began)


def _feed(cell: Cell, database: str, raw: Raw) -> Iterator[Metric]:
    rate = consume(cell, queued_feed(cell, ITEMS), ITEMS // LOT)
    key, began = queued_feed(cell, ITEMS).app_key, time.perf_counter()
    for _ in range(ITEMS // LOT):
        now = cell.clock.micros()
        found = [position for (position,) in raw.ask(_SEEN_SQL, key, now)]
        marks = ",".join("?" * len(found))
        raw.ask(_HIDE_SQL.format(marks), now + 1, key, *found)
        raw.ask(_GONE_SQL.format(marks), key, *found)
    alone = ITEMS / (time.perf_counter() - began)
    yield Metric(
        *("feed retrieve and commit, lots of 10", database, rate, "items/s"),
        *(alone, "raw SQL: hide and delete the same rows"),
    )
