"""Twice the load that the web process can serve, for some seconds, and what is left of it after.

What is accepted should be answered within 2 s and the rest 503 at once, and the full rate should
be back within 5 s after the load is gone. A second account asks a little all the while: what it
waits is what a neighbour's flood costs it. The clients share the machine with the server, and all
that they can ask is what is measured.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import uvloop

from benchmarks import orders, places, processes
from benchmarks.figures import Metric, percentile
from oms_ledger.eventstore.command import CommandContext
from tests.support.configuring import create_key
from tests.support.purchases import open_account
from tests.support.purchases import place as place_order

ORDERS = "/api/oms/pvt/orders"
CLIENTS, CONNECTIONS = 32, 512
WARM = 3.0
AFTER = 5
NEIGHBOUR = 5.0  # requests a second
NEIGHBOUR_NAME, NEIGHBOURS_ORDER = "neighbour", "v1neighbour-01"


@dataclass
class Answers:
    """How long each request took, by what came of it."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0


def figures(database: str, seconds: float) -> Iterator[Metric]:
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
            asyncio.run(open_account(cell.ledger, name=NEIGHBOUR_NAME))
            keys = [
                create_key(cell, account, "Owner") for account in (orders.ACCOUNT, NEIGHBOUR_NAME)
            ]
            order_id, placed = orders.new_order()
            asyncio.run(
                cell.ledger.place(CommandContext(orders.ACCOUNT, "benchmark"), {order_id: placed})
            )
            asyncio.run(place_order(cell.ledger, NEIGHBOURS_ORDER, 1, NEIGHBOUR_NAME))
            with processes.deployed(place) as deployment:
                paths = f"{ORDERS}/{order_id}", f"{ORDERS}/{NEIGHBOURS_ORDER}"
                address = "127.0.0.1", int(deployment.base.rpartition(":")[2])
                measured = _measured(database, address, paths, keys, max(4.0, seconds))
                yield from uvloop.run(measured)
        finally:
            cell.close()


async def _measured(
    database: str,
    address: tuple[str, int],
    paths: tuple[str, str],
    keys: list[tuple[str, str]],
    seconds: float,
) -> list[Metric]:
    flood, neighbour = (
        Clients(address, _request(path, key, token))
        for path, (key, token) in zip(paths, keys, strict=True)
    )
    await flood.closed(WARM)
    rate = len((await flood.closed(WARM)).served) / WARM
    alone = await neighbour.open(NEIGHBOUR, WARM)
    load, beside = await asyncio.gather(
        flood.open(2 * rate, seconds), neighbour.open(NEIGHBOUR, seconds)
    )
    after = [len((await flood.closed(1.0)).served) for _ in range(AFTER)]
    flood.close()
    neighbour.close()
    back = next((n + 1.0 for n, count in enumerate(after) if count >= 0.9 * rate), None)
    name = "overload: get order"
    served = len(load.served) / seconds
    found = [
        Metric(f"{name}, rate of {CLIENTS} clients", database, rate, "requests/s"),
        Metric(f"{name}, served of twice that", database, served, "requests/s", rate, "alone"),
        Metric(f"{name}, p99 of what is served", database, _p99(load.served), "ms"),
        Metric(f"{name}, longest of what is served", database, _ms(max(load.served)), "ms"),
        Metric(f"{name}, refused", database, len(load.refused) / seconds, "requests/s"),
        Metric(f"{name}, neither served nor refused", database, float(load.failed), "requests"),
        Metric(f"{name}, until the full rate is back", database, back, "s"),
        Metric(
            *(f"{name}, p99 of another account", database, _p99(beside.served), "ms"),
            *(_p99(alone.served), "without the load"),
        ),
        Metric(f"{name}, refused of another account", database, float(len(beside.refused)), ""),
    ]
    if load.refused:
        found.append(Metric(f"{name}, p99 of a refusal", database, _p99(load.refused), "ms"))
    return found


def _ms(seconds: float) -> float:
    return seconds * 1000


def _p99(took: list[float]) -> float:
    return _ms(percentile(took, 0.99))


def _request(path: str, key: str, token: str) -> bytes:
    headers = f"Host: 127.0.0.1\r\nX-VTEX-API-AppKey: {key}\r\nX-VTEX-API-AppToken: {token}\r\n"
    return f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode()


class Clients:
    """Connections that ask one request: hardly more work than the bytes themselves."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self._address, self._request = address, request
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def closed(self, seconds: float) -> Answers:
        """Each client asks again as soon as it is answered."""
        answers, until = Answers(), time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < until:
                await self._ask(answers)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return answers

    async def open(self, rate: float, seconds: float) -> Answers:
        """So many requests a second, whatever becomes of those before."""
        answers, requested = Answers(), list[asyncio.Task[None]]()
        began = time.perf_counter()
        while (gone := time.perf_counter() - began) < seconds:
            while len(requested) < gone * rate:
                requested.append(asyncio.create_task(self._ask(answers)))
            await asyncio.sleep(0.005)
        await asyncio.gather(*requested)
        return answers

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _ask(self, answers: Answers) -> None:
        began = time.perf_counter()
        async with self._room:
            await self._ask_now(answers, began)

    async def _ask_now(self, answers: Answers, began: float) -> None:
        try:
            while self._idle and self._idle[-1].closed:
                self._idle.pop()
            connection = self._idle.pop() if self._idle else await self._connected()
            status = await connection.ask(self._request)
        except OSError:
            answers.failed += 1
            return
        self._idle.append(connection)
        took = time.perf_counter() - began
        if status in (200, 201):
            answers.served.append(took)
        elif status == 503:
            answers.refused.append(took)
        else:
            answers.failed += 1

    async def _connected(self) -> "Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, *self._address)
        return connection


class Connection(asyncio.Protocol):
    """One connection that is kept; every answer names its length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._received = b""
        self._answer: asyncio.Future[int] | None = None

    def ask(self, request: bytes) -> asyncio.Future[int]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if len(body) >= int(length):
            self._received = b""
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())

    @property
    def closed(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()
