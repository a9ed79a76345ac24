"""Operations on carts without a socket, beside orders in one body and small tables."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from sqlalchemy import insert
from starlette.types import ASGIApp, Message

from benchmarks import orders, places
from benchmarks.figures import Metric, percentile
from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.offers.reading import stored
from oms_ledger.web import build
from projections.carts import tables
from projections.offers import rows
from tests.support.configuring import create_key
from workers.scheduler import TICK, ExpiredCarts

FEW, OFFERS = 1_000, 100_000
OVERLOADED = 503
CART = "/api/checkout/pub/orderForm"
SIMULATION = "/api/checkout/pvt/orderForms/simulation"
Ask = Callable[[str, str, Any], Awaitable[Any]]
ADDRESS = {
    "addressType": "residential",
    "receiverName": "Ana Souza",
    "addressId": "home",
    "postalCode": "01310-100",
    "city": "São Paulo",
    "state": "SP",
    "country": "BRA",
    "street": "Avenida Paulista",
    "number": "1",
}


class _Client:
    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer; a process that has no time on a busy machine is asked again."""
        raw = json.dumps(body).encode() if body is not None else b""
        while True:
            status, answer = await self._answered(method, path, raw)
            if status != OVERLOADED:
                break
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        return json.loads(answer) if answer else None

    async def _answered(self, method: str, path: str, raw: bytes) -> tuple[int, bytes]:
        status, answer = 0, bytearray()
        name, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": name,
            "raw_path": name.encode(),
            "query_string": (query or "sc=1").encode(),
            "headers": [(b"host", b"127.0.0.1"), *self._headers],
            "scheme": "http",
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answer.extend(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, bytes(answer)


def figures(database: str, expired: int) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        asyncio.run(orders.open_account(cell.ledger))
        ctx = CommandContext(orders.ACCOUNT, "benchmark")
        asyncio.run(cell.ledger.change_account(ctx, unlimited))
        key, token = create_key(cell, orders.ACCOUNT, "Owner")
        client = _Client(build(cell), {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})
        load_offers(cell, FEW)
        few = asyncio.run(_looked_up(client))
        taken = load_offers(cell, OFFERS)
        yield Metric(f"{OFFERS:,} offers loaded", database, taken, "s", 30.0, "target")
        again = load_offers(cell, OFFERS)
        yield Metric("the same loaded again", database, again, "s", taken, "at first")
        many = asyncio.run(_looked_up(client))
        name = f"50 lines looked up among {OFFERS:,} offers"
        yield Metric(name, database, many, "ms", few, f"among {FEW:,}")
        yield from asyncio.run(_measured(client, database))
        yield from asyncio.run(_removal(client, cell, database, expired))


def unlimited(account: Account | None) -> list[AccountEvent]:
    return [AccountSettingsChanged({"rate_limit_per_minute": 0})]


def load_offers(cell: Cell, count: int) -> float:
    """Load so many offers and two deliveries; in how many seconds."""
    offers = [
        *({"sku": f"s{n}", "price": 100 + n % 900, "name": f"SKU {n}"} for n in range(count)),
        {"kind": "delivery", "id": "Normal", "estimate": "3bd", "price": 990, "country": "BRA"},
        {"kind": "delivery", "id": "Express", "estimate": "1bd", "price": 2000, "country": "BRA"},
    ]
    begun = time.perf_counter()
    found = [stored(one, number) for number, one in enumerate(offers, 1)]
    with cell.database.writing() as connection:
        rows.load(connection, orders.ACCOUNT, found, replace=False)
    return time.perf_counter() - begun


async def _looked_up(client: _Client) -> float:
    """Milliseconds of simulations whose lines nobody asked for before; the middle one."""
    taken = []
    for turn in range(15):
        lines = [{"id": f"s{turn * 50 + n}", "quantity": 1, "seller": "1"} for n in range(50)]
        request = {"items": lines, "country": "BRA", "postalCode": "01310-100"}
        begun = time.perf_counter()
        await client.ask("POST", SIMULATION, request)
        taken.append(1000 * (time.perf_counter() - begun))
    return sorted(taken)[7]


async def _measured(client: _Client, database: str) -> list[Metric]:
    large = [{"id": f"s{n}", "quantity": 1, "seller": "1"} for n in range(300)]
    opened = await client.ask("POST", CART, {})
    path = f"{CART}/{opened['orderFormId']}"
    request = {"items": large[:50], "country": "BRA", "postalCode": "01310-100"}
    line = {"orderItems": [{"id": "s0", "quantity": 2, "seller": "1"}]}

    async def fill() -> None:
        found = await client.ask("POST", f"{path}/items", {"orderItems": large})
        assert len(found["items"]) == 250

    found = [
        await _timed("300 lines put into a cart, which keeps 250", database, fill),
        await _timed(
            "a line of a cart of 250",
            database,
            lambda: client.ask("POST", f"{path}/items", line),
        ),
        await _timed(
            "50 lines simulated", database, lambda: client.ask("POST", SIMULATION, request)
        ),
    ]
    placed, whole = await _placements(client)
    found.append(Metric("an order from a cart", database, 1000 * placed, "ms", None))
    found.append(Metric("the same order in one body", database, 1000 * whole, "ms", None))
    found.append(Metric("from a cart ÷ in one body", database, placed / whole, "×", 1.3, "target"))
    return found


async def filled(ask: Ask, number: int) -> str:
    """A cart of five lines with an address and a delivery; its path."""
    opened = await ask("POST", f"{CART}?forceNewCart=true", {})
    path = f"{CART}/{opened['orderFormId']}"
    lines = [{"id": f"s{number * 10 + n}", "quantity": 1, "seller": "1"} for n in range(5)]
    await ask("POST", f"{path}/items", {"orderItems": lines})
    infos = [{"itemIndex": n, "selectedSla": "Express"} for n in range(5)]
    shipping = {"selectedAddresses": [ADDRESS], "logisticsInfo": infos}
    await ask("POST", f"{path}/attachments/shippingData", shipping)
    return path


async def _timed(name: str, database: str, call: Any, times: int = 11) -> Metric:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - begun)
    return Metric(name, database, 1000 * sorted(taken)[times // 2], "ms", None)


async def _placements(client: _Client, times: int = 30) -> tuple[float, float]:
    """Seconds of a transaction, and of the same order in one body, by turns; the middle ones."""
    from_carts, whole = list[float](), list[float]()
    profile = {"email": "ana@example.com", "firstName": "Ana", "lastName": "Souza"}
    for number in range(times):
        path = await filled(client.ask, number)
        await client.ask("POST", f"{path}/attachments/clientProfileData", profile)
        cart = await client.ask("GET", path)
        total = cart["value"]
        payment = {"paymentSystem": "2", "referenceValue": total, "value": total}
        sent = {"payments": [{**payment, "installments": 1}]}
        cart = await client.ask("POST", f"{path}/attachments/paymentData", sent)
        body = _as_body(cart, profile, sent)
        for taken, method, url, sent_body in (
            (from_carts, "POST", f"{path}/transaction", {}),
            (whole, "PUT", "/api/checkout/pub/orders", body),
        ):
            begun = time.perf_counter()
            await client.ask(method, url, sent_body)
            taken.append(time.perf_counter() - begun)
    return sorted(from_carts)[times // 2], sorted(whole)[times // 2]


def _as_body(cart: Any, profile: Any, payments: Any) -> Any:
    logistics = [
        {**one, "price": next(s["price"] for s in one["slas"] if s["id"] == one["selectedSla"])}
        for one in cart["shippingData"]["logisticsInfo"]
    ]
    shipping = {**cart["shippingData"], "logisticsInfo": logistics}
    shipping.pop("contactInformation")
    return {
        "items": cart["items"],
        "clientProfileData": profile,
        "shippingData": shipping,
        "paymentData": payments,
    }


async def _removal(client: _Client, cell: Cell, database: str, expired: int) -> list[Metric]:
    """How long the removal of expired carts takes, and how long shoppers wait beside it."""
    await asyncio.to_thread(_fill_with_expired, cell, expired)
    path = await filled(client.ask, 1)
    alone = await _waits(client, path, asyncio.Event(), 200)
    done = asyncio.Event()
    shopper = asyncio.create_task(_waits(client, path, done, None))
    begun = time.perf_counter()
    removal, rest = ExpiredCarts(cell, time.monotonic), threading.Event()
    while await asyncio.to_thread(removal.step, rest.wait):
        await asyncio.sleep(TICK)  # as the scheduler does
    removed, taken = removal.removed, time.perf_counter() - begun
    done.set()
    beside = await shopper
    assert removed == expired
    name = f"{expired:,} expired carts removed"
    found = [Metric(name, database, taken, "s", None)]
    for share in (0.5, 0.99, 1.0):
        values = [1000 * percentile(one, share) for one in (beside, alone)]
        title = f"a line of a cart meanwhile: p{share * 100:.0f}"
        found.append(Metric(title, database, values[0], "ms", values[1], "without removal"))
    return found


def _fill_with_expired(cell: Cell, count: int) -> None:
    """Rows whose content nobody opens any more."""
    for begin in range(0, count, 10_000):
        some = [
            {
                "id": f"{number:032x}",
                "account": orders.ACCOUNT,
                "version": 1,
                "written_at": 0,
                "expires_at": 1 + number % 1000,
                "data_key": b"k" * 60,
                "content": b"c" * 1500,
            }
            for number in range(begin, min(count, begin + 10_000))
        ]
        with cell.database.writing() as connection:
            connection.execute(insert(tables.carts), some)


async def _waits(client: _Client, path: str, done: asyncio.Event, times: int | None) -> list[float]:
    """Seconds of one operation after another, so many times or until it is done."""
    taken = list[float]()
    for quantity in itertools.count(2):
        if done.is_set() or len(taken) == times:
            return taken
        line = {"id": "s10", "quantity": quantity % 900 + 1, "seller": "1"}
        begun = time.perf_counter()
        await client.ask("POST", f"{path}/items", {"orderItems": [line]})
        taken.append(time.perf_counter() - begun)
        await asyncio.sleep(0.002)
    return taken
