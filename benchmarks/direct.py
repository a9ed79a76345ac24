"""The ledger, the views and the queue without HTTP, against the library and at growing sizes."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks.figures import Figures
from benchmarks.orders import ACCOUNT, PAID, open_account, placed
from oms_ledger.wiring import Cell
from projections import cursors, feeds
from projections.feeds import Feed, FeedQueue
from projections.order_views import OrderViews

CLIENTS = 64


def library_recorder(cell: Cell) -> object:
    """The library's own recorder on a database of the same kind, with durable commits."""
    if cell.database.sqlite:
        datastore = SQLiteDatastore(str(cell.database.path) + ".library")
        recorder = SQLiteApplicationRecorder(datastore)
        recorder.create_table()
        return recorder
    url = make_url(cell.database.url)
    datastore = PostgresDatastore(
        dbname=url.database or "",
        host=url.host or "127.0.0.1",
        port=str(url.port or 5432),
        user=url.username or "",
        password=url.password or "",
    )
    recorder = PostgresApplicationRecorder(
        datastore, events_table_name=f"library_{uuid4().hex[:6]}"
    )
    recorder.create_table()
    return recorder


def library_events_per_second(cell: Cell, body: bytes, count: int) -> float:
    recorder = library_recorder(cell)

    def save(_: int) -> None:
        recorder.insert_events([StoredEvent(uuid4(), 1, "order-placed", body)])  # type: ignore[attr-defined]

    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        list(pool.map(save, range(count)))
        return count / (time.perf_counter() - began)


async def _write(cell: Cell, first: int, count: int) -> None:
    async def client(index: int) -> None:
        for number in range(first + index, first + count, CLIENTS):
            order_id = f"b{number}-01"
            await cell.ledger.place(ACCOUNT, {order_id: placed(number)}, by="bench")
            await cell.ledger.change(ACCOUNT, order_id, PAID, by="bench")

    await asyncio.gather(*(client(index) for index in range(CLIENTS)))


async def _single_events(cell: Cell, first: int, count: int) -> float:
    """One-event writes through group commit: what the library's recorder is compared with."""
    began = time.perf_counter()

    async def client(index: int) -> None:
        for number in range(first + index, first + count, CLIENTS):
            await cell.ledger.place(ACCOUNT, {f"s{number}-01": placed(number)}, by="bench")

    await asyncio.gather(*(client(index) for index in range(CLIENTS)))
    return count / (time.perf_counter() - began)


def measure(cell: Cell, figures: Figures, quick: bool) -> None:
    count = 500 if quick else 2000
    asyncio.run(open_account(cell.ledger))
    rate = asyncio.run(_single_events(cell, 0, count * 4))
    (row, *_) = cell.store.stream(f"{ACCOUNT}/s0-01")
    library = library_events_per_second(cell, bytes(row.body) + bytes(row.personal or b""), count)
    of = "eventsourcing recorder, one transaction an event"
    figures.add("append, one event a command, 64 clients", rate, "events/s", library, of)
    began = time.perf_counter()
    asyncio.run(_write(cell, 0, count))
    rate = count * 10 / (time.perf_counter() - began)
    figures.add("append, place and process", rate, "events/s", library, of)
    _views(cell, figures)
    _feed(cell, figures)
    _growth(cell, figures, 100_000 if quick else 1_000_000)


def _views(cell: Cell, figures: Figures) -> None:
    with cell.database.writing() as connection:
        cursors.create(connection, "bench:views", 0)
    began = time.perf_counter()
    passed = cursors.run(cell.database, cell.folds(), "bench:views", OrderViews())
    figures.add("rebuild of the order views", passed / (time.perf_counter() - began), "events/s")


def _feed(cell: Cell, figures: Figures) -> None:
    feed = Feed("bench", ACCOUNT, {"type": "FromWorkflow", "status": []}, 600, 345_600)
    with cell.database.writing() as connection:
        feeds.configure(connection, feed, 0)
        kept = feeds.get(connection, "bench")
    assert kept is not None
    began = time.perf_counter()
    queue = FeedQueue(cell.database, kept)
    passed = cursors.run(cell.database, cell.folds(), feeds.cursor_of("bench"), queue)
    figures.add("feed judged, FromWorkflow", passed / (time.perf_counter() - began), "events/s")
    items, began = 0, time.perf_counter()
    while time.perf_counter() - began < 3:
        with cell.database.writing() as connection:
            got = feeds.retrieve(connection, kept, 10, cell.vault, cursors.now_micros())
        if not got:
            break
        with cell.database.writing() as connection:
            items += feeds.commit(connection, kept, [handle for handle, _ in got], cell.vault)
    rate = items / (time.perf_counter() - began)
    figures.add("feed retrieve 10 + commit 10, one poller", rate, "items/s")


def _median(work: object, times: int) -> float:
    spent = []
    for number in range(times):
        began = time.perf_counter()
        work(number)  # type: ignore[operator]
        spent.append(time.perf_counter() - began)
    return sorted(spent)[times // 2] * 1000


def _growth(cell: Cell, figures: Figures, size: int) -> None:
    """Append, get and feed at the present size and at a ledger grown with copied rows (G60)."""
    small = _costs(cell, "small")
    head = cell.store.head()
    copies = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
        "INSERT INTO events SELECT :head + n.i, account, stream || '-' || n.i, version, name, at, "
        '"by", cause, status_before, status, domain, moved_before_at, body, personal, digest '
        "FROM events CROSS JOIN n WHERE position = :one"
    )
    one = next(row.position for row in cell.store.page(0, 10) if row.order_id)
    with cell.database.writing() as connection:
        connection.execute(text(copies), {"count": size, "head": head, "one": one})
    large = _costs(cell, "large")
    for name, before, after in zip(("append", "get order", "feed page"), small, large, strict=True):
        of = f"ms at {head:,} events"
        figures.add(f"{name} at {head + size:,} events", after, "ms", before, of)


def _costs(cell: Cell, run: str) -> tuple[float, float, float]:
    async def append(number: int) -> None:
        await cell.ledger.place(ACCOUNT, {f"{run}{number}-01": placed(number)}, by="bench")

    async def appends() -> float:
        spent = []
        for number in range(60):
            began = time.perf_counter()
            await append(number)
            spent.append(time.perf_counter() - began)
        return sorted(spent)[30] * 1000

    folds = cell.folds()
    get = _median(lambda number: folds.load(f"{ACCOUNT}/b{number}-01"), 60)
    page = _median(lambda number: cell.store.page(max(0, 1000 + number), 10), 60)
    return asyncio.run(appends()), get, page
