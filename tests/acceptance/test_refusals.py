"""Every refusal that the operations on orders are documented with: status, code and message.

A case makes an order of some kind and sends one request about it, which changes nothing.
"""

import pytest

from oms_ledger.eventstore import ledger
from tests.acceptance.order_kinds import act, pending
from tests.acceptance.refusal_cases import (
    DENIAL,
    DOCUMENT,
    ON_AN_ORDER,
    UNKNOWN,
)
from tests.acceptance.test_order_life import ORDERS, paid
from tests.acceptance.test_partners import PLACE, fulfillment
from tests.support.client import Client


def url_of(path, order_id):
    if path.startswith("/api/"):
        return path.replace("{id}", order_id)
    if path.startswith("document"):
        return f"{DOCUMENT}/{order_id}{path.removeprefix('document')}"
    return f"{ORDERS}/{order_id}{path}"


def refused(client, method, url, body, status, fields, headers=None):
    code, message = fields
    answer = client.call(method, url, body, **(headers or {}))
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (status, code), error
    assert message in error["message"]
    return answer


@pytest.mark.guarantee("G2")
@pytest.mark.parametrize("case", ON_AN_ORDER)
def test_a_documented_refusal_of_an_order_has_its_code_and_changes_nothing(cell, client, case):
    made, method, path, body, status, fields = ON_AN_ORDER[case]
    order_id = made(client)
    if body == "asked":
        document = client.call("GET", f"{ORDERS}/{order_id}").json()
        asked_as = document["cancellationRequests"][0]["id"]
        body = {**DENIAL, "cancellationRequestId": asked_as}
    head = cell.store.head()
    refused(client, method, url_of(path, order_id), body, status, fields)
    assert cell.store.head() == head


def test_a_payment_can_be_notified_in_payment_pending_only(client):
    order_id = act(client, pending(client), "cancel")
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    payment = document["paymentData"]["transactions"][0]["payments"][0]["id"]
    fields = ("CHK0242", "is in status canceled: a payment can be notified in payment-pending only")
    refused(
        client,
        "POST",
        f"{ORDERS}/{order_id}/payments/{payment}/payment-notification",
        None,
        400,
        fields,
    )


def test_nothing_is_given_back_of_a_transaction_of_which_nothing_was_taken(client):
    order_id = paid(client)
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    transaction = document["paymentData"]["transactions"][0]["transactionId"]
    url = f"/api/pvt/transactions/{transaction}/refunding-request"
    group = document["orderGroup"]
    fields = ("CHK0240", f"Order {group} dont have value to refund")
    refused(client, "POST", url, {"value": 1}, 400, fields)


GENERAL = [
    ("GET", f"{ORDERS}?per_page=101", None, 400, ("OMS004", "per_page")),
    ("GET", f"{ORDERS}?page=31", None, 400, ("OMS004", "Max page exceed")),
    ("GET", f"{ORDERS}?page=abc", None, 400, ("OMS004", "page")),
    ("GET", f"{ORDERS}?orderBy=x", None, 400, ("OMS004", "orderBy")),
    ("GET", f"{ORDERS}?f_creationDate=x", None, 400, ("OMS004", "f_creationDate")),
    ("POST", "/api/orders/extendsearch/orders", [1], 400, ("OMS004", "The body")),
    ("GET", "/api/oms/user/orders?per_page=101", None, 400, ("OMS004", "per_page")),
    ("GET", "/api/oms/user/orders/last", None, 404, UNKNOWN),
    (
        "POST",
        "/api/checkout/pvt/configuration/window-to-change-seller",
        {"waitingTime": 31},
        400,
        ("CHK0228", "Invalid value for time configuration in days. Max value: 31 days."),
    ),
    ("POST", f"{ORDERS}/none-01/invoice", b'{"a": 1, "a": 2}', 400, ("OMS004", "twice")),
    ("POST", f"{ORDERS}/none-01/invoice", b"[NaN]", 400, ("OMS004", "NaN")),
    ("POST", f"{ORDERS}/none-01/invoice", None, 400, ("OMS004", "expected an object")),
    ("GET", f"{ORDERS}/none-01?an=nobody", None, 404, ("OMS007", "Account nobody not found")),
    ("POST", PLACE, fulfillment("1", 2900), 400, ("FMT007", "Payment total (2900) differs")),
    ("GET", "/api/oms/pvt/nothing", None, 404, ("OMS404", "no such path")),
    ("DELETE", f"{ORDERS}/none-01", None, 405, ("OMS405", "no such method")),
]


@pytest.mark.parametrize("case", GENERAL, ids=lambda case: f"{case[0]} {case[1]}")
def test_a_documented_refusal_that_is_of_no_order_has_its_code(client, case):
    refused(client, *case)


def test_an_order_that_others_change_all_the_time_is_refused_for_a_moment(client, monkeypatch):
    order_id = paid(client)
    monkeypatch.setattr(ledger, "ATTEMPTS", 0)
    fields = ("CHK0292", "The order is being changed by others: try again")
    answer = refused(client, "POST", f"{ORDERS}/{order_id}/cancel", None, 409, fields)
    assert answer.header("Retry-After") == "1"


@pytest.mark.guarantee("G50")
def test_denied_permissions_have_their_codes(client, client_of):
    anonymous = Client(client.app, {})
    refused(anonymous, "GET", ORDERS, None, 401, ("1", "Unauthorized access"))
    url = "/api/checkout/pvt/orders/none-01/sellers"
    answer = refused(anonymous, "PUT", url, None, 401, ("ORD062", "Unauthorized"))
    assert answer.json()["fields"] == {}
    assert answer.json()["operationId"]
    reader = client_of("OMS - Read only")
    fields = ("CHK003", "Access denied. The key needs one of these resources: Cancel order")
    refused(reader, "POST", f"{ORDERS}/none-01/cancel", None, 403, fields)
