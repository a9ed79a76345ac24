"""A line put into a cart of five, over HTTP: what it costs, and how long shoppers wait.

Beside it a bare Starlette route that takes the same body and answers the same bytes, by the same
server in the same run. Sixteen clients that ask without a pause measure what the processors hold;
a given rate, spread evenly, measures what shoppers see.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from benchmarks import carts, orders, places, processes
from benchmarks.cost import BARE, Bare, bare_route
from benchmarks.figures import Metric, percentile
from benchmarks.processes import Deployment
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services import gc_tuning
from tests.support.configuring import create_key

CLIENTS = 16
RATES = (50, 150, 300)  # operations a second

Ask = Callable[[int], Awaitable[None]]


def figures(database: str, seconds: float) -> Iterator[Metric]:
    gc_tuning.settle()  # what the client waits for by itself is not to be measured
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
            ctx = CommandContext(orders.ACCOUNT, "benchmark")
            asyncio.run(cell.ledger.change_account(ctx, carts.unlimited))
            key, token = create_key(cell, orders.ACCOUNT, "Owner")
            carts.load_offers(cell, 1_000)
            with processes.deployed(place) as deployment:
                headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
                yield from asyncio.run(_measured(deployment, headers, database, seconds))
        finally:
            cell.close()


async def _measured(
    deployment: Deployment, headers: dict[str, str], database: str, seconds: float
) -> list[Metric]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        deployment.base, headers=headers, connector=connector
    ) as session:
        shop = _Shop(session)
        for number in range(CLIENTS):
            await shop.open_cart(number)
        with TemporaryDirectory(prefix="oms-answers-") as name:
            folder = Path(name)
            (folder / "cart").write_bytes(await shop.put(0))
            with bare_route(folder) as bare:
                async with aiohttp.ClientSession(bare.base, connector=aiohttp.TCPConnector()) as to:
                    return await _side_by_side(shop, to, deployment, bare, database, seconds)


async def _side_by_side(
    shop: "_Shop",
    session: aiohttp.ClientSession,
    deployment: Deployment,
    bare: Bare,
    database: str,
    seconds: float,
) -> list[Metric]:
    async def answered(number: int) -> None:
        async with session.post("/cart", data=shop.body(number, 1)) as answer:
            await answer.read()

    async def put(number: int) -> None:
        await shop.put(number)

    await _closed(put, seconds / 4)
    began = deployment.cpu()["web"]
    taken = await _closed(put, seconds)
    spent = (deployment.cpu()["web"] - began) * 1000 / len(taken)
    began = bare.spent()
    theirs = await _closed(answered, seconds)
    baseline = (bare.spent() - began) * 1000 / len(theirs)
    name = f"a line of a cart, {CLIENTS} clients without a pause"
    found = [
        Metric("CPU of a line of a cart, web", database, spent, "ms", baseline, BARE),
        Metric(name, database, len(taken) / seconds, "/s", len(theirs) / seconds, BARE),
        *_times(name, database, taken, theirs),
    ]
    for rate in RATES:
        taken = await _open(put, rate, seconds)
        theirs = await _open(answered, rate, seconds)
        found += _times(f"a line of a cart at {rate}/s", database, taken, theirs)
    return found


def _times(name: str, database: str, taken: list[float], theirs: list[float]) -> Iterator[Metric]:
    for share in (0.5, 0.99):
        value, other = (1000 * percentile(one, share) for one in (taken, theirs))
        yield Metric(f"{name}: p{share * 100:.0f}", database, value, "ms", other, BARE)


async def _closed(ask: Ask, seconds: float) -> list[float]:
    """Seconds of each answer to clients that ask as soon as they were answered."""
    taken, until = list[float](), time.perf_counter() + seconds

    async def client(number: int) -> None:
        while (begun := time.perf_counter()) < until:
            await ask(number)
            taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return taken


async def _open(ask: Ask, rate: int, seconds: float) -> list[float]:
    """Seconds from when each question was due, answered or not: who is slow does not ask less."""
    begun, taken = time.perf_counter(), list[float]()

    async def one(number: int) -> None:
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await ask(number % CLIENTS)
        taken.append(time.perf_counter() - due)

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    return taken


class _Shop:
    """Carts of five lines each, with a delivery chosen."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._paths: list[str] = []
        self._quantities = itertools.count(2)

    async def open_cart(self, number: int) -> None:
        self._paths.append(await carts.filled(self._ask, number))

    async def put(self, number: int) -> bytes:
        """Another quantity of the first line."""
        body = self.body(number, next(self._quantities) % 900 + 1)
        while True:  # a process that has no time on a busy machine is asked again
            async with self._session.post(f"{self._paths[number]}/items?sc=1", data=body) as answer:
                content = await answer.read()
            if answer.status != carts.OVERLOADED:
                break
        assert answer.status == 200, content[:200]
        return content

    def body(self, number: int, quantity: int) -> bytes:
        line = {"id": f"s{number * 10}", "quantity": quantity, "seller": "1"}
        return json.dumps({"orderItems": [line]}).encode()

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()
