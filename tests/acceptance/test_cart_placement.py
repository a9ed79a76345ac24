"""Placing from a cart: figures, groups, mendable trouble, payment, and the cart after it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from oms_ledger.carts.cart import filling_key
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT, open_account
from tests.support.storefront import (
    ADDRESS,
    PROFILE,
    Browser,
    figures,
    load_offers,
    set_account,
)

ORDERS = "/api/checkout/pub/orders"
DENIED = "4000000000000002"


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app))


def place(browser, **more):
    return browser.cart("/transaction", {"referenceId": browser.cart_id, **more})


def codes(cart):
    return [one["code"] for one in cart["messages"]]


def pay(browser, placed, card="4111111111111111"):
    """Send the payments of a transaction, and have the order processed; the callback's answer."""
    send(browser, placed, card)
    return callback(browser, placed)


def send(browser, placed, card="4111111111111111"):
    content = placed["merchantTransactions"][0]
    sent = [
        {
            "paymentSystem": one["paymentSystem"],
            "value": one["value"],
            "referenceValue": one["referenceValue"],
            "installments": 1,
            "fields": {"cardNumber": card, "validationCode": "123"},
            "transaction": {
                "id": content["transactionId"],
                "merchantName": content["merchantName"],
            },
        }
        for one in content["payments"]
    ]
    url = f"/api/payments/pub/transactions/{content['transactionId']}/payments"
    assert browser.call("POST", url, sent).status == 201


def callback(browser, placed):
    group = placed["orderGroup"]
    return browser.call("POST", f"/api/checkout/pub/gatewayCallback/{group}")


@pytest.mark.guarantee("G28")
def test_order_has_the_figures_of_its_cart(browser, client):
    cart = browser.fill(("1", 5), ("4", 3), ("2", 1), sla="Express")
    placed = place(browser, value=cart["value"])
    assert placed["id"] == placed["merchantTransactions"][0]["transactionId"]
    assert placed["merchantTransactions"][0]["id"] == ACCOUNT.upper()
    merchants = placed["paymentData"]["payments"][0]["merchantSellerPayments"]
    assert merchants[0]["id"] == placed["merchantTransactions"][0]["id"]
    (order,) = placed["orders"]
    totals = {one["id"]: one["value"] for one in order["totals"] if one["value"]}
    assert (order["value"], totals) == (cart["value"], figures(cart))
    for line, bought in zip(cart["items"], order["items"], strict=True):
        for name in ("uniqueId", "price", "sellingPrice", "quantity", "name", "listPrice"):
            assert bought[name] == line[name], name
        assert {**bought["priceDefinition"], "reason": None} == line["priceDefinition"]
    assert pay(browser, placed).status == 204
    document = client.call("GET", f"/api/oms/pvt/orders/{order['orderId']}").json()
    assert document["value"] == cart["value"]
    assert document["orderFormId"] == cart["orderFormId"]
    assert document["shippingData"]["logisticsInfo"][0]["selectedSla"] == "Express"


def test_after_the_purchase_the_cart_is_empty_and_a_new_one_goes_on(browser):
    browser.fill(("1", 1))
    old = browser.cart_id
    placed = place(browser)
    assert [one["id"] for one in browser.cart("", {})["items"]] == ["1"]
    answer = pay(browser, placed)
    assert (answer.status, answer.body) == (204, b"")
    assert browser.cart_id != old
    left = browser.ok("GET", f"/api/checkout/pub/orderForm/{old}")
    assert (left["orderFormId"], left["items"], left["clientProfileData"]) == (old, [], None)
    assert left["paymentData"]["payments"] == []
    assert callback(browser, placed).status == 204


