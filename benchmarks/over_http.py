"""The system as integrations meet it: commands, reads, feed and hook over HTTP.

Eight clients a core ask at a time.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from benchmarks import library, orders, places, processes
from benchmarks.figures import Metric, percentile
from benchmarks.scale import Scale
from oms_ledger.cell import Cell
from oms_ledger.orders.conversation.outbox import REMINDER
from oms_ledger.services import gc_tuning
from projections.outbox import messages
from projections.subscriptions import lateness
from tests.support.configuring import create_key

CORES = os.cpu_count() or 1
CLIENTS = 8 * CORES
PUSHES_PER_SECOND = 100
EVERY_STATUS = {"type": "FromWorkflow", "status": []}
HANDLING = {"type": "FromWorkflow", "status": ["handling"]}
QUEUE = {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345_600}
T = TypeVar("T")


def figures(database: str, scale: Scale) -> Iterator[Metric]:
    gc_tuning.settle()  # what the client waits for by itself is not to be measured
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
            key, token = create_key(cell, orders.ACCOUNT, "Owner")
            with processes.deployed(place) as deployment:
                for name, size in deployment.memory().items():
                    yield Metric(f"memory of {name}, just started", database, size, "MiB")
                headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
                found, failure = asyncio.run(_all(cell, deployment.base, headers, database, scale))
                yield from found
                if failure is not None:
                    raise failure
                for name, size in deployment.memory().items():
                    yield Metric(f"memory of {name}, after the load", database, size, "MiB")
        finally:
            cell.close()


async def _all(
    cell: Cell, base: str, headers: dict[str, str], database: str, scale: Scale
) -> tuple[list[Metric], Exception | None]:
    """What was measured, and what broke it off."""
    found: list[Metric] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base, headers=headers, connector=connector) as session:
        try:
            async for figure in Load(cell, session, database).run(scale):
                found.append(figure)
        except Exception as error:
            return found, error
    return found, None


class Load:
    def __init__(self, cell: Cell, session: aiohttp.ClientSession, database: str) -> None:
        self._cell, self._session, self._database = cell, session, database
        self._empty = 0.0

    async def run(self, scale: Scale) -> AsyncIterator[Metric]:
        async def healthz(_: int) -> None:
            await self.ask("GET", "/healthz")

        rate, _ = await self._timed(healthz, range(3 * scale.orders))
        self._empty = rate
        yield Metric(f"HTTP GET /healthz, {CLIENTS} clients", self._database, rate, "requests/s")
        await self.ask("POST", "/api/orders/feed/config", {"filter": EVERY_STATUS, "queue": QUEUE})
        body, placed = orders.purchase(), list[dict[str, Any]]()

        async def place(_: int) -> None:
            placed.append(await self.ask("PUT", "/api/checkout/pub/orders", body))

        async for figure in self._figures("place order", place, range(scale.orders)):
            yield figure
        ids = await self.map(self.pay, placed)
        async for figure in self._actions(ids):
            yield figure
        async for figure in self._feed():
            yield figure
        placed.clear()
        await self.map(place, range(scale.pushes))
        async for figure in self._hook(await self.map(self.pay, placed)):
            yield figure

    async def _actions(self, ids: Sequence[str]) -> AsyncIterator[Metric]:
        async def handle(order_id: str) -> None:
            await self.ask("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")

        async def get(order_id: str) -> None:
            await self.ask("GET", f"/api/oms/pvt/orders/{order_id}")

        async def list_(_: str) -> None:
            await self.ask("GET", "/api/oms/pvt/orders?per_page=15")

        known = await self.ask("GET", f"/api/oms/pvt/orders/{ids[0]}")

        async def invoice(order_id: str) -> None:
            body = {
                "type": "Output",
                "issuanceDate": known["creationDate"],
                "invoiceNumber": f"NF-{order_id}",
                "invoiceValue": known["value"],
            }
            await self.ask("POST", f"/api/oms/pvt/orders/{order_id}/invoice", body)

        saved = await asyncio.to_thread(self._saved)
        steps = {"start-handling": handle, "invoice": invoice, "get order": get, "list": list_}
        for name, work in steps.items():
            rate = None
            async for figure in self._figures(name, work, ids):
                rate = rate or figure.value
                yield figure
            if rate and name in ("start-handling", "invoice"):
                yield Metric(
                    *(f"HTTP {name}, beside the library's save", self._database, rate),
                    *("requests/s", saved, "eventsourcing recorder, one event a save, no HTTP"),
                )

    async def _feed(self) -> AsyncIterator[Metric]:
        await self.settled()
        items, taken, began = 0, list[float](), time.perf_counter()
        while time.perf_counter() - began < 5:
            lot_began = time.perf_counter()
            lot = await self.ask("GET", "/api/orders/feed?maxlot=10")
            if not lot:
                break
            handles = {"handles": [item["handle"] for item in lot]}
            await self.ask("POST", "/api/orders/feed", handles)
            items += len(lot)
            taken.append(time.perf_counter() - lot_began)
        name = "HTTP feed retrieve and commit, one client"
        rate = items / sum(taken)
        yield Metric(name, self._database, rate, "items/s")
        for title, share in (("p50", 0.5), ("p99", 0.99)):
            yield Metric(
                f"{name}: {title} of a lot", self._database, percentile(taken, share) * 1000, "ms"
            )

    async def _hook(self, ids: Sequence[str]) -> AsyncIterator[Metric]:
        result: dict[str, float] = {}
        sent: dict[str, float] = {}
        answered: dict[str, float] = {}

        async def notification(request: web.Request) -> web.Response:
            fields = await request.json()
            if "OrderId" in fields:
                result.setdefault(fields["OrderId"], time.perf_counter())
            return web.Response()

        application = web.Application()
        application.router.add_post("/", notification)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            await self.settled()
            hook = {"url": f"http://127.0.0.1:{runner.addresses[0][1]}/", "headers": {}}
            await self.ask("POST", "/api/orders/hook/config", {"filter": HANDLING, "hook": hook})

            async def act(number: int, order_id: str) -> None:
                await asyncio.sleep(max(0, start + number / PUSHES_PER_SECOND - loop.time()))
                sent[order_id] = time.perf_counter()
                await self.ask("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
                answered[order_id] = time.perf_counter()

            loop = asyncio.get_running_loop()
            start = loop.time() + 0.5
            await asyncio.gather(*(act(number, one) for number, one in enumerate(ids)))
            until = time.perf_counter() + 20
            while len(result) < len(ids) and time.perf_counter() < until:
                await asyncio.sleep(0.02)
            if len(result) < len(ids):
                raise RuntimeError(f"only {len(result)} of {len(ids)} notifications arrived")
        finally:
            await runner.cleanup()
        spread = max(sent.values()) - min(sent.values())
        yield Metric("actions sent for the hook", self._database, len(ids) / spread, "actions/s")
        for name, since in (("action sent", sent), ("action answered", answered)):
            waits = [result[order_id] - since[order_id] for order_id in ids]
            for title, share in (("p50", 0.5), ("p99", 0.99)):
                value = percentile(waits, share) * 1000
                baseline = (150.0, "the goal: at most") if share == 0.99 else ()
                yield Metric(
                    f"{name} → hook arrival: {title}", self._database, value, "ms", *baseline
                )

    def _saved(self) -> float:
        """Events a second that the library saves, by one client, of those that there are."""
        rows = [[row] for row in self._cell.store.page(0, 2_000)]
        with library.recorder(self._database) as its:
            return library.events_per_second(its, rows, 1, 1.0)

    # Requests

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, path, json=body) as answer:
            text = await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
            return await answer.json() if answer.content_type.endswith("json") and text else None

    async def pay(self, placed: dict[str, Any]) -> str:
        """The payment of a placed order, so that it is ready for handling."""
        (order,) = placed["orders"]
        transaction = placed["transactionData"]["merchantTransactions"][0]["transactionId"]
        payment = {
            "paymentSystem": "2",
            "installments": 1,
            "value": order["value"],
            "referenceValue": order["value"],
            "fields": {"cardNumber": "4111111111111111"},
            "transaction": {"id": transaction},
        }
        path = f"/api/payments/transactions/{transaction}/payments"
        await self.ask("POST", path, [payment])
        await self.ask("POST", f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}")
        return str(order["orderId"])

    async def settled(self) -> None:
        """Until every follower stands at the head, and what invoices made pending is done."""
        for _ in range(6000):
            head = self._cell.store.head()
            with self._cell.database.snapshot() as connection:
                behind = lateness.behind(connection, head)
                pending = {key for key in messages.counted(connection) if key[1] != REMINDER}
            if not behind and not pending:
                return
            await asyncio.sleep(0.02)
        raise RuntimeError(f"behind for 120 s: {', '.join(behind)}; owed: {pending}")

    async def map(self, work: Callable[[Any], Awaitable[T]], over: Sequence[Any]) -> list[T]:
        """The work over all, eight at a time a core."""
        room = asyncio.Semaphore(CLIENTS)

        async def one(value: Any) -> T:
            async with room:
                return await work(value)

        return await asyncio.gather(*(one(value) for value in over))

    async def _timed(
        self, work: Callable[[Any], Awaitable[None]], over: Sequence[Any]
    ) -> tuple[float, list[float]]:
        taken: list[float] = []

        async def one(value: Any) -> None:
            began = time.perf_counter()
            await work(value)
            taken.append(time.perf_counter() - began)

        began = time.perf_counter()
        await self.map(one, over)
        return len(taken) / (time.perf_counter() - began), taken

    async def _figures(
        self, name: str, work: Callable[[Any], Awaitable[None]], over: Sequence[Any]
    ) -> AsyncIterator[Metric]:
        rate, taken = await self._timed(work, over)
        named = "GET /healthz"
        yield Metric(
            f"HTTP {name}, {CLIENTS} clients",
            self._database,
            rate,
            "requests/s",
            self._empty,
            named,
        )
        for title, share in (("p50", 0.5), ("p99", 0.99)):
            yield Metric(
                f"HTTP {name}: {title}", self._database, percentile(taken, share) * 1000, "ms"
            )
