"""Operations on carts through the web application, beside orders in one body of the same run."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

from starlette.types import ASGIApp, Message

from benchmarks import orders, places
from benchmarks.figures import Metric
from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.carts.cart import Cart
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.offers.reading import stored
from oms_ledger.web import build
from projections.carts import store
from projections.offers import rows
from tests.support.configuring import create_key

CLIENTS, PAUSE = 16, 0.1  # seconds between the answers and questions of one client
OFFERS, EXPIRED = 100_000, 20_000
CART = "/api/checkout/pub/orderForm"
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
        raw, answer = json.dumps(body).encode() if body is not None else b"", bytearray()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"sc=1",
            "headers": [(b"host", b"127.0.0.1"), *self._headers],
            "scheme": "http",
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Message) -> None:
            assert message.get("status", 200) < 300, (path, message)
            answer.extend(message.get("body", b""))

        await self._app(scope, receive, send)
        return json.loads(answer) if answer else None


def figures(database: str, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        asyncio.run(orders.open_account(cell.ledger))
        asyncio.run(
            cell.ledger.change_account(CommandContext(orders.ACCOUNT, "benchmark"), _unlimited)
        )
        key, token = create_key(cell, orders.ACCOUNT, "Owner")
        yield _loading(cell, database)
        app = build(cell)
        client = _Client(app, {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})
        yield from asyncio.run(_measured(client, database, seconds))
        yield asyncio.run(_removal(cell, database))


def _unlimited(account: Account | None) -> list[AccountEvent]:
    return [AccountSettingsChanged({"rate_limit_per_minute": 0})]


def _loading(cell: Cell, database: str) -> Metric:
    told = [
        *({"sku": f"s{n}", "price": 100 + n % 900, "name": f"SKU {n}"} for n in range(OFFERS)),
        {"kind": "delivery", "id": "Normal", "estimate": "3bd", "price": 990, "country": "BRA"},
        {"kind": "delivery", "id": "Express", "estimate": "1bd", "price": 2000, "country": "BRA"},
    ]
    begun = time.perf_counter()
    found = [stored(one, number) for number, one in enumerate(told, 1)]
    with cell.database.writing() as connection:
        rows.load(connection, orders.ACCOUNT, found, replace=False)
    return Metric(
        f"{OFFERS:,} offers loaded", database, time.perf_counter() - begun, "s", 30.0, "target"
    )


async def _measured(client: _Client, database: str, seconds: float) -> list[Metric]:
    paths = [await _filled(client, n) for n in range(CLIENTS)]
    taken: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_shop(client, path, n, until, taken) for n, path in enumerate(paths)))
    taken.sort()
    found = [
        Metric(
            "a line of a cart, p50", database, 1000 * taken[len(taken) // 2], "ms", 5.0, "target"
        ),
        Metric(
            "a line of a cart, p99",
            database,
            1000 * taken[len(taken) * 99 // 100],
            "ms",
            25.0,
            "target",
        ),
    ]
    large = [{"id": f"s{n}", "quantity": 1, "seller": "1"} for n in range(250)]
    opened = await client.ask("POST", f"{CART}?forceNewCart=true", {})
    path = f"{CART}/{opened['orderFormId']}"
    found.append(
        await _timed(
            "250 lines put into a cart",
            database,
            lambda: client.ask("POST", f"{path}/items", {"orderItems": large}),
        )
    )
    asked = {"items": large[:50], "country": "BRA", "postalCode": "01310-100"}
    simulation = "/api/checkout/pvt/orderForms/simulation"
    found.append(
        await _timed("50 lines simulated", database, lambda: client.ask("POST", simulation, asked))
    )
    placed, whole = await _placements(client)
    found.append(Metric("an order from a cart", database, 1000 * placed, "ms", None))
    found.append(Metric("the same order in one body", database, 1000 * whole, "ms", None))
    found.append(Metric("from a cart ÷ in one body", database, placed / whole, "×", 1.3, "target"))
    return found


async def _filled(client: _Client, number: int) -> str:
    """A cart of five lines with an address; its path."""
    opened = await client.ask("POST", CART, {})
    path = f"{CART}/{opened['orderFormId']}"
    lines = [{"id": f"s{number * 10 + n}", "quantity": 1, "seller": "1"} for n in range(5)]
    await client.ask("POST", f"{path}/items", {"orderItems": lines})
    infos = [{"itemIndex": n, "selectedSla": "Express"} for n in range(5)]
    shipping = {"selectedAddresses": [ADDRESS], "logisticsInfo": infos}
    await client.ask("POST", f"{path}/attachments/shippingData", shipping)
    return path


async def _shop(client: _Client, path: str, number: int, until: float, taken: list[float]) -> None:
    await asyncio.sleep(PAUSE * number / CLIENTS)
    for quantity in itertools.count(2):
        if time.perf_counter() > until:
            return
        line = {"id": f"s{number * 10}", "quantity": quantity, "seller": "1"}
        begun = time.perf_counter()
        await client.ask("POST", f"{path}/items", {"orderItems": [line]})
        taken.append(time.perf_counter() - begun)
        await asyncio.sleep(PAUSE)


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
        path = await _filled(client, number)
        await client.ask("POST", f"{path}/attachments/clientProfileData", profile)
        cart = await client.ask("GET", path)
        total = cart["value"]
        payment = {"paymentSystem": "2", "referenceValue": total, "value": total}
        sent = {"payments": [{**payment, "installments": 1}]}
        cart = await client.ask("POST", f"{path}/attachments/paymentData", sent)
        body = _as_body(cart, profile, sent)
        for taken, method, url, told in (
            (from_carts, "POST", f"{path}/transaction", {}),
            (whole, "PUT", "/api/checkout/pub/orders", body),
        ):
            begun = time.perf_counter()
            await client.ask(method, url, told)
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


async def _removal(cell: Cell, database: str) -> Metric:
    """How long the removal of expired carts holds other writers up, at most."""
    with cell.database.writing() as connection:
        for number in range(EXPIRED):
            cart = Cart(id=f"{number:032x}", account=orders.ACCOUNT, filling="f")
            store.carry_out(connection, store.new(cell.encryption, cart, now=0, expires_at=1))
    longest = 0.0
    while True:
        begun = time.perf_counter()
        with cell.database.writing() as connection:
            removed = store.remove_expired(connection, 2, 500)
        longest = max(longest, time.perf_counter() - begun)
        if not removed:
            break
    name = f"{EXPIRED:,} expired carts removed, the longest step"
    return Metric(name, database, 1000 * longest, "ms", None)
