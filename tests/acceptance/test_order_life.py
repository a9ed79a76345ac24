"""An order's life over HTTP: placed, paid, handled, invoiced, given to feeds."""

import asyncio
from typing import Any

import pytest

from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import checkpoints
from tests.support.purchases import open_account, purchase

ORDERS = "/api/oms/pvt/orders"
EVERY: dict[str, Any] = {
    "filter": {"type": "FromWorkflow", "status": []},
    "queue": {"visibilityTimeoutInSeconds": 60, "MessageRetentionPeriodInSeconds": 345600},
}


def place(client, **headers):
    answer = client.call("PUT", "/api/checkout/pub/orders?sc=1", purchase(), **headers)
    assert answer.status == 201, answer.body
    return answer


def paid(client, **headers):
    """A placed order, its card payment sent and the callback made: its id."""
    fields = place(client, **headers).json()
    (transaction,) = fields["transactionData"]["merchantTransactions"]
    card = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]
    url = f"/api/payments/transactions/{transaction['transactionId']}/payments"
    assert client.call("POST", url, card).status == 201
    group = fields["orders"][0]["orderGroup"]
    assert client.call("POST", f"/api/checkout/pub/gatewayCallback/{group}/", {}).status == 204
    return fields["orders"][0]["orderId"]


def status(client, order_id):
    answer = client.call("GET", f"{ORDERS}/{order_id}")
    assert answer.status == 200, answer.body
    return answer.json()["status"]


def invoice(value="2000", number="1/2 #a", **more):
    return {
        "type": "Output",
        "issuanceDate": "2026-01-02T03:04:05Z",
        "invoiceNumber": number,
        "invoiceValue": value,
        **more,
    }


def drain(cell, client):
    """Advance the client's feed as a worker would."""
    key = client.headers["X-VTEX-API-AppKey"]
    with cell.database.snapshot() as connection:
        feed = feeds.get(connection, key)
    checkpoints.run(
        cell.database, cell.loader(), feeds.subscription_of(key), FeedQueue(cell.database, feed)
    )


@pytest.mark.guarantee("G30")
def test_from_placing_to_invoiced_reads_are_never_stale_without_a_projector(client):
    order_id = paid(client)
    assert status(client, order_id) == "ready-for-handling"
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    assert status(client, order_id) == "handling"
    listed = client.call("GET", f"{ORDERS}?f_status=handling,invoiced").json()
    assert [(row["orderId"], row["status"]) for row in listed["list"]] == [(order_id, "handling")]
    first = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("1500", "a"))
    assert (first.status, status(client, order_id)) == (200, "handling")
    over = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("501", "b"))
    assert over.status == 400
    assert over.json()["error"]["message"] == "Invoice value exceeds order value"
    last = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("500", "b"))
    assert (last.status, status(client, order_id)) == (200, "invoiced")
    assert client.call("GET", f"{ORDERS}?f_status=handling").json()["paging"]["total"] == 0
    document = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    assert [p["invoiceNumber"] for p in document["packageAttachment"]["packages"]] == ["a", "b"]


def test_a_feed_tells_every_status_and_a_committed_item_is_gone(cell, client):
    assert client.call("GET", "/api/orders/feed/config").status == 404
    assert client.call("POST", "/api/orders/feed/config", EVERY).status == 200
    order_id = paid(client)
    drain(cell, client)
    items = client.call("GET", "/api/orders/feed?maxlot=10").json()
    assert [item["state"] for item in items] == [
        "order-created",
        "on-order-completed",
        "waiting-for-authorization",
        "payment-pending",
        "approve-payment",
        "payment-approved",
        "authorize-fulfillment",
        "window-to-cancel",
        "ready-for-handling",
    ]
    assert {item["orderId"] for item in items} == {order_id}
    assert [i["domain"] for i in items] == ["Marketplace"] * 6 + ["Fulfillment"] * 3
    handles = {"handles": [item["handle"] for item in items]}
    assert client.call("GET", "/api/orders/feed/config").json()["quantity"] == 9
    assert client.call("POST", "/api/orders/feed", handles).status == 200
    assert client.call("GET", "/api/orders/feed/config").json()["quantity"] == 0
    forged = client.call("POST", "/api/orders/feed", {"handles": ["forged"]})
    assert (forged.status, "handles[0]" in forged.json()["error"]["message"]) == (400, True)


