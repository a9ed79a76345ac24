"""Whole sessions as published storefronts hold them, over a real socket, to an invoiced order."""

import asyncio
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.purchases import ACCOUNT
from tests.support.storefront import (
    ADDRESS,
    CODE,
    PROFILE,
    Browser,
    figures,
    load_offers,
    set_account,
)

ORDER_FORM = "/api/checkout/pub/orderForm"
APPS = [{"id": "faststore", "fields": ["cartEtag"], "major": 1}]


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    settings: dict[str, Any] = {"anonymous_checkout": True, "order_form": {"apps": APPS}}
    asyncio.run(set_account(cell.ledger, **settings))
    return Browser(Client(app, over_http=True))


@pytest.fixture
def store(client):
    client.over_http = True
    return client


def process(browser, placed, path):
    """Send the payments by one of the published paths, without a key, and the callback."""
    fields = placed["merchantTransactions"][0]
    (merchant,) = {
        one["id"]
        for payment in placed["paymentData"]["payments"]
        for one in payment["merchantSellerPayments"]
    }
    assert merchant == fields["id"]
    chosen = placed["paymentData"]["payments"][0]
    sent = {
        "paymentSystem": str(chosen["paymentSystem"]),
        "installments": str(chosen["installments"]),
        "value": chosen["value"],
        "referenceValue": chosen["referenceValue"],
        "installmentsInterestRate": 0,
        "isLuhnValid": True,
        "originalPaymentIndex": 0,
        "group": "creditCardPaymentGroup",
        "fields": {"cardNumber": "4111111111111111", "holderName": "Ana", "dueDate": "12/40"},
        "transaction": {"id": fields["transactionId"], "merchantName": fields["merchantName"]},
    }
    url = path.format(fields["transactionId"])
    answer = browser.call("POST", url, [sent])
    assert (answer.status, answer.body) == (201, b"")
    group = placed["orderGroup"]
    answer = browser.call("POST", f"/api/checkout/pub/gatewayCallback/{group}/")
    assert (answer.status, answer.body) == (204, b"")


def invoice(store, order_id, value):
    path = f"/api/oms/pvt/orders/{order_id}"
    assert store.call("POST", f"{path}/start-handling").status == 204
    fields = {
        "type": "Output",
        "invoiceNumber": "1",
        "invoiceValue": value,
        "issuanceDate": "2026-07-01",
        "items": [],
    }
    assert store.call("POST", f"{path}/invoice", fields).status == 200
    return store.call("GET", path).json()


@pytest.mark.guarantee("G28")
def test_faststore_session(browser, store):
    cart = browser.ok("POST", f"{ORDER_FORM}?sc=1&refreshOutdatedData=true", {})
    cart_id = browser.jar["checkout.vtex.com"].partition("=")[2]
    assert cart["orderFormId"] == cart_id
    browser.ok("POST", f"{ORDER_FORM}/{cart_id}?sc=1&refreshOutdatedData=true")
    browser.ok("POST", f"{ORDER_FORM}/{cart_id}/messages/clear", {})
    items = f"{ORDER_FORM}/{cart_id}/items?sc=1&allowOutdatedData=paymentData"
    lines = [
        {"id": "1", "seller": "1", "quantity": 5, "attachments": []},
        {"id": "4", "seller": "1", "quantity": 3, "attachments": []},
    ]
    body = {"orderItems": lines, "noSplitItem": True}
    cart = browser.ok("PATCH", items, body)
    assert [one["text"] for one in cart["messages"]] == []
    update = [{"id": "1", "seller": "1", "quantity": 2, "index": 0, "attachments": []}]
    cart = browser.ok("PATCH", items, {"orderItems": update, "noSplitItem": True})
    assert [one["quantity"] for one in cart["items"]] == [2, 3]
    etag = f"{ORDER_FORM}/{cart_id}/customData/faststore/cartEtag"
    cart = browser.ok("PUT", etag, {"value": "5d41402a"})
    assert cart["customData"]["customApps"][0]["fields"]["cartEtag"] == "5d41402a"
    simulation: dict[str, Any] = {"items": [{"id": "1", "quantity": 2, "seller": "1"}]}
    simulation |= {"country": "BRA", "postalCode": CODE}
    fields = browser.ok("POST", "/api/checkout/pub/orderForms/simulation?sc=1", simulation)
    assert fields["logisticsInfo"][0]["slas"]
    shipping = f"{ORDER_FORM}/{cart_id}/attachments/shippingData"
    address = {"addressType": "residential", "country": "BRA", "postalCode": CODE}
    infos = [
        {"itemIndex": i, "selectedSla": "Express", "selectedDeliveryChannel": "delivery"}
        for i in range(2)
    ]
    cart = browser.ok("POST", shipping, {"selectedAddresses": [address], "logisticsInfo": infos})
    shown = cart["shippingData"]["selectedAddresses"][0]
    assert (shown["postalCode"], shown["addressType"]) == (CODE, "residential")
    whole = {**shown, **ADDRESS, "addressId": shown["addressId"]}
    sent = {
        "selectedAddresses": [whole],
        "logisticsInfo": [{**i, "deliveryWindow": {}} for i in infos],
    }
    cart = browser.ok("POST", shipping, sent)
    assert figures(cart) == {"Items": 6380 + 4199, "Shipping": 2200 + 2300}
    attachments = f"{ORDER_FORM}/{cart_id}/attachments"
    browser.ok("POST", f"{attachments}/marketingData", {"utmSource": "x", "utmiPage": None})
    browser.ok("POST", f"{attachments}/clientPreferencesData", {"locale": "en-US"})
    browser.ok("POST", f"{attachments}/clientProfileData", PROFILE)
    total = cart["value"]
    payment = {"paymentSystem": "2", "referenceValue": total, "value": total, "installments": 3}
    cart = browser.ok("POST", f"{attachments}/paymentData", {"payments": [payment]})
    assert (cart["value"], total) == (15079, 15079)
    body = {"referenceId": cart_id, "savePersonalData": True, "value": total}
    body |= {"referenceValue": total, "interestValue": 0, "optinNewsLetter": False}
    placed = browser.ok("POST", f"{ORDER_FORM}/{cart_id}/transaction", body)
    process(browser, placed, "/api/payments/pub/transactions/{}/payments?redirect=false")
    (order,) = placed["orders"]
    document = invoice(store, order["orderId"], total)
    assert (document["status"], document["value"]) == ("invoiced", 15079)
    totals = {one["id"]: one["value"] for one in document["totals"]}
    assert totals == {"Items": 10579, "Discounts": 0, "Shipping": 4500, "Tax": 0}
    payment = document["paymentData"]["transactions"][0]["payments"][0]
    assert (payment["value"], payment["installments"]) == (15079, 3)
    browser.ok("POST", f"{ORDER_FORM}/{cart_id}?refreshOutdatedData=true")
    assert browser.ok("GET", f"{ORDER_FORM}/{cart_id}")["items"] == []


