"""A filter tried on a long ledger, and explained, while other clients go on (G44).

Over HTTP, against a whole deployment. The traffic comes at a fixed rate, whether it is answered or
not: commands, single orders and lists. It is timed alone, beside explanations, and beside a dry run
over every event there is.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import aiohttp
import orjson

from benchmarks import orders, places, processes
from benchmarks.figures import Metric, percentile
from benchmarks.latency import ready, until_quiet
from oms_ledger.cell import Cell
from tests.support.configuring import create_key

RATE = 40  # requests a second
EXPLAINED = 100  # orders
LONGEST = 600.0  # seconds within which the views have to be there
EXPRESSION = 'status = "ready-for-handling" and salesChannel = "1"'
FILTER = {"type": "FromOrders", "expression": EXPRESSION, "disableSingleFire": True}
SHARES = (("p50", 0.5), ("p99", 0.99))


def figures(database: str, entries: int, seconds: float) -> Iterator[Metric]:
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            lived = asyncio.run(_lives(cell, entries))
            waiting = asyncio.run(ready(cell.ledger, max(100, entries // 100)))
            key, token = create_key(cell, orders.ACCOUNT, "Owner")
            headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
            with processes.deployed(place) as deployment:
                until_quiet(cell, LONGEST)
                yield from asyncio.run(
                    _tried(database, deployment.base, headers, lived, waiting, seconds)
                )
        finally:
            cell.close()


async def _lives(cell: Cell, entries: int) -> list[str]:
    await orders.open_account(cell.ledger)
    lived: list[str] = []
    while cell.store.head() < entries:
        lived += await asyncio.gather(*(orders.live(cell.ledger) for _ in range(64)))
    return lived


async def _tried(
    database: str,
    base: str,
    headers: dict[str, str],
    lived: Sequence[str],
    waiting: Sequence[str],
    seconds: float,
) -> list[Metric]:
    async with aiohttp.ClientSession(base, headers=headers) as session:
        traffic = _Traffic(session, lived, waiting)
        await traffic.beside(lambda: asyncio.sleep(1.0))  # caches are warm then
        alone, _ = await traffic.beside(lambda: asyncio.sleep(seconds))
        with_explain, explained = await traffic.beside(lambda: _explain(session, lived))
        with_trial, dry_run_progress = await traffic.beside(lambda: _dry_run(session))
    last, first, took = dry_run_progress
    of = f"a FromOrders filter over {last['entries']:,} entries, {RATE} requests/s beside it"
    found = [
        Metric(f"dry run of {of}: first counts", database, first, "s"),
        Metric(f"dry run of {of}: all of it", database, took, "s"),
        Metric(
            f"dry run of {of}: events evaluated", database, last["evaluated"] / took, "entries/s"
        ),
    ]
    for title, share in SHARES:
        value = percentile(explained, share) * 1000
        found.append(
            Metric(f"an order explained, {RATE} requests/s: {title}", database, value, "ms")
        )
    for name, taken in (("explanations", with_explain), ("a dry run", with_trial)):
        found += [
            Metric(
                *(f"commands and reads beside {name}: {title}", database),
                *(percentile(taken, share) * 1000, "ms"),
                *(percentile(alone, share) * 1000, "the same alone"),
            )
            for title, share in SHARES
        ]
    return found


class _Traffic:
    """Two commands, two orders and a list of each five requests; orders to handle may run out."""

    def __init__(
        self, session: aiohttp.ClientSession, lived: Sequence[str], waiting: Sequence[str]
    ) -> None:
        self._session = session
        self._lived, self._waiting = itertools.cycle(lived), iter(waiting)

    async def beside(self, work: Callable[[], Awaitable[Any]]) -> tuple[list[float], Any]:
        """Seconds that each request took while the work went on, and what came of the work."""
        taken: list[float] = []
        working = asyncio.ensure_future(work())
        requested, due = list[asyncio.Task[None]](), time.perf_counter()
        for number in itertools.count():
            if working.done():
                break
            requested.append(asyncio.create_task(self._one(number, taken)))
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*requested)
        return taken, await working

    async def _one(self, number: int, taken: list[float]) -> None:
        place, order_id = "/api/oms/pvt/orders", next(self._lived)
        began = time.perf_counter()
        match number % 5:
            case 0 | 1 if waiting := next(self._waiting, None):
                await _ask(self._session, "POST", f"{place}/{waiting}/start-handling")
            case 4:
                await _ask(self._session, "GET", f"{place}?per_page=15")
            case _:
                await _ask(self._session, "GET", f"{place}/{order_id}")
        taken.append(time.perf_counter() - began)


async def _explain(session: aiohttp.ClientSession, lived: Sequence[str]) -> list[float]:
    taken = []
    for order_id in lived[:EXPLAINED]:
        began = time.perf_counter()
        body = {"orderId": order_id, "filter": FILTER}
        fields = orjson.loads(await _ask(session, "POST", "/api/ledger/feed/explain", body))
        taken.append(time.perf_counter() - began)
        assert any(version["notification"] for version in fields["versions"]), fields
    return taken


async def _dry_run(session: aiohttp.ClientSession) -> tuple[dict[str, Any], float, float]:
    """The last report, and the seconds until the first one and until this one."""
    began, first, fields = time.perf_counter(), 0.0, dict[str, Any]()
    body = {"since": 0, "filter": FILTER}
    async with session.post("/api/ledger/feed/dry-run", json=body) as answer:
        async for line in answer.content:
            fields = orjson.loads(line)
            first = first or time.perf_counter() - began
    assert fields["done"], fields
    assert not fields["failed"], fields
    return fields, first, time.perf_counter() - began


async def _ask(session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> bytes:
    async with session.request(method, path, json=body) as answer:
        text = await answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return text