def test_placement_sets_its_cookies_and_opens_what_was_placed(browser, client, client_of):
    browser.fill(("1", 1))
    answer = browser.call("POST", f"/api/checkout/pub/orderForm/{browser.cart_id}/transaction", {})
    first = next(value for name, value in answer.headers if name == "set-cookie")
    assert first.startswith("Vtex_CHKO_Auth=")
    assert "secure" not in first
    placed = answer.json()
    group, order_id = placed["orderGroup"], placed["orders"][0]["orderId"]
    assert placed["receiverUri"].startswith("http://")
    assert f"/split/{group}/payments" in placed["receiverUri"]
    content = browser.ok("GET", f"{ORDERS}/order-group/{group}")
    assert [one["orderId"] for one in content] == [order_id]
    assert browser.ok("GET", f"{ORDERS}/{order_id}")["orderGroup"] == group
    anonymous = Browser(browser.client)
    for path in (f"order-group/{group}", order_id):
        refused = anonymous.call("GET", f"{ORDERS}/{path}")
        assert (refused.status, refused.json()["error"]["code"]) == (401, "ORD062")
        assert client.call("GET", f"{ORDERS}/{path}").status == 200
        assert client_of("Storefront").call("GET", f"{ORDERS}/{path}").status == 401
    missing = client.call("GET", f"{ORDERS}/order-group/v0nothing")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "CHK0199")
    assert client.call("GET", f"{ORDERS}/v0nothing-01").json()["error"]["code"] == "CHK0201"
    assert client.call("GET", ORDERS).status == 405


def test_unchanged_cart_gives_its_first_group_again(browser):
    browser.fill(("1", 1))
    first, again = place(browser), place(browser)
    assert first["orderGroup"] == again["orderGroup"]
    assert first["id"] == again["id"]
    browser.add(("1", 2))
    assert place(browser)["orderGroup"] != first["orderGroup"]


@pytest.mark.guarantee("G57")
def test_of_all_groups_of_a_filling_one_is_processed(browser):
    browser.fill(("1", 1))
    first = place(browser)
    earlier = Browser(browser.client)
    earlier.jar |= browser.jar
    browser.add(("1", 2))
    second = place(browser)
    assert pay(earlier, first).status == 204
    refused = pay(browser, second)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0085")
    assert browser.cart("", {})["items"] == []
    browser.fill(("1", 1))
    assert pay(browser, place(browser)).status == 204


def test_group_that_was_denied_or_expired_gives_way_to_a_new_one(browser, cell):
    browser.fill(("1", 1))
    first = place(browser)
    now = cell.clock.now()
    set_clock(cell, now + timedelta(minutes=6))
    second = place(browser)
    assert second["orderGroup"] != first["orderGroup"]
    assert pay(browser, second, DENIED).status == 500
    assert browser.cart("", {})["items"] != []
    third = place(browser)
    assert third["orderGroup"] != second["orderGroup"]
    assert pay(browser, third).status == 204


@pytest.mark.guarantee("G28")
@pytest.mark.parametrize(
    ("moved", "code"),
    [
        ({"sku": "1", "price": 3000, "name": "Mug"}, "changedPriceValue"),
        ({"sku": "1", "price": 3190, "name": "Mug", "stock": 1}, "itemQuantityNotAvailable"),
        ({"sku": "1", "price": 3190, "name": "Mug", "stock": 0}, "withoutStock"),
        ({"sku": "1", "price": 3190, "name": "Mug", "active": False}, "ORD027"),
        (
            {
                "kind": "delivery",
                "id": "Normal",
                "estimate": "3bd",
                "price": 991,
                "country": "BRA",
            },
            "changedFreightPrice",
        ),
    ],
)
def test_moved_offers_place_nothing_and_say_what_moved(browser, cell, client, moved, code):
    browser.fill(("1", 2), ("3", 1), sla="Normal")
    load_offers(cell, [moved])
    content = place(browser)
    assert (content["id"], content["orderGroup"], content["orders"]) == (None, None, [])
    assert content["merchantTransactions"] == []
    assert codes(content)[0] == code
    assert content["value"] == sum(figures(content).values())
    listed = client.call("GET", "/api/oms/pvt/orders?incompleteOrders=true").json()
    assert listed["paging"]["total"] == 0


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda b: b.cart("/items/removeAll"), "ORD005"),
        (lambda b: b.cart("/attachments/paymentData", {"payments": []}), "CHK0209"),
        (
            lambda b: b.cart(
                "/attachments/shippingData", {"address": {**ADDRESS, "receiverName": ""}}
            ),
            "ORD006",
        ),
        (
            lambda b: b.cart(
                "/attachments/shippingData",
                {"logisticsInfo": [{"itemIndex": 0, "selectedSla": "Scheduled"}]},
            ),
            "ORD046",
        ),
        (
            lambda b: b.cart(
                "/attachments/shippingData",
                {"logisticsInfo": [{"itemIndex": 0, "selectedDeliveryChannel": "pickup-in-point"}]},
            ),
            "ORD045",
        ),
    ],
)
def test_what_a_cart_lacks_is_named(browser, spoil, code):
    browser.fill(("1", 1))
    spoil(browser)
    assert browser.refused("/transaction", {}) == (400, code)


