"""Placing orders through the web application, sequences by the block and singly."""

import asyncio
import json
import time
from collections.abc import Iterator
from functools import partial

from starlette.types import ASGIApp, Message

from benchmarks import orders, places
from benchmarks.alternating import medians
from benchmarks.figures import Metric
from oms_ledger.eventstore import sequences
from oms_ledger.web import build
from tests.support.configuring import create_key

CLIENTS = 16


class _Client:
    """Places orders through the application, and reads no more of the answer than its status."""

    def __init__(self, app: ASGIApp, key: str, token: str) -> None:
        self._app = app
        self._headers = [
            (b"host", b"127.0.0.1"),
            (b"x-vtex-api-appkey", key.encode()),
            (b"x-vtex-api-apptoken", token.encode()),
        ]

    async def place(self, body: bytes) -> int:
        path, status = "/api/checkout/pub/orders", 0
        scope = {
            "type": "http",
            "method": "PUT",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"sc=1",
            "headers": list(self._headers),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        await self._app(scope, receive, send)
        return status


def figures(database: str, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        asyncio.run(orders.open_account(cell.ledger))
        key, token = create_key(cell, orders.ACCOUNT, "Owner")
        client, block = _Client(build(cell), key, token), sequences.BLOCK
        try:
            rates = medians(
                {
                    "blocks": partial(_placed, client, block),
                    "singly": partial(_placed, client, 1),
                },
                seconds,
            )
        finally:
            sequences.BLOCK = block
        name = f"place order, {CLIENTS} clients, no socket"
        named = "a durable write for each sequence number"
        yield Metric(name, database, rates["blocks"], "orders/s", rates["singly"], named)


def _placed(client: _Client, block: int, seconds: float) -> float:
    sequences.BLOCK = block
    return asyncio.run(_place_for(client, seconds))


async def _place_for(client: _Client, seconds: float) -> float:
    done, body = 0, json.dumps(orders.purchase()).encode()
    began = time.perf_counter()
    until = began + seconds

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < until:
            assert await client.place(body) == 201
            done += 1

    await asyncio.gather(*(one() for _ in range(CLIENTS)))
    return done / (time.perf_counter() - began)
