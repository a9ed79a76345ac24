"""However a sale ends, over up to three levels inside and outside: all levels end alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.client import Client
from tests.support.levels import OUTSIDE, World
from tests.support.outside_sales import opened
from tests.support.outsider import Outsider, ReceivedRequest, Reply, well_behaved_seller
from tests.support.purchases import purchase
from tests.support.sales import MIDDLE, SHOP, STORE

MARKET = "market"
"""The outsider that sells what the account in the middle, or a seller of its, delivers."""
PRICE, FREIGHT = 997, 250
TREES = (
    (STORE, SHOP),
    (STORE, OUTSIDE),
    (STORE, MIDDLE, SHOP),
    (STORE, MIDDLE, OUTSIDE),
    (MARKET, MIDDLE),
    (MARKET, MIDDLE, SHOP),
    (MARKET, MIDDLE, OUTSIDE),
)
ENDS = ("refused", "canceled below", "confirmed", "denied", "crossed", "invoiced")
NUMBERS = iter(range(1, 10**6))


@pytest.fixture
def world(cell):
    with opened(cell) as cell, Outsider(well_behaved_seller) as outsider:
        yield World(cell, outsider)


@dataclass(frozen=True)
class Sale:
    """A sale of some units; `orders` are the accounts that have one of it, each with its id."""

    world: World
    tree: tuple[str, ...]
    quantity: int
    orders: tuple[tuple[str, str], ...]
    named: str
    """What the outsider that sold it calls it, or its group."""

    @property
    def lowest(self) -> tuple[str, str]:
        return self.orders[-1]

    @property
    def outside_below(self) -> bool:
        return self.tree[-1] == OUTSIDE

    def documents(self) -> list[dict[str, Any]]:
        """The orders of all levels, the uppermost first."""
        return [self.world.order(*one) for one in self.orders]

    def received(self, action: str) -> list[ReceivedRequest]:
        """What the outsider that sold it got about it."""
        if action == "seller-cancellation":
            calls = self.world.outsider.calls(action)
            return [one for one in calls if one.body["sellerOrderId"] == self.orders[0][1]]
        return [one for one in self.world.outsider.calls(action) if one.order_id == self.named]


def sold(world: World, tree: tuple[str, ...], quantity: int) -> Sale:
    """Sell over the levels of a tree, and have all of them take it."""
    total = PRICE * quantity + FREIGHT
    body = purchase(price=PRICE, quantity=quantity)
    body["shippingData"]["logisticsInfo"] = [
        {"itemIndex": 0, "selectedSla": "Normal", "price": FREIGHT}
    ]
    body["paymentData"]["payments"][0] |= {"value": total, "referenceValue": total}
    chain = list(tree[1:]) if tree[0] == STORE else list(tree[2:]) or ["1"]
    body["items"][0]["seller"] = chain[0]
    if len(chain) > 1:
        body["items"][0]["sellerChain"] = chain
    account = STORE if tree[0] == STORE else MIDDLE
    client = world.clients[account]
    named = f"G{next(NUMBERS)}"
    if tree[0] == MARKET:
        body |= {
            "marketplaceOrderGroup": named,
            "marketplacePaymentValue": total,
            "marketplaceServicesEndpoint": f"{world.outsider.url}/market",
        }
        placed = client.call("PUT", "/api/checkout/pvt/orders?affiliateId=MKP", body)
        named = named if len(tree) > 2 else f"{named}-01"
    else:
        placed = client.call("PUT", "/api/checkout/pub/orders", body)
        group = placed.json()["orders"][0]["orderGroup"]
        path = f"/api/checkout/pub/gatewayCallback/{group}"
        assert client.call("POST", path, {}).status == 204
    assert placed.status in (200, 201), placed.body
    world.rest()
    order_id = str(placed.json()["orders"][0]["orderId"])
    orders = tuple(levels(world, account, order_id, tree))
    return Sale(world, tree, quantity, orders, named)


def levels(
    world: World, account: str, order_id: str, tree: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The accounts of a tree from one of them on, with the id of its order."""
    yield account, order_id
    below = tree[tree.index(account) + 1 :]
    if below and below[0] != OUTSIDE:
        seller_order = world.order(account, order_id)["sellerOrderId"]
        yield from levels(world, below[0], seller_order, tree)


def authorized(sale: Sale) -> None:
    """The outsider that sold it is paid; then who delivers begins."""
    account, order_id = sale.orders[0]
    if sale.tree[0] == MARKET:
        client = sale.world.clients[account]
        if len(sale.tree) > 2:
            receipt = {"date": "2026-01-01T00:00:00Z", "receipt": "R1"}
            body = {"marketplaceOrderGroup": sale.named, "authorizationReceipt": receipt}
            path = f"/api/checkout/pvt/orders/{order_id}/receipts/marketplace-order-authorization"
            assert client.call("POST", path, body).status == 200
        else:
            path = f"/api/fulfillment/pvt/orders/{order_id}/fulfill"
            assert client.call("POST", path, {}).status == 201
        sale.world.rest()
    if not sale.outside_below:
        assert sale.world.act(*sale.lowest, "start-handling").status == 204