@pytest.mark.guarantee("G5")
def test_a_repeated_placement_gets_the_first_answer(client):
    first = place(client, idempotency_key="one").json()
    again = place(client, idempotency_key="one").json()
    assert again == first
    total = client.call("GET", f"{ORDERS}?incompleteOrders=true").json()["paging"]["total"]
    assert total == 1


@pytest.mark.guarantee("G5")
def test_every_repeated_action_is_applied_once_and_answered_as_before(client):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    document = f"/api/orders/pvt/document/{order_id}/invoices"
    answers = [client.call("POST", document, invoice()) for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    canceled = paid(client)
    requested = client.call("POST", f"{ORDERS}/{canceled}/cancel", b"null")
    assert (requested.status, status(client, canceled)) == (200, "cancellation-requested")
    confirmed = client.call("POST", f"{ORDERS}/{canceled}/cancel")
    repeated = client.call("POST", f"{ORDERS}/{canceled}/cancel", {})
    assert status(client, canceled) == "canceled"
    assert repeated.json() == confirmed.json()


def test_pending_payments_wait_for_their_notification(client):
    body = purchase()
    body["paymentData"]["payments"][0]["paymentSystem"] = "6"
    order = client.call("PUT", "/api/checkout/pub/orders", body).json()["orders"][0]
    group, order_id = order["orderGroup"], order["orderId"]
    assert client.call("POST", f"/api/checkout/pub/gatewayCallback/{group}").status == 204
    assert status(client, order_id) == "payment-pending"
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    payment = document["paymentData"]["transactions"][0]["payments"][0]["id"]
    url = f"{ORDERS}/{order_id}/payments/{payment}/payment-notification"
    assert [client.call("POST", url).status for _ in range(2)] == [200, 200]
    assert status(client, order_id) == "ready-for-handling"
    url = f"/api/payments/pvt/payments/{payment}/payment-notification"
    for odd in ("1e999999", "1e9999999999", "sNaN", "1e-999999", "0.001", "9" * 5000, "²", True):
        refused = client.call("POST", url, {"valuePaid": odd})
        assert (refused.status, refused.json()["error"]["code"]) == (400, "OMS004"), odd
    unknown = client.call("POST", f"{ORDERS}/{order_id}/payments/nope/payment-notification")
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "CHK0181")


@pytest.mark.parametrize(
    ("method", "url", "body", "code"),
    [
        ("GET", f"{ORDERS}/nope-01", None, "OMS007"),
        ("GET", "/api/orders/pvt/document/nope-01", None, "CHK0201"),
        ("GET", f"{ORDERS}/order-group/nope", None, "CHK0199"),
        ("POST", f"{ORDERS}/nope-01/start-handling", None, "OMS007"),
        ("POST", f"{ORDERS}/nope-01/cancel", {}, "OMS007"),
        ("POST", "/api/checkout/pub/gatewayCallback/nope", {}, "CHK0199"),
    ],
)
def test_what_is_unknown_is_404_with_the_published_code(client, method, url, body, code):
    answer = client.call(method, url, body)
    assert (answer.status, answer.json()["error"]["code"]) == (404, code)
    assert answer.header("x-request-id")


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    "query",
    ["page=abc", "page=31", "per_page=101", "orderBy=x", "f_creationDate=yesterday"],
)
def test_questions_that_cannot_be_answered_are_400(client, query):
    answer = client.call("GET", f"{ORDERS}?{query}")
    assert answer.status == 400
    assert answer.json()["error"]["message"]


HOSTILE = {
    "malformed": b'{"items": [',
    "twice": b'{"items": [], "items": []}',
    "nan": b'{"items": NaN}',
    "infinite": b'{"items": 1e999}',
    "huge number": b'{"items": 90071992547409930}',
    "deep": b'{"items": ' + b"[" * 65 + b"]" * 65 + b"}",
    "very deep": b"[" * 200_000,
    "no utf-8": b'{"items": "\xff"}',
    "array": b"[]",
    "text": b'"order"',
}


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bodies_are_400_and_store_nothing(cell, client, body):
    head = cell.store.head()
    answer = client.call("PUT", "/api/checkout/pub/orders", body)
    assert (answer.status, cell.store.head()) == (400, head)
    assert answer.json()["error"]["message"]