@pytest.mark.guarantee("G28")
def test_vtex_js_session(browser, store):
    sections = {
        "expectedOrderFormSections": ["items", "totalizers", "clientProfileData", "shippingData"]
    }
    cart = browser.ok("POST", f"{ORDER_FORM}/", sections)
    path = f"{ORDER_FORM}/{cart['orderFormId']}"
    item = {"id": 2, "quantity": "1", "seller": 1}
    cart = browser.ok("POST", f"{path}/items", {"orderItems": [item], **sections})
    update = {"orderItems": [{"index": 0, "quantity": 2}], **sections}
    cart = browser.ok("POST", f"{path}/items/update/", update)
    cart = browser.ok("POST", f"{path}/items", {"orderItems": [{**item, "id": "3"}], **sections})
    cart = browser.ok("POST", f"{path}/items/1/offerings", {"id": "s1", **sections})
    assert cart["items"][1]["bundleItems"][0]["name"] == "Assembly"
    profile = {**PROFILE, **sections}
    cart = browser.ok("POST", f"{path}/attachments/clientProfileData", profile)
    address = browser.ok("GET", f"/api/checkout/pub/postal-code/BRA/{CODE}")
    filled = {**address, "receiverName": "Ana Souza", "number": "1"}
    cart = browser.ok("POST", f"{path}/attachments/shippingData", {"address": filled, **sections})
    needed = "items totalizers clientProfileData shippingData paymentData sellers messages"
    assert all(cart[name] is not None for name in needed.split())
    logistics = cart["shippingData"]["logisticsInfo"]
    assert [one["selectedSla"] for one in logistics] == ["Normal", "Normal"]
    shipping = cart["shippingData"]
    shipping["logisticsInfo"][0]["selectedSla"] = "Express"
    cart = browser.ok("POST", f"{path}/attachments/shippingData", {**shipping, **sections})
    assert figures(cart) == {"Items": 2 * 15999 + 10199, "Shipping": 2200 + 990}
    cart = browser.ok("POST", f"{path}/attachments/openTextField", {"value": "ring"})
    total = cart["value"]
    payments = [
        {"paymentSystem": 2, "referenceValue": 20000, "value": 20000, "installments": 4},
        {"paymentSystem": 6, "referenceValue": total - 20000},
    ]
    cart = browser.ok("POST", f"{path}/attachments/paymentData", {"payments": payments})
    card, slip = cart["paymentData"]["payments"]
    assert (card["value"], slip["value"]) == (20664, total - 20000)
    started = {"referenceId": cart["orderFormId"], "savePersonalData": False, **sections}
    placed = browser.ok("POST", f"{path}/transaction", started)
    group = placed["orderGroup"]
    sent = [
        {"paymentSystem": one["paymentSystem"], "value": one["value"], "installments": count}
        | {"referenceValue": one["referenceValue"]}
        | ({"fields": {"cardNumber": "4111111111111111"}} if count == 4 else {})
        for one, count in zip(placed["merchantTransactions"][0]["payments"], (4, 1), strict=True)
    ]
    receiver = placed["receiverUri"].partition("//")[2].partition("/")[2]
    assert browser.call("POST", f"/{receiver.partition('?')[0]}", sent).status == 201
    assert browser.call("POST", f"/api/checkout/pub/gatewayCallback/{group}").status == 204
    (order,) = browser.ok("GET", f"/api/checkout/pub/orders/order-group/{group}")
    document = store.call("GET", f"/api/oms/pvt/orders/{order['orderId']}").json()
    assert document["status"] == "payment-pending"
    slip = document["paymentData"]["transactions"][0]["payments"][1]["id"]
    notified = f"/api/oms/pvt/orders/{order['orderId']}/payments/{slip}/payment-notification"
    assert store.call("POST", notified).status == 200
    document = invoice(store, order["orderId"], total)
    assert (document["status"], document["value"]) == ("invoiced", total)
    assert document["openTextField"]["value"] == "ring"
    assert document["orderGroup"].endswith(ACCOUNT[:4])
