"""`allowFranchises`: an outside marketplace leaves it to the account who of it delivers."""

import asyncio
import copy
from datetime import timedelta

import pytest

from projections.accounts.sellers import Seller
from tests.acceptance.test_marketplace_orders import PLACE, document, offered, refusal
from tests.acceptance.test_order_integration import POST, START, cell, hub, notified, order, rest
from tests.support.clock import set_clock
from tests.support.configuring import save_seller
from tests.support.purchases import ACCOUNT
from tests.support.sales import open_accounts
from tests.support.storefront import CODE, OFFERS, load_offers

__all__ = ["cell", "hub"]

NORTH, SOUTH = "north", "south"
DELIVERIES = [
    {"sku": "2", "price": 15999, "name": "Lamp", "stock": 5},
    {"kind": "delivery", "id": "Sledge", "estimate": "3bd", "price": 0, "country": "BRA"},
]
PICKUP = {
    "addressType": "pickup",
    "addressId": "p1",
    "receiverName": "Ana",
    "postalCode": CODE,
    "country": "BRA",
    "geoCoordinates": [-46.6, -23.5],
}


@pytest.fixture
def shops(cell, client):
    """The account with offers, and two white label sellers of which the second has a sledge."""
    asyncio.run(open_accounts(cell, NORTH, SOUTH))
    load_offers(cell)
    for name in (NORTH, SOUTH):
        fields = {"id": name, "name": name, "isActive": True, "sellerType": 2, "account": name}
        save_seller(cell, Seller(ACCOUNT, name, False, fields, {}))
    load_offers(cell, OFFERS, NORTH)
    load_offers(cell, DELIVERIES, SOUTH)


def franchised(sla, **fields):
    return offered(sla=sla) | {"allowFranchises": True} | fields


def picked_up(**fields):
    body = franchised(None, **fields)
    body["shippingData"] |= {"address": None, "selectedAddresses": [PICKUP]}
    body["shippingData"]["logisticsInfo"][0]["selectedDeliveryChannel"] = "pickup-in-point"
    return body


@pytest.mark.usefixtures("shops")
def test_the_accounts_own_delivery_comes_first(client):
    placed = client.call("POST", PLACE, franchised("Normal"))
    assert (placed.status, placed.json()["orderId"]) == (200, "MKP-1"), placed.body
    assert document(client, "MKP-1")["origin"] == "Fulfillment"


@pytest.mark.usefixtures("shops")
def test_the_first_franchise_that_has_the_delivery_gets_the_order(cell, client, client_of):
    placed = client.call("POST", PLACE, [franchised("Sledge")])
    assert placed.status == 200, placed.body
    assert [one["orderId"] for one in placed.json()] == ["MKP-1-01"]
    rest(cell)
    chain = document(client, "MKP-1-01")
    assert (chain["origin"], chain["sellers"][0]["id"]) == ("Chain", SOUTH)
    assert chain["sellerOrderId"] == "00-MKP-1-01"
    below = document(client_of(account=SOUTH), "00-MKP-1-01")
    assert (below["value"], below["items"][0]["id"]) == (chain["value"], "2")
    again = client.call("POST", PLACE, [franchised("Sledge")])
    assert [one["orderId"] for one in again.json()] == ["MKP-1-01"]
    fulfill = "/api/fulfillment/pvt/orders/MKP-1-01/fulfill?affiliateId=MKP"
    assert client.call("POST", fulfill, {"marketplaceOrderId": "1"}).status == 201
    rest(cell)
    assert document(client_of(account=SOUTH), "00-MKP-1-01")["status"] == "ready-for-handling"


@pytest.mark.usefixtures("shops")
def test_nobody_and_gifts_are_refused(client):
    assert refusal(client.call("POST", PLACE, franchised("Rocket"))) == (400, "FMT010")
    gift = franchised("Sledge")
    gift["items"][0]["isGift"] = True
    assert refusal(client.call("POST", PLACE, gift)) == (400, "ORD017")


@pytest.mark.usefixtures("shops")
@pytest.mark.parametrize(
    ("named", "order_id"), [(ACCOUNT, "MKP-1"), (NORTH, "MKP-1-01"), ("nobody", None), (None, None)]
)
def test_a_pickup_is_of_whom_the_order_names(client, named, order_id):
    placed = client.call("POST", PLACE, picked_up(pickupAccountName=named))
    if order_id is None:
        assert refusal(placed) == (400, "FMT010")
    else:
        assert (placed.status, placed.json()["orderId"]) == (200, order_id), placed.body


@pytest.mark.usefixtures("shops")
def test_a_connector_gets_both_orders_once_the_seller_order_is_placed(cell, client, hub):
    clock = set_clock(cell, START)
    body = order(hub, "7", allowFranchises=True, marketplacePaymentValue=15999)
    body |= {"items": [{"id": "2", "price": 15999, "quantity": 1}], "taxData": None}
    body["marketplaceInterestValue"] = 0
    delivery = body["shippingData"]["logisticsInfo"][0] | {"selectedSla": "Sledge", "price": 0}
    body["shippingData"]["logisticsInfo"] = [delivery]
    assert client.call("POST", POST, body).status == 200
    rest(cell)
    assert notified(hub) == []
    clock.at += timedelta(seconds=10)
    rest(cell)
    assert notified(hub) == [("PlaceOrder", "SOI001"), ("ApproveOrder", "SOI002")]
    ids = {"mainOrderId": "MKP-7-01", "franchiseOrderId": "00-MKP-7-01"}
    assert [one.body["fields"] for one in hub.calls("processing-result")] == [ids, ids]
    nobody = copy.deepcopy(body) | {"marketplaceOrderId": "8"}
    nobody["shippingData"]["logisticsInfo"][0]["selectedSla"] = "Rocket"
    assert client.call("POST", POST, nobody).status == 200
    rest(cell)
    assert notified(hub, "8") == [("PlaceOrder", "EOI002")]
    unnamed = copy.deepcopy(body)
    unnamed["shippingData"]["logisticsInfo"][0] |= {
        "selectedDeliveryChannel": "pickup-in-point",
        "selectedSla": None,
    }
    answer = client.call("POST", POST, unnamed)
    sentences = [one["description"] for one in answer.json()["errors"]]
    assert any(one.startswith("pickupAccountName") for one in sentences)


def test_without_the_word_nothing_is_left_to_others(client, shops):
    assert refusal(client.call("POST", PLACE, offered(sla="Sledge"))) == (400, "FMT010")