@pytest.mark.guarantee("G53")
def test_a_body_beyond_the_limit_is_413(client):
    answer = client.call("PUT", "/api/checkout/pub/orders", b" " * (10 * 1024 * 1024 + 1))
    assert answer.status == 413


@pytest.mark.guarantee("G51")
def test_another_account_sees_and_changes_nothing(cell, client, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    other_account = client_of("Owner", "other")
    order_id = paid(client)
    assert client.call("POST", "/api/orders/feed/config", EVERY).status == 200
    assert other_account.call("POST", "/api/orders/feed/config", EVERY).status == 200
    for method, url in (
        ("GET", f"{ORDERS}/{order_id}"),
        ("GET", f"/api/orders/pvt/document/{order_id}"),
        ("POST", f"{ORDERS}/{order_id}/start-handling"),
        ("POST", f"{ORDERS}/{order_id}/cancel"),
    ):
        assert other_account.call(method, url).status == 404
    assert other_account.call("GET", ORDERS).json()["paging"]["total"] == 0
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    drain(cell, other_account)
    assert other_account.call("GET", "/api/orders/feed?maxlot=10").json() == []
    assert client.call("GET", f"{ORDERS}/{order_id}?an=other").status == 403
    assert client.call("GET", f"{ORDERS}/{order_id}?an=nobody").status == 404


@pytest.mark.parametrize(
    "path",
    ["/acme/api/oms/pvt/orders", "/API/OMS/pvt/Orders/", "/api/oms/pvt/orders?an=acme"],
)
def test_published_clients_address_the_account_and_path_in_their_ways(client, path):
    assert client.call("GET", path).status == 200
    host = client.call("GET", ORDERS, host="acme.vtexcommercestable.com.br")
    assert host.status == 200
    assert client.call("GET", ORDERS, host="dev--acme.myvtex.com").status == 200


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    "odd",
    [
        {"marketingData": "no object"},
        {"clientPreferencesData": [1]},
        {"storePreferencesData": "x"},
        {"orderFormId": 7},
        {"invoiceData": "x"},
        {"customData": [[]]},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_what_could_never_be_shown_is_refused_before_it_is_stored(cell, client, odd):
    answer = client.call("PUT", "/api/checkout/pub/orders", purchase() | odd)
    assert answer.status in (201, 400), answer.body
    if answer.status == 201:
        order_id = answer.json()["orders"][0]["orderId"]
        assert client.call("GET", f"/api/oms/pvt/orders/{order_id}").status == 200
    assert client.call("GET", f"{ORDERS}?incompleteOrders=true").status == 200


@pytest.mark.guarantee("G53")
def test_an_invoice_that_could_never_be_shown_is_refused(client):
    order_id = paid(client)
    odd = invoice(items=[{"id": "7", "quantity": 1, "price": "9" * 30}])
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", odd).status == 400
    assert status(client, order_id) == "ready-for-handling"


@pytest.mark.guarantee("G51")
def test_the_cookie_of_a_placement_opens_nothing_in_another_account(cell, client):
    asyncio.run(open_account(cell.ledger, name="other"))
    placed = place(client)
    ticket = next(v for k, v in placed.headers if k == "set-cookie" and v.startswith("Vtex_CHKO"))
    group = placed.json()["orders"][0]["orderGroup"]
    client.headers = {"Cookie": ticket.partition(";")[0]}
    url = f"/api/checkout/pub/gatewayCallback/{group}"
    assert client.call("POST", f"{url}?an=other", {}).status == 401
    assert client.call("POST", f"{url}?an=acme", {}).status == 204


@pytest.mark.guarantee("G41")
def test_an_item_may_be_hidden_for_as_long_as_twelve_hours(cell, client):
    longest = {**EVERY, "queue": {**EVERY["queue"], "visibilityTimeoutInSeconds": 43_200}}
    assert client.call("POST", "/api/orders/feed/config", longest).status == 200
    paid(client)
    drain(cell, client)
    assert len(client.call("GET", "/api/orders/feed?maxlot=10").json()) >= 1