def as_seller(sale: Sale, action: str, body: dict[str, Any]) -> int:
    """The seller outside speaks of the order that it has."""
    account, order_id = sale.lowest
    client: Client = sale.world.as_seller[account]
    path = f"/pvt/orders/{quote(order_id, safe='')}/{action}"
    status = client.call("POST", path, body).status
    sale.world.rest()
    return status


def invoice(sale: Sale, number: str, units: int, *, last: bool) -> int:
    """Who delivers invoices some units, and the freight with the last of them."""
    value = PRICE * units + (FREIGHT if last else 0)
    body = {
        "type": "Output",
        "invoiceNumber": number,
        "invoiceValue": value,
        "issuanceDate": "2026-01-01T10:00:00Z",
        "items": [{"id": "7", "quantity": units, "price": PRICE}],
    }
    if sale.outside_below:
        return as_seller(sale, "invoice", body)
    return sale.world.act(*sale.lowest, "invoice", body).status


def requested(sale: Sale) -> int:
    """Who sold it asks to cancel it."""
    account, order_id = sale.orders[0]
    if sale.tree[0] == STORE:
        return sale.world.act(account, order_id, "cancel", {"reason": "Late"}).status
    path = f"/api/fulfillment/pvt/orders/{order_id}/cancel"
    answer = sale.world.clients[account].call("POST", path, {"reason": "Late"})
    sale.world.rest()
    return answer.status


def denied(sale: Sale) -> None:
    account, order_id = sale.lowest
    request = sale.world.order(account, order_id)["cancellationRequests"][-1]
    body = {"cancellationRequestId": request["id"], "denyReason": "Packed"}
    path = f"/api/orders/pvt/document/{quote(order_id, safe='')}/deny-cancellation-request"
    assert sale.world.clients[account].call("POST", path, body).status == 200
    sale.world.rest()


def canceled_below(sale: Sale) -> None:
    """Who delivers cancels by itself."""
    if sale.outside_below:
        assert as_seller(sale, "cancel", {"reason": "None left"}) == 200
        return
    for _ in range(2):  # the second one confirms
        assert sale.world.act(*sale.lowest, "cancel", {"reason": "None left"}).status == 200


def decided(sale: Sale, end: str) -> None:
    """Who sold it asks to cancel; who delivers says yes, no, or nothing yet."""
    if sale.outside_below and end != "confirmed":
        sale.world.outsider.will("cancel", Reply(body={}))  # it thinks about it
    assert requested(sale) == 200
    if sale.outside_below:
        return
    if end == "confirmed":
        assert sale.world.act(*sale.lowest, "cancel", {"reason": "So be it"}).status == 200
    elif end == "denied":
        denied(sale)


def invoiced(sale: Sale, parts: list[int]) -> None:
    """It is invoiced in parts; from the first one on nobody can cancel it."""
    for number, units in enumerate(parts, 1):
        assert invoice(sale, f"N{number}", units, last=number == len(parts)) == 200
        agrees(sale, [f"N{one}" for one in range(1, number + 1)])
        if number < len(parts):
            assert requested(sale) == 400
            assert "canceled" not in {one["status"] for one in sale.documents()}


def agrees(sale: Sale, numbers: list[str]) -> None:
    """All levels have the same value and invoices, and nothing is in error."""
    documents = sale.documents()
    assert {one["value"] for one in documents} == {PRICE * sale.quantity + FREIGHT}
    packages = [
        [
            (p["invoiceNumber"], p["invoiceValue"], [i["quantity"] for i in p["items"]])
            for p in one["packageAttachment"]["packages"]
        ]
        for one in documents
    ]
    assert [number for number, _, _ in packages[0]] == numbers
    assert all(one == packages[0] for one in packages)
    assert not any(one["workflowIsInError"] for one in documents)


@pytest.mark.guarantee("G21")
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    tree=st.sampled_from(TREES),
    end=st.sampled_from(ENDS),
    parts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
@example(tree=(MARKET, MIDDLE, SHOP), end="confirmed", parts=[1])
@example(tree=(STORE, MIDDLE, OUTSIDE), end="refused", parts=[2])
@example(tree=(MARKET, MIDDLE, OUTSIDE), end="crossed", parts=[1, 2])
@example(tree=(STORE, MIDDLE, SHOP), end="denied", parts=[2, 1])
def test_however_a_sale_ends_all_levels_end_alike(world, tree, end, parts):
    world.outsider.received.clear()
    world.outsider.script.clear()
    refused = end == "refused" and tree[-1] == OUTSIDE
    if refused:
        world.outsider.will("orders", Reply(422, {"error": {"message": "Sold out"}}))
    sale = sold(world, tree, sum(parts))
    if not refused:
        authorized(sale)
    canceled = refused or end in ("canceled below", "confirmed")
    if end == "canceled below":
        canceled_below(sale)
    elif end in ("confirmed", "denied", "crossed"):
        decided(sale, end)
    if not canceled:
        invoiced(sale, parts)
    numbers = [] if canceled else [f"N{one}" for one in range(1, len(parts) + 1)]
    agrees(sale, numbers)
    statuses = {one["status"] for one in sale.documents()}
    assert statuses == {"canceled" if canceled else "invoiced"}
    if tree[0] == MARKET:  # it got what it has to know, once and in order
        chain = len(tree) > 2
        assert len(sale.received("seller-cancellation" if chain else "cancel")) == canceled
        assert [one.body["invoiceNumber"] for one in sale.received("invoice")] == numbers
