"""v1 modifications over HTTP: the published example as it stands, refusals as published."""

import json
from pathlib import Path
from typing import Any

import pytest

from oms_ledger.orders.payments.gateway import (
    BuiltInGateway,
    GatewayRejected,
    GatewayUnavailable,
    Receipt,
)
from oms_ledger.services.changes import v1_payment
from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    status,
)
from tests.published.conformance import operations

EXAMPLE = operations()["POST /api/oms/pvt/orders/{orderId}/changes"].requests[0]


@pytest.fixture
def handled(client):
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    return order_id


def change(client, order_id, **fields):
    body = {"requestId": "r", "reason": "reason", "discountValue": 0, "incrementValue": 0, **fields}
    return client.call("POST", f"{ORDERS}/{order_id}/changes", body)


def test_the_published_example_runs_as_it_stands(client, handled):
    line = {"id": "0", "quantity": 1, "price": 2499}
    added = change(client, handled, requestId="first", itemsAdded=[line])
    assert added.status == 200, added.body
    answer = client.call("POST", f"{ORDERS}/{handled}/changes", EXAMPLE)
    assert answer.status == 200, answer.body
    fields = answer.json()
    assert (fields["orderId"], set(fields)) == (handled, {"date", "orderId", "receipt"})
    document = client.call("GET", f"{ORDERS}/{handled}").json()
    changes = document["changesAttachment"]["changesData"]
    assert [one["reason"] for one in changes] == ["reason", "Stock shortage"]
    assert changes[1]["receipt"]["receipt"] == fields["receipt"]
    assert document["value"] == 2000 + 2499
    assert document["value"] == sum(total["value"] for total in document["totals"])


@pytest.mark.guarantee("G5")
def test_the_same_request_twice_is_answered_as_the_first_time(client, handled):
    first = change(client, handled, discountValue=100)
    again = change(client, handled, discountValue=700, incrementValue=1)
    assert (again.status, again.body) == (200, first.body)
    assert client.call("GET", f"{ORDERS}/{handled}").json()["value"] == 1900


@pytest.mark.guarantee("G26")
def test_the_changed_order_is_invoiced_in_full(client, handled):
    pan = {"id": "9", "quantity": 1, "price": 500, "unitMultiplier": 0.5}
    assert change(client, handled, itemsAdded=[pan]).status == 200
    over = client.call("POST", f"{ORDERS}/{handled}/invoice", invoice("2251", "a"))
    assert over.json()["error"]["message"] == "Invoice value exceeds order value"
    items = [{"id": "9", "quantity": 1, "price": 500}]
    part = client.call("POST", f"{ORDERS}/{handled}/invoice", invoice("250", "a", items=items))
    assert part.status == 200, part.body
    rest = client.call("POST", f"{ORDERS}/{handled}/invoice", invoice("2000", "b"))
    assert (rest.status, status(client, handled)) == (200, "invoiced")
    packages = client.call("GET", f"{ORDERS}/{handled}").json()["packageAttachment"]["packages"]
    assert [[i["itemIndex"] for i in one["items"]] for one in packages] == [[1], [0]]


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (
            {"discountValue": -1},
            (400, "OMS010"),
            "The modification value needs to be greater or equal than zero",
        ),
        ({}, (400, "OMS010"), "Invalid modification for order"),
        (
            {"itemsRemoved": [{"id": "", "quantity": 1, "price": 1}]},
            (400, "OMS010"),
            "Invalid id for item",
        ),
        ({"reason": None, "discountValue": 1}, (400, "OMS010"), "Field reason not set"),
        (
            {"discountValue": 2001},
            (400, "OMS010"),
            "The value of the modification exceeds the order's price",
        ),
        (
            {"itemsRemoved": [{"id": "none", "quantity": 1, "price": 1}]},
            (404, "OMS010"),
            "404 Not Found",
        ),
        (
            {"itemsRemoved": [{"id": "7", "quantity": 2, "price": 1}]},
            (400, "OMS010"),
            "Invalid quantity to remove from item 7",
        ),
    ],
)
def test_refusals_are_said_as_published(client, handled, fields, code, message):
    answer = change(client, handled, **fields)
    error = answer.json()["error"]
    assert ((answer.status, error["code"]), error["message"]) == (code, message)


def test_every_published_message_is_one_of_ours():
    """The table of the guide against the refusals, with `{0}` as published."""
    from oms_ledger.orders.changes import refusals

    kinds: list[Any] = [kind for kind in vars(refusals).values() if isinstance(kind, type)]
    ours = {kind.text for kind in kinds}
    published = json.loads((Path(__file__).parents[1] / "published/change_errors.json").read_text())
    assert set(published["v1"]) <= ours
    assert set(published["v2"].items()) <= {(kind.code, kind.text) for kind in kinds}


class Moody(BuiltInGateway):
    def __init__(self, answer=None):
        self.answer, self.requested = answer, []

    def adjust(self, transaction, value, request_id):
        self.requested.append((request_id.rpartition("/")[2], value))
        if self.answer:
            raise self.answer
        return Receipt(request_id)


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (
            GatewayRejected("no"),
            400,
            "It's not allowed to make modifications in orders without a credit card payment,"
            " promissory card, cash, or credit control",
        ),
        (GatewayUnavailable("it is night"), 500, "500 Internal Server Error"),
    ],
)
def test_an_increase_that_the_gateway_does_not_take_is_refused(
    client, handled, monkeypatch, answer, status, message
):
    monkeypatch.setattr(v1_payment, "holder_of", lambda cell, order: Moody(answer))
    fields = change(client, handled, incrementValue=100)
    assert (fields.status, fields.json()["error"]["message"]) == (status, message)
    document = client.call("GET", f"{ORDERS}/{handled}").json()
    assert (document["value"], document["changesAttachment"]) == (2000, None)


def test_an_increase_is_requested_of_the_gateway_once_and_a_decrease_not_at_all(
    client, handled, monkeypatch
):
    gateway = Moody()
    monkeypatch.setattr(v1_payment, "holder_of", lambda cell, order: gateway)
    for _ in range(2):
        assert change(client, handled, requestId="more", incrementValue=100).status == 200
    assert change(client, handled, requestId="less", discountValue=100).status == 200
    assert gateway.requested == [("more", 100)]
