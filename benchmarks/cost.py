"""What a request costs in CPU: the web process's for reads, all processes' for writes.

CPU of `/proc` rather than rates: the rates of a machine that does something else besides say
little. A read stands beside a bare Starlette route that answers the same bytes by the same server
in the same run.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from benchmarks import orders, places, processes
from benchmarks.figures import Metric
from benchmarks.over_http import EVERY_STATUS, QUEUE, Load
from benchmarks.processes import Deployment
from benchmarks.scale import Scale
from oms_ledger.cell import Cell
from tests.support.configuring import create_key

BARE = "a bare Starlette route with the same bytes"
FEED_LOT = 10


def figures(database: str, scale: Scale) -> Iterator[Metric]:
    """CPU in milliseconds a request, by kind of request."""
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
            key, token = create_key(cell, orders.ACCOUNT, "Owner")
            with processes.deployed(place) as deployment:
                headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
                yield from asyncio.run(_all(cell, deployment, headers, database, scale))
        finally:
            cell.close()


async def _all(
    cell: Cell, deployment: Deployment, headers: dict[str, str], database: str, scale: Scale
) -> list[Metric]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        deployment.base, headers=headers, connector=connector
    ) as session:
        cost = _Cost(Load(cell, session, database), session, deployment, database)
        writes = [figure async for figure in cost.writes(scale.orders)]
        return writes + [figure async for figure in cost.reads(scale.orders)]


class _Cost:
    def __init__(
        self, load: Load, session: aiohttp.ClientSession, deployment: Deployment, database: str
    ) -> None:
        self._load, self._session, self._deployment = load, session, deployment
        self._database = database
        self._ids: list[str] = []

    async def writes(self, count: int) -> AsyncIterator[Metric]:
        config = {"filter": EVERY_STATUS, "queue": QUEUE}
        await self._load.ask("POST", "/api/orders/feed/config", config)
        body, placed = orders.purchase(), list[dict[str, Any]]()
        lines = len(body["items"])

        async def place(_: int) -> None:
            placed.append(await self._load.ask("PUT", "/api/checkout/pub/orders", body))

        async for figure in self._whole(f"place ({lines} lines)", place, range(count)):
            yield figure
        self._ids = list(await self._load.map(self._load.pay, placed))
        known = await self._load.ask("GET", f"/api/oms/pvt/orders/{self._ids[0]}")

        async def handle(order_id: str) -> None:
            await self._load.ask("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")

        async def invoice(order_id: str) -> None:
            fields = {
                "type": "Output",
                "issuanceDate": known["creationDate"],
                "invoiceNumber": f"NF-{order_id}",
                "invoiceValue": known["value"],
            }
            await self._load.ask("POST", f"/api/oms/pvt/orders/{order_id}/invoice", fields)

        for name, work in (("start-handling", handle), ("invoice", invoice)):
            async for figure in self._whole(name, work, self._ids):
                yield figure

    async def _whole(
        self, name: str, work: Callable[[Any], Awaitable[None]], over: Sequence[Any]
    ) -> AsyncIterator[Metric]:
        """CPU of the whole system for one request, until every follower stands at the head."""
        await self._load.settled()
        before = self._deployment.cpu()
        await self._load.map(work, over)
        await self._load.settled()
        after = self._deployment.cpu()
        spent = {one: (after[one] - before[one]) * 1000 / len(over) for one in after}
        yield Metric(f"CPU of {name}, all processes", self._database, sum(spent.values()), "ms")
        for one in ("web", "projector", "worker"):
            yield Metric(f"CPU of {name}, {one}", self._database, spent[one], "ms")

    async def reads(self, count: int) -> AsyncIterator[Metric]:
        asks: dict[str, tuple[str, Callable[[int], str]]] = {
            "health check": ("/healthz", lambda _: "/healthz"),
            "get order": (
                f"/api/oms/pvt/orders/{self._ids[0]}",
                lambda n: f"/api/oms/pvt/orders/{self._ids[n % len(self._ids)]}",
            ),
            "list of 15 with totals": (
                "/api/oms/pvt/orders?per_page=15",
                lambda _: "/api/oms/pvt/orders?per_page=15",
            ),
        }
        with TemporaryDirectory(prefix="oms-answers-") as name:
            folder = Path(name)
            for number, (path, _) in enumerate(asks.values()):
                (folder / str(number)).write_bytes(await self._bytes(path))
            (folder / "feed").write_bytes(b"[" + b'{"handle":"%s"},' % (b"x" * 300) * 9 + b"{}]")
            with bare_route(folder) as bare:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{bare.port}") as session:
                    for number, (title, (_, path_of)) in enumerate(asks.items()):
                        yield await self._beside(
                            title,
                            count,
                            lambda n, path=path_of: self._bytes(path(n)),  # type: ignore[misc]
                            lambda _, number=number: _fetch(session, f"/{number}"),  # type: ignore[misc]
                            bare,
                        )

                    async def lot(_: int) -> None:
                        found = await self._load.ask("GET", f"/api/orders/feed?maxlot={FEED_LOT}")
                        assert len(found) == FEED_LOT
                        handles = {"handles": [item["handle"] for item in found]}
                        await self._load.ask("POST", "/api/orders/feed", handles)

                    async def twice(_: int) -> None:
                        await _fetch(session, "/feed")
                        await _fetch(session, "/feed")

                    lots = count // FEED_LOT
                    yield await self._beside(
                        f"feed retrieve + commit of {FEED_LOT}", lots, lot, twice, bare
                    )

    async def _beside(
        self,
        title: str,
        count: int,
        ours: Callable[[int], Awaitable[Any]],
        theirs: Callable[[int], Awaitable[Any]],
        bare: "Bare",
    ) -> Metric:
        await self._load.map(ours, range(min(count, 20)))
        began = self._deployment.cpu()["web"]
        await self._load.map(ours, range(count))
        spent = (self._deployment.cpu()["web"] - began) * 1000 / count
        many = max(count, 2_000)
        began = bare.spent()
        await self._load.map(theirs, range(many))
        baseline = (bare.spent() - began) * 1000 / many
        return Metric(f"CPU of {title}, web", self._database, spent, "ms", baseline, BARE)

    async def _bytes(self, path: str) -> bytes:
        return await _fetch(self._session, path)


async def _fetch(session: aiohttp.ClientSession, path: str) -> bytes:
    async with session.get(path) as answer:
        body = await answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"GET {path}: {answer.status} {body[:200]!r}")
        return body


class Bare(Deployment):
    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def spent(self) -> float:
        return self.cpu()["bare"]


@contextmanager
def bare_route(folder: Path) -> Iterator[Bare]:
    """A bare Starlette route that answers the files of a folder, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare", str(port), str(folder)],
        start_new_session=True,
    )
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield Bare(f"http://127.0.0.1:{port}", {"bare": process})
    finally:
        os.killpg(process.pid, 15)
        process.wait()
