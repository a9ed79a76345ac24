"""Published request examples, sent as they stand: taken, or refused for what they ask for."""

import asyncio
import re

import pytest
from fastapi.routing import APIRoute

from oms_ledger.api import app
from tests.acceptance.test_order_life import place
from tests.published.conformance import operations
from tests.published.operations import SENT_BY_US
from tests.support.purchases import purchase
from tests.support.storefront import OFFERS, load_offers, set_account

ORDERS = "/api/oms/pvt/orders"


def example(operation):
    return operations()[operation].requests[0]


def bought(client):
    """An order of the lines that the examples speak of, ready for handling."""
    body = purchase()
    lines = [("123", 2, 2499), ("0", 1, 2499), ("1", 1, 2499)]
    body["items"] = [
        {"id": sku, "quantity": quantity, "seller": "1", "price": price, "name": f"SKU {sku}"}
        for sku, quantity, price in lines
    ]
    body["shippingData"]["logisticsInfo"] = [
        {"itemIndex": index, "selectedSla": "Normal", "price": 0} for index in range(len(lines))
    ]
    total = sum(quantity * price for _, quantity, price in lines)
    pays = {"value": total, "referenceValue": total, "installments": 1}
    body["paymentData"]["payments"] = [{"paymentSystem": "17", **pays}]
    fields = client.call("PUT", "/api/checkout/pub/orders", body).json()
    transaction = fields["transactionData"]["merchantTransactions"][0]["transactionId"]
    (order,) = fields["orders"]
    for url, sent in (
        (f"/api/payments/transactions/{transaction}/payments", [{"paymentSystem": 17, **pays}]),
        (f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}", {}),
    ):
        assert client.call("POST", url, sent).status in (201, 204)
    url = f"{ORDERS}/{order['orderId']}"
    document = client.call("GET", url).json()
    payment = document["paymentData"]["transactions"][0]["payments"][0]["id"]
    assert client.call("POST", f"{url}/payments/{payment}/payment-notification").status == 200
    return order["orderId"]