def test_a_person_an_address_and_the_right_total_are_needed(browser):
    browser.add(("1", 1))
    assert browser.refused("/transaction", {}) == (400, "ORD007")
    browser.cart("/attachments/clientProfileData", PROFILE)
    assert browser.refused("/transaction", {}) == (400, "ORD045")
    cart = browser.fill(("1", 1))
    assert browser.refused("/transaction", {"value": cart["value"] - 1}) == (400, "CHK0210")
    assert browser.refused("/transaction", {"referenceId": "0" * 32}) == (400, "ORD002")
    assert place(browser, value=cart["value"], interestValue=1)["orderGroup"]


def test_minimums_and_login_of_the_configuration_hold(browser, cell):
    cart = browser.fill(("1", 2))
    for configuration, refusal in (
        ({"minimumQuantityAccumulatedForItems": 3}, (400, "CHK0248")),
        ({"minimumValueAccumulated": cart["value"] + 1}, (400, "ORD036")),
        ({"requiresLoginToPlaceOrder": True}, (401, "ORD062")),
    ):
        asyncio.run(set_account(cell.ledger, order_form=configuration))
        assert browser.refused("/transaction", {}) == refusal


def test_nothing_to_pay_is_done_at_once(browser, cell, client):
    free = {"kind": "delivery", "id": "Free", "estimate": "1bd", "price": 0, "country": "BRA"}
    load_offers(cell, [free])
    browser.add(("5", 1))
    old = browser.cart_id
    browser.cart("/attachments/clientProfileData", PROFILE)
    browser.cart("/attachments/shippingData", {"address": ADDRESS})
    placed = place(browser, value=0)
    assert (placed["id"], placed["merchantTransactions"]) == ("NO-PAYMENT", [])
    assert "/checkout/orderPlaced" in placed["receiverUri"]
    order_id = placed["orders"][0]["orderId"]
    document = client.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    assert (document["status"], document["value"]) == ("ready-for-handling", 0)
    assert browser.cart_id != old
    left = browser.ok("GET", f"/api/checkout/pub/orderForm/{old}")
    assert left["items"] == []


def test_manual_prices_offers_and_requests_are_kept_apart(browser, cell, client):
    settings: dict[str, Any] = {"order_form": {"allowManualPrice": True}}
    asyncio.run(set_account(cell.ledger, **settings))
    cart = browser.fill(("1", 3), ("2", 1), sla="Normal")
    path = f"/api/checkout/pub/orderForm/{cart['orderFormId']}/items/0/price"
    cart = client.call("PUT", path, {"price": 1700}).json()
    placed = place(browser)
    order_id = placed["orders"][0]["orderId"]
    order = asyncio.run(cell.ledger.order(ACCOUNT, order_id))
    assert [item.price_source for item in order.placed.items] == ["manual", "offer"]
    assert order.value == cart["value"] == 5100 + 15999 + 2 * 990
    assert order.placed.items[0].price_tags[0].name == "DISCOUNT@MANUALPRICE"


def test_orders_of_two_sellers_share_cart_and_payment(browser, cell):
    asyncio.run(open_account(cell.ledger, name="lojab"))
    theirs = {"sku": "9", "seller": "lojab", "price": 5000, "name": "Chair"}
    more = {"sku": "10", "seller": "lojab", "price": 1, "name": "Screw"}
    load_offers(cell, [theirs, more])
    lines = [("1", 1, "1"), ("9", 2, "lojab")]
    entries = [{"id": i, "quantity": q, "seller": s} for i, q, s in lines]
    cart = browser.cart("/items", {"orderItems": entries})
    browser.cart("/customFields/order", {"name": "po", "value": "1"}, "PUT")
    for line in cart["items"]:
        path = f"/customFields/item/{line['uniqueId']}"
        browser.cart(path, {"name": "sku", "value": line["id"]}, "PUT")
    browser.cart("/attachments/clientProfileData", PROFILE)
    cart = browser.cart("/attachments/shippingData", {"address": ADDRESS})
    cart = browser.pay(cart["value"])
    placed = place(browser)
    one, two = placed["orders"]
    assert (one["orderId"][-3:], two["orderId"][-3:]) == ("-01", "-02")
    assert one["value"] + two["value"] == cart["value"]
    for order, sku in ((one, "1"), (two, "9")):
        fields = order["customData"]["customFields"]
        content = {f["linkedEntity"]["type"]: f["fields"][0]["value"] for f in fields}
        assert content == {"order": "1", "item": sku}
    assert pay(browser, placed).status == 204


