"""What pages cost beside the API's answers that they are made of: time, bytes, requests."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import orders, places
from benchmarks.figures import Metric, percentile
from oms_ledger.cell import Cell
from oms_ledger.web import build
from projections.operators import sessions
from tests.support.configuring import create_operator

ROUNDS = 30


async def _asked(app: Any, target: str, token: str) -> tuple[float, bytes, str]:
    """Seconds, packed bytes and `Server-Timing` of a page."""
    path, _, query = target.partition("?")
    headers = {"host": "127.0.0.1", "accept-encoding": "gzip", "cookie": f"oms={token}"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    messages: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    began = time.perf_counter()
    await app(scope, receive, send)
    took = time.perf_counter() - began
    assert messages[0]["status"] == 200, (target, messages[0]["status"])
    told = dict(messages[0]["headers"]).get(b"server-timing", b"").decode()
    return took, b"".join(m.get("body", b"") for m in messages[1:]), told


def figures(database: str, count: int) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        order_id = asyncio.run(_placed(cell, count))
        app, token = build(cell), _signed_in(cell)
        base = f"/admin/{orders.ACCOUNT}"
        named = {
            "home": base,
            "list of 50": f"{base}/orders?per_page=50",
            "order": f"{base}/orders/{order_id}",
            "stream": f"{base}/stream",
        }
        for name, target in named.items():
            yield from asyncio.run(_measured(database, app, name, target, token))


async def _measured(database: str, app: Any, name: str, target: str, token: str) -> list[Metric]:
    await _asked(app, target, token)
    whole, inside, size, requests = [], [], 0, 0
    for _ in range(ROUNDS):
        took, body, told = await _asked(app, target, token)
        api = [float(ms) for ms in re.findall(r"dur=([\d.]+)", told)]
        whole.append(took * 1000)
        inside.append(sum(api))
        size, requests = len(body), len(api)
    beside = f"its {requests} API answers alone"
    return [
        Metric(
            f"page {name}, p50", database, percentile(whole, 0.5), "ms",
            percentile(inside, 0.5), beside,
        ),
        Metric(f"page {name}, compressed", database, size / 1024, "KiB"),
    ]  # fmt: skip


async def _placed(cell: Cell, count: int) -> str:
    await orders.open_account(cell.ledger)
    found = [await orders.live(cell.ledger) for _ in range(count)]
    return str(found[-1])


def _signed_in(cell: Cell) -> str:
    operator = create_operator(
        cell,
        orders.ACCOUNT,
        "Owner",
        email="b@example.com",
        name="B",
        password_hash="",
        deployment=True,
    )
    with cell.database.writing() as connection:
        return sessions.open_session(connection, operator, "benchmark", cell.clock.micros())
