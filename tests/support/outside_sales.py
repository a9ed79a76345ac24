"""Sales with one side outside the deployment: what both kinds of tests need of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from oms_ledger.cell import Cell
from projections.accounts.sellers import Seller
from tests.support.client import Client
from tests.support.clock import SettableClock
from tests.support.configuring import save_seller
from tests.support.purchases import purchase
from tests.support.run_until_idle import settle

SELLER = "elsewhere"
ORDERS = "/api/oms/pvt/orders"
PUBLIC = "https://oms.example.com"
AFFILIATE = "MKP"


@contextmanager
def opened(cell: Cell) -> Iterator[Cell]:
    """The cell of a test, where the operator opened the loopback addresses."""
    networks = (ip_network("127.0.0.1/32"),)
    beside = Cell(
        replace(cell.settings, hook_allowed_networks=networks, public_url=PUBLIC), cell.clock
    )
    yield beside
    beside.close()


def register_seller(
    cell: Cell, endpoint: str, seller: str = SELLER, account: str = "acme", **fields: Any
) -> None:
    secrets = {"fulfillmentEndpoint": endpoint, "appKey": "key", "appToken": "token"}
    one = Seller(account, seller, True, {"name": "Elsewhere", **fields}, secrets)
    save_seller(cell, one)


def bought(client: Client, seller: str = SELLER, **details: Any) -> str:
    """Buy three of a seller and pay; the order's id."""
    body = purchase(price=1000, quantity=3)
    body["items"][0] |= {"seller": seller, **details}
    placed = client.call("PUT", "/api/checkout/pub/orders", body)
    assert placed.status == 201, placed.body
    order = placed.json()["orders"][0]
    answer = client.call("POST", f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}", {})
    assert answer.status == 204, answer.body
    return str(order["orderId"])


def sold_outside(client: Client, endpoint: str, number: str = "123", *, paid: bool = True) -> str:
    """Have a marketplace outside place an order of three, and authorize it when it is `paid`.

    Answers the order's id here.
    """
    body = {
        **purchase(price=1000, quantity=3),
        "marketplaceOrderId": number,
        "marketplaceOrderGroup": f"G{number}",
        "marketplaceServicesEndpoint": endpoint,
        "marketplacePaymentValue": 3000,
        "paymentData": None,
    }
    url = f"/api/fulfillment/pvt/orders?affiliateId={AFFILIATE}"
    placed = client.call("POST", url, [body])
    assert placed.status == 200, placed.body
    order_id = str(placed.json()[0]["orderId"])
    if paid:
        answer = client.call("POST", f"/api/fulfillment/pvt/orders/{order_id}/fulfill", {})
        assert answer.status == 201, answer.body
    return order_id


def get(client: Client, order_id: str) -> Any:
    return client.call("GET", f"{ORDERS}/{order_id}").json()


def status(client: Client, order_id: str) -> str:
    return str(get(client, order_id)["status"])


def rest(cell: Cell, clock: SettableClock, **later: float) -> None:
    """Let time pass, and everything happen that is due."""
    clock.at += timedelta(**later)
    asyncio.run(settle(cell))


def cancel(client: Client, order_id: str, reason: str = "Changed my mind") -> None:
    body = {"reason": reason, "requestedByUser": True}
    answer = client.call("POST", f"{ORDERS}/{order_id}/cancel", body)
    assert answer.status == 200, answer.body


def invoice(client: Client, order_id: str, number: str, value: int, **fields: Any) -> None:
    body = {
        "type": "Output",
        "invoiceNumber": number,
        "invoiceValue": value,
        "issuanceDate": "2026-01-01T10:00:00Z",
        **fields,
    }
    answer = client.call("POST", f"{ORDERS}/{order_id}/invoice", body)
    assert answer.status == 200, answer.body