def test_pickup_needs_a_person_and_no_address_of_delivery(browser, client):
    browser.add(("1", 1))
    browser.cart("/attachments/clientProfileData", PROFILE)
    search = {"postalCode": "01310-100", "country": "BRA", "addressType": "search"}
    info = {"itemIndex": 0, "selectedSla": "Store", "selectedDeliveryChannel": "pickup-in-point"}
    sent = {"selectedAddresses": [search], "logisticsInfo": [info]}
    cart = browser.cart("/attachments/shippingData", sent)
    browser.pay(cart["value"])
    placed = place(browser)
    line = placed["orders"][0]["shippingData"]["logisticsInfo"][0]
    assert (line["selectedDeliveryChannel"], line["addressId"]) == ("pickup-in-point", "p1")
    assert pay(browser, placed).status == 204
    order_id = placed["orders"][0]["orderId"]
    document = client.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    info = document["shippingData"]["logisticsInfo"][0]
    assert info["pickupStoreInfo"]["friendlyName"] == "Paulista"


def test_browser_that_comes_back_is_sent_on(browser, cell):
    browser.fill(("1", 1), sla="Normal")
    cart = browser.pay(browser.cart("", {})["value"], system="6")
    placed = place(browser, value=cart["value"])
    group = placed["orderGroup"]
    assert placed["gatewayCallbackTemplatePath"] == (
        f"/checkout/gatewayCallback/{group}/{{messageCode}}?an={ACCOUNT}"
    )
    answer = browser.call("GET", f"/checkout/gatewayCallback/{group}/Success")
    assert (answer.status, answer.header("location")) == (
        302,
        f"/checkout/orderPlaced/?og={group}",
    )
    again = browser.call("GET", f"/api/checkout/pub/gatewayCallback/{group}/Success")
    assert again.status == 302
    browser.fill(("1", 1))
    unpaid = place(browser)
    send(browser, unpaid, DENIED)
    answer = browser.call("GET", f"/checkout/gatewayCallback/{unpaid['orderGroup']}/Denied")
    assert answer.header("location") == "/checkout/#/payment"


def test_cart_is_emptied_though_the_process_died_before(browser, monkeypatch):
    browser.fill(("1", 1))
    placed = place(browser)
    old = browser.cart_id

    async def died(*_):
        return None

    monkeypatch.setattr("oms_ledger.api.checkout.processing.empty_after_purchase", died)
    assert pay(browser, placed).status == 204
    assert browser.cart_id == old
    assert browser.cart("", {})["items"] == []
    assert filling_key("x") == "filling:x"


def test_opentext_marketing_and_associate_reach_the_order(browser, client):
    browser.fill(("1", 1))
    browser.cart("/attachments/openTextField", {"value": "ring twice"})
    browser.cart("/attachments/marketingData", {"utmSource": "mail", "marketingTags": ["vip"]})
    associate = {"salesAssociateData": {"salesAssociateId": "7"}}
    browser.cart("/attachments/merchantContextData", associate)
    browser.cart("/attachments/invoiceData", {"address": {"street": "Rua", "postalCode": "1"}})
    placed = place(browser)
    pay(browser, placed)
    path = f"/api/oms/pvt/orders/{placed['orders'][0]['orderId']}"
    document = client.call("GET", path).json()
    assert document["openTextField"]["value"] == "ring twice"
    assert document["marketingData"]["utmSource"] == "mail"
    assert document["marketingData"]["marketingTags"] == ["vip"]
    assert document["clientProfileData"]["firstName"] == "Ana"
