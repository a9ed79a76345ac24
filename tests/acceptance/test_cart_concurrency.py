"""Writes on one cart at once: none is lost, in one process and between two."""

import asyncio
import os
import threading

import pytest

from oms_ledger.carts.context import CartCaller
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.services.carts import workspace
from oms_ledger.web import build
from tests.support.client import Client
from tests.support.patience import HANGS
from tests.support.storefront import Browser, load_offers, set_account

WRITERS = 20
NOT_NOW = ("OMS503", "CHK0292")
ROUNDS = int(os.environ.get("ROUNDS") or 5)  # `make soak`: 100


@pytest.fixture
def cart(cell, app):
    load_offers(cell, [{"sku": f"s{n}", "price": 100 + n} for n in range(WRITERS)])
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app))


async def ask(client, method, path, body=None):
    """The answer; a process that had no time for it is asked again, as `Retry-After` says."""
    async with asyncio.timeout(HANGS):
        while (answer := await client.ask(method, path, body)).status == 503:
            assert answer.json()["error"]["code"] in NOT_NOW
            assert answer.header("retry-after") == "1"
    return answer


def write(client, path, number):
    """What a writer does: its own line, and the fields of its own."""
    items = {"orderItems": [{"id": f"s{number}", "quantity": number + 1, "seller": "1"}]}
    return ask(client, "POST", f"{path}/items?an=acme", items)


async def at_once(clients, path):
    calls = [write(clients[n % len(clients)], path, n) for n in range(WRITERS)]
    reads = [ask(clients[n % len(clients)], "GET", f"{path}?an=acme") for n in range(5)]
    return await asyncio.gather(*calls, *reads)


@pytest.mark.guarantee("G35")
@pytest.mark.parametrize("processes", [1, 2])
def test_writes_of_one_cart_at_once_all_take_effect(cart, cell, app, processes):
    clients = [Client(app), *(Client(build(cell)) for _ in range(processes - 1))]
    for _ in range(ROUNDS):
        path = f"/api/checkout/pub/orderForm/{cart.cart_id}"
        answers = asyncio.run(at_once(clients, path))
        assert [one.json() for one in answers if one.status != 200] == []
        fields = cart.ok("GET", path)
        assert {one["id"]: one["quantity"] for one in fields["items"]} == {
            f"s{n}": n + 1 for n in range(WRITERS)
        }
        assert fields["value"] == sum((100 + n) * (n + 1) for n in range(WRITERS))
        cart.jar.clear()


@pytest.mark.guarantee("G35")
def test_of_a_write_and_a_read_that_reprices_neither_is_lost(cart, cell, app):
    cart.add(*((f"s{n}", 1) for n in range(5)))
    path = f"/api/checkout/pub/orderForm/{cart.cart_id}"
    load_offers(cell, [{"sku": f"s{n}", "price": 50} for n in range(5)])

    async def both():
        client = Client(app)
        profile = {"email": "ana@example.com"}
        url = f"{path}/attachments/clientProfileData?an=acme"
        return await asyncio.gather(
            *(ask(client, "GET", f"{path}?an=acme") for _ in range(8)),
            ask(client, "POST", url, profile),
            *(ask(client, "GET", f"{path}?an=acme") for _ in range(8)),
        )

    asyncio.run(both())
    fields = cart.ok("GET", path)
    assert fields["clientProfileData"]["email"] == "ana@example.com"
    assert (fields["value"], [one["code"] for one in fields["messages"]]) == (
        250,
        ["changedPriceValue"] * 5,
    )


def test_waiting_too_long_for_a_cart_is_said(cart, cell, app, monkeypatch):
    monkeypatch.setattr(workspace, "PATIENCE", 0.05)
    carts, entered, leave = workspace.Carts(cell), threading.Event(), threading.Event()

    def slow(cart, context):
        entered.set()
        assert leave.wait(HANGS)
        return cart

    async def two(cart_id):
        account, caller = await cell.ledger.account("acme"), CartCaller(actor="test")
        fields = account, cart_id, caller, workspace.Approach()
        first = asyncio.create_task(carts.change(*fields, slow))
        await asyncio.to_thread(entered.wait)
        with pytest.raises(CartRefusal) as refused:
            await carts.change(*fields, lambda cart, context: cart)
        leave.set()
        await first
        return refused.value

    refusal = asyncio.run(two(cart.cart_id))
    assert (refusal.code, refusal.status, refusal.retry_after) == ("CHK0292", 503, 1)
