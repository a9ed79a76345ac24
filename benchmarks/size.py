"""The same figures over few and over many stored events: they should not differ (G60)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from sqlalchemy import text

from benchmarks import orders, places, reading
from benchmarks.appending import one_event_writes
from benchmarks.figures import Metric
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import RecordedEvent, order_stream
from projections.notifications import feeds
from projections.orders import query
from projections.orders.query import OrderQuery
from projections.tables import feed_items
from projections.tables import order_views as views

FEED_LOTS = 40
_SERIES = (
    "WITH RECURSIVE series(n) AS"
    " (SELECT CAST(:first AS bigint) UNION ALL SELECT n + 1 FROM series WHERE n < :last)"
)


@dataclass(frozen=True)
class _Sized:
    append: float
    get: float
    feed: float
    list: float


def figures(database: str, small: int, large: int, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        order_id = asyncio.run(_one(cell))
        reading.rebuild(cell)
        key = reading.queued_feed(cell, 1).app_key
        _fill(cell, order_id, key, small)
        few = _sized(cell, key, seconds)
        _fill(cell, order_id, key, large)
        many = _sized(cell, key, seconds)
    named = f"the same at {small:,} events"
    at = f"at {large:,} events"
    yield Metric(f"append {at}", database, many.append, "events/s", few.append, named)
    yield Metric(f"get order {at}", database, many.get, "orders/s", few.get, named)
    yield Metric(f"feed retrieve and commit {at}", database, many.feed, "items/s", few.feed, named)
    yield Metric(f"list with statistics {at}", database, many.list, "lists/s", few.list, named)


async def _one(cell: Cell) -> str:
    await orders.open_account(cell.ledger)
    return await orders.live(cell.ledger)


def _fill(cell: Cell, order_id: str, app_key: str, until: int) -> None:
    """Copies of one order's events, its view, and a feed item of each, by raw SQL."""
    head = cell.store.head()
    stream = order_stream(orders.ACCOUNT, order_id)
    each = len(cell.store.stream(stream))
    first, last = head + 1, head + (until - head) // each
    copied = _quoted([name for name in RecordedEvent._fields if name not in ("stream", "position")])
    shown = _quoted([c.name for c in views.c if c.name != "order_id"])
    queued = _quoted([c.name for c in feed_items.c if c.name not in ("position", "order_id")])
    names = {"first": first, "last": last}
    with cell.database.writing() as connection:
        connection.execute(
            text(
                f"INSERT INTO events ({copied}, digest, stream, position) {_SERIES}"
                f" SELECT {copied}, digest, account || '/fill-' || n || '-01',"
                " :head + (n - :first) * :each + version"
                " FROM series CROSS JOIN (SELECT * FROM events WHERE stream = :stream) t"
                " ORDER BY n, version"
            ),
            {**names, "head": head, "each": each, "stream": stream},
        )
        connection.execute(
            text(
                f"INSERT INTO order_views ({shown}, order_id) {_SERIES}"
                f" SELECT {shown}, 'fill-' || n || '-01' FROM series"
                " CROSS JOIN (SELECT * FROM order_views WHERE order_id = :order_id) t"
            ),
            {**names, "order_id": order_id},
        )
        connection.execute(
            text(
                f"INSERT INTO feed_items ({queued}, order_id, position) {_SERIES}"
                f" SELECT {queued}, 'fill-' || n || '-01', n + 1 FROM series"
                " CROSS JOIN (SELECT * FROM feed_items WHERE app_key = :key"
                " ORDER BY position DESC LIMIT 1) t"
            ),
            {"first": first, "last": until, "key": app_key},
        )
    with cell.database.snapshot() as connection:
        connection.execute(text("ANALYZE"))


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _sized(cell: Cell, app_key: str, seconds: float) -> _Sized:
    with cell.database.snapshot() as connection:
        ids = list(
            connection.execute(text("SELECT order_id FROM order_views LIMIT 10000")).scalars()
        )
        feed = feeds.get(connection, app_key)
    assert feed is not None
    gets = reading.seconds_each(lambda n: reading.get(cell, ids[n * 7 % len(ids)]), seconds / 3)
    lists = reading.seconds_each(lambda _: _list(cell), seconds / 3)
    items = reading.consume(cell, feed, FEED_LOTS)
    rate = one_event_writes(cell, [], seconds)
    return _Sized(rate, 1 / median(gets), items, 1 / median(lists))


def _list(cell: Cell) -> None:
    with cell.database.snapshot() as connection:
        query.page(connection, OrderQuery(orders.ACCOUNT))
