"""Orders of every kind, made over HTTP: how far they came, and what was asked of them."""

from itertools import count

from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    place,
)
from tests.acceptance.test_partners import PLACE, fulfillment
from tests.acceptance.test_partners import paid as bought
from tests.support.purchases import purchase


def act(client, order_id, what, body=None):
    answer = client.call("POST", f"{ORDERS}/{order_id}/{what}", body or {})
    assert answer.status in (200, 204), answer.body
    return order_id


def incomplete(client):
    return place(client).json()["orders"][0]["orderId"]


def pending(client):
    body = purchase()
    body["paymentData"]["payments"][0]["paymentSystem"] = "125"
    return bought(client, body)


def handling(client):
    return act(client, paid(client), "start-handling")


def partly(client):
    return act(client, handling(client), "invoice", invoice("1500", "a/1"))


def invoiced(client):
    return act(client, handling(client), "invoice", invoice())


def delivered(client):
    order_id = invoiced(client)
    url = f"{ORDERS}/{order_id}/invoice/1%2F2%20%23a/tracking"
    assert client.call("PUT", url.replace("#", "%23"), {"isDelivered": True}).status == 200
    return order_id


def returned(client):
    return act(client, invoiced(client), "invoice", invoice("2000", "back", type="Input"))


def requested(client):
    return act(client, handling(client), "cancel")


def denied(client):
    order_id = requested(client)
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    fields = {
        "cancellationRequestId": document["cancellationRequests"][0]["id"],
        "denyReason": "no",
    }
    url = f"/api/orders/pvt/document/{order_id}/deny-cancellation-request"
    assert client.call("POST", url, fields).status == 200
    return order_id


def canceled(client):
    return act(client, requested(client), "cancel")


def changing(client):
    order_id = handling(client)
    body = {"reason": "reason", "manualDiscountValue": 1}
    url = f"/api/order-system/orders/{order_id}/changes"
    assert client.call("PATCH", url, body).status == 202
    return order_id


def changed(client):
    body = {"requestId": "one", "reason": "reason", "discountValue": 5}
    return act(client, handling(client), "changes", body)


NUMBERS = count(1)


def fulfilled_elsewhere(client, **more):
    body = fulfillment(str(next(NUMBERS)), **more)
    answer = client.call("POST", PLACE, body)
    assert answer.status == 200, answer.body
    return answer.json()[0]["orderId"]


def divergent(client):
    return fulfilled_elsewhere(client, value=2900, isCreatedAsync=True)


ORDERS_OF_ONE = [
    *(
        incomplete,
        pending,
        paid,
        handling,
        partly,
        invoiced,
        delivered,
        returned,
        requested,
        denied,
    ),
    *(canceled, changing, changed, fulfilled_elsewhere, divergent),
]
