"""What pages cost beside the API's answers that they are made of: CPU time, bytes, requests.

CPU time of the process, so that a busy machine says nearly the same: pages and the requests that
they make of the API take turns, a batch of each.
"""

import asyncio
import time
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks import orders, places
from benchmarks.figures import Metric, percentile
from oms_ledger.api.http.outermost import Outermost
from oms_ledger.backoffice.app import backoffice
from oms_ledger.cell import Cell
from oms_ledger.web import WithBackOffice, build_api
from projections.operators import sessions
from tests.support.configuring import create_operator

TURNS = 10
BATCH = 6


class _RecordingApi:
    """The API, and the requests that came to it."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api
        self.requests: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append({**scope, "state": dict(scope["state"])})
        await self._api(scope, receive, send)


async def _answered(app: ASGIApp, scope: Scope) -> bytes:
    """The bytes of an answer to a request without a body, which has to be a good one."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app({**scope, "state": dict(scope.get("state", {}))}, receive, send)
    assert messages[0]["status"] == 200, (scope["path"], messages[0]["status"])
    return b"".join(message.get("body", b"") for message in messages[1:])


def _page(target: str, token: str) -> Scope:
    path, _, query = target.partition("?")
    headers = {"host": "127.0.0.1", "accept-encoding": "gzip", "cookie": f"oms={token}"}
    return {
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


def figures(database: str, count: int) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        order_id = asyncio.run(_placed(cell, count))
        api = build_api(cell)
        recording, token = _RecordingApi(api), _signed_in(cell)
        app = Outermost(WithBackOffice(api, backoffice(recording, cell)))
        base = f"/admin/{orders.ACCOUNT}"
        named = {
            "home": base,
            "list of 50": f"{base}/orders?per_page=50",
            "order": f"{base}/orders/{order_id}",
            "stream": f"{base}/stream",
        }
        for name, target in named.items():
            page = _page(target, token)
            yield from asyncio.run(_measured(database, app, api, recording, name, page))


async def _measured(
    database: str, app: ASGIApp, api: ASGIApp, recording: _RecordingApi, name: str, page: Scope
) -> list[Metric]:
    await _answered(app, page)
    recording.requests.clear()
    size = len(await _answered(app, page))
    made_of = list(recording.requests)

    async def cost(app: ASGIApp, scopes: list[Scope]) -> float:
        """CPU milliseconds of all of them, the mean of a batch."""
        began = time.process_time()
        for _ in range(BATCH):
            for scope in scopes:
                await _answered(app, scope)
        return (time.process_time() - began) * 1000 / BATCH

    await cost(api, made_of)
    turns = [(await cost(app, [page]), await cost(api, made_of)) for _ in range(TURNS)]
    whole, inside = (percentile(list(one), 0.5) for one in zip(*turns, strict=True))
    beside = f"its {len(made_of)} API answers alone"
    return [
        Metric(f"page {name}, CPU", database, whole, "ms", inside, beside),
        Metric(f"page {name}, compressed", database, size / 1024, "KiB"),
    ]


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
