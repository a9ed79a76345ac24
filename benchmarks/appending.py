"""Appending by 64 clients at once: grouped by the ledger, one by one by the library."""

import asyncio
import time
from collections.abc import Iterator
from itertools import groupby

from benchmarks import library, orders, places
from benchmarks.figures import Figure, percentile
from oms_ledger.ledger import codec, vault
from oms_ledger.ledger.entry import Conflict, Row, Write, micros, order_stream
from oms_ledger.ledger.group_commit import GroupCommit
from oms_ledger.wiring import Cell

CLIENTS = 64


def figures(database: str, seconds: float) -> Iterator[Figure]:
    with places.empty_cell(database) as cell:
        rate, latencies = one_event_writes(cell, seconds)
        rows = [[row] for row in cell.store.page(0, 20_000)]
    name, best = _baseline(database, rows, seconds)
    yield Figure("append, one event a command", database, rate, "events/s", best, name)
    yield from _percentiles("append, one event a command", database, latencies)
    with places.empty_cell(database) as cell:
        rate, commands, latencies = asyncio.run(_typical(cell, seconds))
        found = sorted(cell.store.page(1, 20_000), key=lambda row: (row.stream, row.version))
    streams = [list(of) for _, of in groupby(found, key=lambda row: row.stream)]
    name, best = _baseline(database, streams, seconds)
    yield Figure("append, typical commands", database, rate, "events/s", best, name)
    yield Figure("typical commands on the ledger", database, commands, "commands/s")
    yield from _percentiles("order's life, four commands", database, latencies)


def _percentiles(name: str, database: str, latencies: list[float]) -> Iterator[Figure]:
    for title, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure(f"{name}: {title}", database, percentile(latencies, share) * 1000, "ms")


def _baseline(database: str, streams: list[list[Row]], seconds: float) -> tuple[str, float]:
    """The better of one client and 64."""
    rates = {
        clients: library.events_per_second(database, streams, clients, seconds)
        for clients in (1, CLIENTS)
    }
    best = max(rates, key=lambda clients: rates[clients])
    plural = "clients" if best > 1 else "client"
    return f"eventsourcing recorder, one event a transaction, {best} {plural}", rates[best]


def one_event_writes(cell: Cell, seconds: float) -> tuple[float, list[float]]:
    """Through group commit and store; events a second, and how long each took."""
    return asyncio.run(_one_event_writes(cell, seconds))


async def _one_event_writes(cell: Cell, seconds: float) -> tuple[float, list[float]]:
    commit, latencies = GroupCommit(cell.store), list[float]()
    until = time.perf_counter() + seconds

    async def client() -> None:
        while (began := time.perf_counter()) < until:
            assert not isinstance(await commit.append(_placement(cell)), Conflict)
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    rate = len(latencies) / (time.perf_counter() - began)
    commit.close()
    return rate, latencies


def _placement(cell: Cell) -> Write:
    """A placed order as the ledger stores it, its personal part encrypted."""
    order_id, placed = orders.new_order()
    stream = order_stream(orders.ACCOUNT, order_id)
    name, body, told = codec.encode(placed)
    wrapped = cell.vault.new_key(stream)
    key = cell.vault.key(stream)
    assert key
    assert told
    personal = vault.encrypt(key, told, f"{stream}:1")
    at = micros(cell.ledger.now())
    row = Row(
        *(orders.ACCOUNT, stream, 1, name, at, "benchmark", None, None, None, None, None),
        *(body, personal),
    )
    return Write((row,), (), ((stream, wrapped),))


async def _typical(cell: Cell, seconds: float) -> tuple[float, float, list[float]]:
    await orders.open_account(cell.ledger)
    head, latencies = cell.store.head(), list[float]()
    until = time.perf_counter() + seconds

    async def client() -> None:
        while (began := time.perf_counter()) < until:
            await orders.live(cell.ledger)
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    took = time.perf_counter() - began
    return (cell.store.head() - head) / took, 4 * len(latencies) / took, latencies