def handled(client):
    order_id = bought(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    return order_id


def invoiced(client):
    order_id = handled(client)
    sent = {**example("POST /api/oms/pvt/orders/{orderId}/invoice"), "invoiceNumber": "24382"}
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", sent).status == 200
    return order_id


def to_deny(client):
    order_id = handled(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel", {}).status == 200
    return order_id


def transaction_of(client):
    return place(client).json()["transactionData"]["merchantTransactions"][0]["transactionId"]


def order(made):
    return lambda client: {"orderId": made(client), "changeOrderId": made(client)}


def nothing(_):
    return {}


def a_transaction(client):
    return {"transactionId": transaction_of(client)}


# The operation: what it needs, the status it is answered by, and the code if that is a refusal.
def a_cart(client):
    """A cart of some lines, in an account that lets prices be set manually."""
    cell = client.app_cell
    load_offers(cell, [*OFFERS, *({"sku": sku, "price": 1099} for sku in ("2005", "2006", "2007"))])
    apps = [{"id": "app", "fields": ["field"], "major": 1}]
    configuration = {"allowManualPrice": True, "apps": apps}
    asyncio.run(set_account(cell.ledger, order_form=configuration))
    opened = client.call("POST", "/api/checkout/pub/orderForm", {}).json()
    path = f"/api/checkout/pub/orderForm/{opened['orderFormId']}/items"
    skus = {"2005": 5, "2006": 1, "2007": 1}
    lines = [{"id": sku, "quantity": number, "seller": "1"} for sku, number in skus.items()]
    cart = client.call("POST", path, {"orderItems": lines}).json()
    return {
        "orderFormId": cart["orderFormId"],
        "itemIndex": "0",
        "itemUniqueId": cart["items"][0]["uniqueId"],
        "itemId": cart["items"][0]["uniqueId"],
        "addressId": "nowhere",
        "attachmentName": "Engraving",
        "appId": "app",
        "appFieldName": "field",
    }


def an_empty_cart(client):
    given = a_cart(client)
    path = f"/api/checkout/pub/orderForm/{given['orderFormId']}/items/removeAll"
    assert client.call("POST", path, {}).status == 200
    return given


_CART = "/api/checkout/pub/orderForm/{orderFormId}"
OF_CARTS = {
    f"POST {_CART}/attachments/clientPreferencesData": (a_cart, 200, None),
    f"POST {_CART}/attachments/clientProfileData": (a_cart, 200, None),
    f"POST {_CART}/attachments/invoiceData": (a_cart, 200, None),
    f"POST {_CART}/attachments/marketingData": (a_cart, 200, None),
    f"POST {_CART}/attachments/merchantContextData": (a_cart, 200, None),
    f"POST {_CART}/attachments/paymentData": (a_cart, 200, None),
    f"POST {_CART}/attachments/shippingData": (a_cart, 200, None),
    f"POST {_CART}/attachments/subscriptionData": (a_cart, 400, "CHK0166"),
    f"DELETE {_CART}/attachments/subscriptionData": (a_cart, 200, None),
    f"POST {_CART}/coupons": (a_cart, 200, None),
    f"PUT {_CART}/customData/{{appId}}": (a_cart, 200, None),
    f"PUT {_CART}/customData/{{appId}}/{{appFieldName}}": (a_cart, 200, None),
    # A line and an address of another cart.
    f"PUT {_CART}/customFields": (a_cart, 400, "CHK0179"),
    f"PUT {_CART}/customFields/address/{{addressId}}": (a_cart, 400, "CHK0179"),
    f"PUT {_CART}/customFields/item/{{itemId}}": (a_cart, 200, None),
    f"PUT {_CART}/customFields/order": (a_cart, 200, None),
    f"PATCH {_CART}/items": (a_cart, 200, None),
    f"POST {_CART}/items": (an_empty_cart, 200, None),
    f"POST {_CART}/items/removeAll": (a_cart, 200, None),
    f"POST {_CART}/items/update": (a_cart, 200, None),
    f"POST {_CART}/items/{{itemIndex}}/attachments/{{attachmentName}}": (a_cart, 404, "CHK0140"),
    f"PUT {_CART}/items/{{itemIndex}}/price": (a_cart, 200, None),
    f"POST {_CART}/items/{{itemUniqueId}}/split": (a_cart, 200, None),
    f"POST {_CART}/messages/clear": (a_cart, 200, None),
    f"PATCH {_CART}/profile": (a_cart, 200, None),
    f"POST {_CART}/transaction": (a_cart, 400, "ORD002"),  # it names another cart
    "PATCH /api/checkout/pvt/configuration/orderForm": (a_cart, 204, None),
    "POST /api/checkout/pvt/configuration/orderForm": (a_cart, 204, None),
}

SENT = {
    **OF_CARTS,
    # The payments of the example do not pay for its lines.
    "PUT /api/checkout/pub/orders": (nothing, 400, "ORD009"),
    "POST /api/checkout/pvt/configuration/window-to-change-seller": (nothing, 201, None),
    "POST /api/oms/pvt/orders/{orderId}/cancel": (order(bought), 200, None),
    "POST /api/oms/pvt/orders/{orderId}/interactions": (order(bought), 200, None),
    # Two units at the price of one: the first line whose unit price it is.
    "POST /api/oms/pvt/orders/{orderId}/invoice": (order(handled), 200, None),
    "PATCH /api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}": (order(invoiced), 200, None),
    "PUT /api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}/tracking": (
        order(invoiced),
        200,
        None,
    ),
    "POST /api/orders/expressions/jsonata": (nothing, 200, None),
    "POST /api/orders/feed/config": (nothing, 200, None),
    # A handle of another feed; and a host that no resolver knows.
    "POST /api/orders/feed": (nothing, 400, "OMS004"),
    "POST /api/orders/hook/config": (nothing, 400, "OMS004"),
    "POST /api/orders/pvt/document/{orderId}/deny-cancellation-request": (
        order(to_deny),
        400,
        None,  # the id of another request
    ),
    # One unit of SKU 0 leaves and comes: the discount and the increment make up for each other.
    "POST /api/oms/pvt/orders/{orderId}/changes": (order(handled), 200, None),
    # The uniqueId of another order's line.
    "PATCH /api/order-system/orders/{changeOrderId}/changes": (order(handled), 400, None),
    "POST /api/order-system/orders/{changeOrderId}/changes/preview": (order(handled), 400, None),
    "POST /api/order-system/orders/{changeOrderId}/changes/{changeRequestId}/retry": (
        order(handled),
        404,
        None,
    ),
    "PUT /api/order-system/orders/changes/settings": (nothing, 200, None),
    "PUT /api/checkout/pvt/orders": (nothing, 400, "FMT0088"),
    # An order that waits for no other seller, and one that no chain leads to.
    "PUT /api/checkout/pvt/orders/{marketplaceOrderId}/sellers": (order(bought), 400, None),
    "POST /api/checkout/pvt/orders/{orderId}/receipts/marketplace-order-authorization": (
        order(bought),
        400,
        None,
    ),
    # They name no affiliate.
    "POST /api/order-integration/orders": (nothing, 400, None),
    "PUT /api/order-integration/orders/status": (nothing, 200, None),
    "POST /api/pvt/transactions": (nothing, 404, None),  # a purchase that nobody made
    "POST /api/payments/transactions/{transactionId}/payments": (a_transaction, 400, None),
    "POST /api/pvt/transactions/{transactionId}/additional-data": (a_transaction, 200, None),
    "PATCH /api/pvt/transactions/{transactionId}/additional-data": (a_transaction, 200, None),
    # Its body names another transaction than its path.
    "POST /api/pvt/transactions/{transactionId}/authorization-request": (a_transaction, 400, None),
    "POST /api/pvt/transactions/{transactionId}/settlement-request": (a_transaction, 400, None),
    "POST /api/pvt/transactions/{transactionId}/refunding-request": (a_transaction, 400, None),
    "POST /api/pvt/transactions/{transactionId}/cancellation-request": (a_transaction, 400, None),
    "POST /api/payments/pvt/payments/{paymentId}/payment-notification": (nothing, 404, None),
}


@pytest.mark.parametrize("operation", SENT)
def test_a_published_request_is_taken_as_it_stands(client, cell, operation):
    client.app_cell = cell
    prepare, status, code = SENT[operation]
    given = prepare(client)
    values = {
        "invoiceNumber": "24382",
        "marketplaceOrderId": given.get("orderId"),
        "changeRequestId": "4e1a2b6c-0f47-4f7e-8d5a-3c9b1f2e7a60",
        "paymentId": "F5C1A4E20A4C4F5B9B6C0F4C1F7D7B5E",
        **given,
    }
    if operation == "POST /api/orders/feed":
        url = "/api/orders/feed/config"
        assert client.call("POST", url, example(f"POST {url}")).status == 200
    method, path = operation.split(" ")
    url = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
    answer = client.call(method, url, example(operation))
    assert answer.status == status, answer.body
    if code:
        assert answer.json()["error"]["code"] == code


def test_every_published_request_is_tried():
    published = {name for name, operation in operations().items() if operation.requests}
    assert published - SENT_BY_US == set(SENT)


def test_every_published_operation_has_a_route():
    routes = {
        (method, re.sub(r"\{[^}]+\}", "{}", route.path))
        for module in app.ROUTERS
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    missing = [
        name
        for name, operation in operations().items()
        if name not in SENT_BY_US
        and (operation.method, re.sub(r"\{[^}]+\}", "{}", operation.path)) not in routes
    ]
    assert missing == []


def test_a_document_that_is_none_is_refused(client):
    requested = {"Expression": "status", "Document": '{\\"status\\": '}
    assert client.call("POST", "/api/orders/expressions/jsonata", requested).status == 400
