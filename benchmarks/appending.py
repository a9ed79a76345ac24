"""Appending by 64 clients at once: grouped by the ledger, one by one by the library."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

from benchmarks import library, orders, places
from benchmarks.alternating import Work, medians
from benchmarks.figures import Metric, percentile
from oms_ledger.cell import Cell
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore import encryption
from oms_ledger.eventstore.group_commit import GroupCommit
from oms_ledger.eventstore.records import (
    Conflict,
    RecordedEvent,
    Write,
    order_stream,
)

CLIENTS = 64
OURS = "the ledger"


def figures(database: str, seconds: float) -> Iterator[Metric]:
    latencies: list[float] = []
    with places.empty_cell(database) as cell:
        one_event_writes(cell, latencies, 0.2)
        rows = [[row] for row in cell.store.page(0, 20_000)]
        latencies.clear()
        work = partial(one_event_writes, cell, latencies)
        yield _compared("append, one event a command", database, work, rows, seconds)
    yield from _percentiles("append, one event a command", database, latencies)
    latencies.clear()
    with places.empty_cell(database) as cell:
        asyncio.run(orders.open_account(cell.ledger))
        _typical(cell, latencies, 0.5)
        found = sorted(cell.store.page(1, 20_000), key=lambda row: (row.stream, row.version))
        streams = [list(of) for _, of in groupby(found, key=lambda row: row.stream)]
        latencies.clear()
        work = partial(_typical, cell, latencies)
        yield _compared("append, typical commands", database, work, streams, seconds)
    yield from _percentiles("order's life, four commands", database, latencies)


def _compared(
    name: str, database: str, work: Work, streams: Sequence[Sequence[RecordedEvent]], seconds: float
) -> Metric:
    """The ledger beside the better of the library's recorder with one client and with 64."""
    with library.recorder(database) as its:
        slices: dict[str, Work] = {OURS: work}
        for clients in (1, CLIENTS):
            fields = f"{clients} client{'s' if clients > 1 else ''}"
            slices[fields] = partial(library.events_per_second, its, streams, clients)
        rates = medians(slices, seconds)
    ours = rates.pop(OURS)
    best = max(rates, key=lambda clients: rates[clients])
    baseline = f"eventsourcing recorder, one event a transaction, {best}"
    return Metric(name, database, ours, "events/s", rates[best], baseline)


def _percentiles(name: str, database: str, latencies: list[float]) -> Iterator[Metric]:
    for title, share in (("p50", 0.5), ("p99", 0.99)):
        yield Metric(f"{name}: {title}", database, percentile(latencies, share) * 1000, "ms")


def one_event_writes(cell: Cell, latencies: list[float], seconds: float) -> float:
    """Through group commit and store; events a second."""
    return asyncio.run(_one_event_writes(cell, latencies, seconds))


async def _one_event_writes(cell: Cell, latencies: list[float], seconds: float) -> float:
    commit, done = GroupCommit(cell.store), len(latencies)
    row, wrapped = _placement(cell)
    until = time.perf_counter() + seconds

    async def client() -> None:
        while (began := time.perf_counter()) < until:
            stream = order_stream(orders.ACCOUNT, orders.new_id())
            write = Write((row._replace(stream=stream),), (), ((stream, wrapped),))
            assert not isinstance(await commit.append(write), Conflict)
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    rate = (len(latencies) - done) / (time.perf_counter() - began)
    commit.close()
    return rate


def _placement(cell: Cell) -> tuple[RecordedEvent, bytes]:
    """A placed order as stored, its personal part encrypted, and its data key.

    Made once, for the library's recorder too is given bytes that are ready.
    """
    order_id, placed = orders.new_order()
    stream = order_stream(orders.ACCOUNT, order_id)
    name, body, fields = EVENT_TYPES.encode(placed)
    wrapped = cell.encryption.new_key(stream)
    key = cell.encryption.key(stream)
    assert key
    assert fields
    personal = encryption.encrypt(key, fields, f"{stream}:1")
    at = cell.clock.micros()
    row = RecordedEvent(
        *(orders.ACCOUNT, stream, 1, name, at, "benchmark", None, None, None, None, None),
        *(body, personal),
    )
    return row, wrapped


def _typical(cell: Cell, latencies: list[float], seconds: float) -> float:
    """Orders lived through by 64 clients; events a second."""
    return asyncio.run(_lives(cell, latencies, seconds))


async def _lives(cell: Cell, latencies: list[float], seconds: float) -> float:
    head = cell.store.head()
    until = time.perf_counter() + seconds

    async def client() -> None:
        while (began := time.perf_counter()) < until:
            await orders.live(cell.ledger)
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return (cell.store.head() - head) / (time.perf_counter() - began)
