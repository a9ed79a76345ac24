"""Orders in one body at the prices of offers: for anonymous callers, shoppers, and keys that
send none.
"""

import asyncio
import dataclasses

import pytest

from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from tests.support.client import Client
from tests.support.purchases import ACCOUNT
from tests.support.storefront import ADDRESS, PROFILE, load_offers, set_account

ORDERS = "/api/checkout/pub/orders"
HOST = {"host": f"{ACCOUNT}.vtexcommercestable.com.br"}


def body(paid, *, price=None, freight=None, sla="Normal", quantity=2, **line):
    """Two mugs sent to a place, paid by Visa; figures only where they are named."""
    item = {"id": "1", "quantity": quantity, "seller": "1", **line}
    info = {"itemIndex": 0, "selectedSla": sla, "selectedDeliveryChannel": "delivery"}
    item |= {} if price is None else {"price": price}
    info |= {} if freight is None else {"price": freight}
    payment = {"paymentSystem": "2", "value": paid, "referenceValue": paid, "installments": 1}
    return {
        "items": [item],
        "clientProfileData": PROFILE,
        "shippingData": {"address": ADDRESS, "logisticsInfo": [info]},
        "paymentData": {"payments": [payment]},
    }


@pytest.fixture
def shop(cell, client):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    token = user_tokens.issue(cell.encryption, UserToken(ACCOUNT, 4_000_000_000, shopper="a@x.com"))
    shopper = Client(client.app, {**HOST, "VtexIdclientAutCookie": token})
    return {"key": client, "shopper": shopper, "stranger": Client(client.app, HOST)}


def mended(client, sent):
    """The cart that says what moved, where a purchase of old figures was placed."""
    asking = dataclasses.replace(client, conforming=False)  # the file has no such answer
    answer = asking.call("PUT", ORDERS, sent)
    fields = answer.json()
    assert (answer.status, fields["transactionData"], fields["orders"]) == (200, None, None)
    return fields["orderForm"]


def sources(cell, answer):
    order_id = answer.json()["orders"][0]["orderId"]
    order = asyncio.run(cell.ledger.order(ACCOUNT, order_id))
    return [item.price_source for item in order.placed.items]


@pytest.mark.guarantee("G57")
@pytest.mark.parametrize("who", ["key", "shopper", "stranger"])
def test_price_and_freight_that_were_not_sent_are_the_offers(cell, shop, who):
    answer = shop[who].call("PUT", ORDERS, body(2 * 3190 + 990))
    assert answer.status == 201, answer.body
    (order,) = answer.json()["orders"]
    assert (order["value"], order["items"][0]["name"]) == (7370, "Mug")
    line = order["shippingData"]["logisticsInfo"][0]
    assert line["slas"][0]["shippingEstimate"] == "3bd"
    assert sources(cell, answer) == ["offer"]


@pytest.mark.guarantee("G57")
def test_figures_of_a_key_are_taken_and_those_of_others_compared(cell, shop):
    sent = body(2 * 1000 + 5, price=1000, freight=5)
    answer = shop["key"].call("PUT", ORDERS, sent)
    assert (answer.status, sources(cell, answer)) == (201, ["request"])
    for who in ("shopper", "stranger"):
        cart = mended(shop[who], sent)
        codes = {one["code"] for one in cart["messages"]}
        assert codes == {"changedPriceValue", "changedFreightPrice"}
        assert cart["value"] == 7370
        seen = shop[who].call("PUT", ORDERS, body(7370, price=3190, freight=990))
        assert (seen.status, sources(cell, seen)) == (201, ["offer"])


@pytest.mark.guarantee("G57")
def test_tags_services_and_multipliers_of_others_come_to_nothing(shop):
    tag = {"name": "discount@price-mine", "value": -3000, "rawValue": -30, "isPercentual": False}
    for line in ({"priceTags": [tag]}, {"manualPrice": 1}):
        assert mended(shop["stranger"], body(7370, **line))["value"] == 7370
    answer = shop["stranger"].call("PUT", ORDERS, body(7370, unitMultiplier=0.001, tax=0))
    assert (answer.status, answer.json()["orders"][0]["value"]) == (201, 7370)


def test_key_without_the_setting_pays_what_is_on_offer(cell, shop):
    asyncio.run(set_account(cell.ledger, trust_request_prices=False))
    assert mended(shop["key"], body(2005, price=1000, freight=5))["value"] == 7370
    assert shop["key"].call("PUT", ORDERS, body(7370)).status == 201


@pytest.mark.parametrize("who", ["key", "shopper", "stranger"])
@pytest.mark.parametrize(
    ("deliveries", "code"),
    [
        ([{"itemIndex": 1}], "CHK0041"),
        ([{"itemIndex": -1}], "CHK0041"),
        ([{"itemIndex": None}], "CHK0041"),
        ([{"itemIndex": 0, "price": 990}, {"itemIndex": 0, "price": 1}], "CHK0108"),
        (["0"], "ORD006"),
    ],
)
@pytest.mark.parametrize("price", [None, 3190])
def test_a_delivery_of_no_line_or_of_one_twice_is_refused(shop, who, deliveries, code, price):
    sent = body(7370, price=price)
    sent["shippingData"]["logisticsInfo"] = deliveries
    answer = shop[who].call("PUT", ORDERS, sent)
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)


def test_a_line_at_a_price_of_its_own_needs_its_delivery(shop):
    sent = body(2 * 1000, price=1000)
    sent["shippingData"]["logisticsInfo"] = []
    answer = shop["key"].call("PUT", ORDERS, sent)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "ORD006")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (body(7370, id="404"), 400, "CHK0022"),
        (body(7370, sla="Nothing"), 400, "CHK0171"),
        (body(7370, sla="Scheduled"), 400, "ORD046"),
        (body(7369), 400, "ORD009"),
    ],
)
def test_what_offers_do_not_have_is_refused(shop, sent, status, code):
    answer = shop["key"].call("PUT", ORDERS, sent)
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("line", "code"),
    [({"id": "404"}, "ORD027"), ({"id": "6"}, "withoutStock")],
)
def test_what_went_away_is_said_to_who_saw_it(shop, line, code):
    cart = mended(shop["stranger"], body(7370, **line))
    assert cart["messages"][0]["code"] == code
