"""A connector's orders: queued at once, processed one after another, results told over HTTP."""

import asyncio
import copy
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from oms_ledger.cell import Cell
from projections.outbox.tables import outbox_messages
from tests.acceptance.test_marketplace_orders import document, setting, with_key
from tests.acceptance.test_order_life import ORDERS
from tests.support.clock import set_clock
from tests.support.outsider import Outsider, Reply
from tests.support.run_until_idle import settle

POST = "/api/order-integration/orders?affiliateId=MKP"
STATUS = "/api/order-integration/orders/status"
START = datetime(2026, 1, 1, tzinfo=UTC)
PERSON = "ana@example.com"
BODY = {
    "marketplaceOrderId": "9001",
    "connectorName": "hub",
    "marketplaceOrderStatus": "approved",
    "marketplacePaymentValue": 2710,
    "marketplaceInterestValue": 100,
    "items": [
        {"id": "1", "price": 1000, "quantity": 1},
        {"id": "2", "price": 500, "quantity": 2},
    ],
    "clientProfileData": {"email": PERSON, "firstName": "Ana", "lastName": "Souza"},
    "shippingData": {
        "logisticsInfo": [
            {"price": 300, "selectedDeliveryChannel": "delivery", "selectedSla": "Normal"},
            {"price": 300, "selectedDeliveryChannel": "delivery", "selectedSla": "Normal"},
        ],
        "selectedAddresses": [
            {
                "addressType": "residential",
                "receiverName": "Ana",
                "postalCode": "01310-100",
                "country": "BRA",
                "geoCoordinates": {"latitude": -23.5, "longitude": -46.6},
            }
        ],
    },
    "taxData": [{"skuId": "2", "value": 10}],
    "customData": {"customApps": [{"id": "hub", "major": 1, "fields": {"Key": "v | w"}}]},
}


@pytest.fixture
def cell(cell):
    """The cell of the tests, where the operator opened the loopback addresses."""
    opened = Cell(
        replace(cell.settings, hook_allowed_networks=(ip_network("127.0.0.1/32"),)), cell.clock
    )
    yield opened
    opened.close()


@pytest.fixture
def hub():
    with Outsider(lambda request: Reply()) as outsider:
        yield outsider


def order(hub, number="9001", **fields):
    return copy.deepcopy({**BODY, "marketplaceOrderId": number, **fields}) | {
        "connectorEndpoint": f"{hub.url}/hub"
    }


def notified(hub, number=None):
    """Flow and code of the results, of one order or all."""
    return [
        (one.body["flow"], one.body["code"])
        for one in hub.calls("processing-result")
        if number is None or one.body["marketplaceOrderId"] == number
    ]


def rest(cell):
    asyncio.run(settle(cell))


def test_an_approved_order_is_queued_placed_approved_and_both_results_are_sent(cell, client, hub):
    operation = str(uuid.uuid4())
    client.headers["X-Request-Id"] = operation
    answer = client.call("POST", POST, order(hub))
    assert (answer.status, answer.json()) == (
        200,
        {
            "marketplaceOrderId": None,
            "accountName": "acme",
            "code": "SOI003",
            "flow": "PlaceOrder",
            "success": True,
            "operationId": None,
            "errors": None,
            "fields": None,
            "message": "Order successfully enqueued",
        },
    )
    assert client.call("GET", f"{ORDERS}/MKP-9001").status == 404
    with cell.database.reading() as connection:
        assert PERSON not in repr(connection.execute(outbox_messages.select()).all())
    rest(cell)
    assert notified(hub) == [("PlaceOrder", "SOI001"), ("ApproveOrder", "SOI002")]
    path = "POST /hub/order-integration/notification/processing-result?an=acme"
    assert {one.call for one in hub.received} == {path}
    first, second = (one.body for one in hub.received)
    assert first == {
        "marketplaceOrderId": "9001",
        "accountName": "acme",
        "code": "SOI001",
        "flow": "PlaceOrder",
        "success": True,
        "operationId": operation,
        "errors": None,
        "fields": {"mainOrderId": "MKP-9001", "franchiseOrderId": None},
        "message": "Order integrated successfully",
    }
    assert second["operationId"] == operation
    shown = document(client, "MKP-9001")
    assert (shown["status"], shown["value"]) == ("ready-for-handling", 2610)
    assert shown["customData"]["customApps"][0]["fields"] == {"Key": "v | w"}
    (payment,) = shown["paymentData"]["transactions"][0]["payments"]
    assert (payment["value"], payment["referenceValue"]) == (2710, 2610)
    operation_shown = client.call("GET", f"/api/ledger/order-integration/{operation}").json()
    assert (operation_shown["state"], operation_shown["attempts"]) == ("delivered", 1)
    assert operation_shown["results"] == [first, second]
    assert [one["state"] for one in operation_shown["notifications"]] == ["delivered"] * 2
    missing = client.call("GET", f"/api/ledger/order-integration/{uuid.uuid4()}")
    assert missing.status == 404


def test_a_new_order_waits_until_the_connector_says_that_it_is_approved(cell, client, hub):
    assert client.call("POST", POST, order(hub, marketplaceOrderStatus="New")).status == 200
    answer = client.call(
        "PUT", STATUS, {"marketplaceOrderId": "9001", "marketplaceOrderStatus": "Approved"}
    )
    assert answer.status == 200, answer.body
    answer = client.call(
        "PUT",
        f"{STATUS}?affiliateId=MKP",
        {
            "marketplaceOrderId": "9001",
            "marketplaceOrderStatus": "Approved",
            "connectorEndpoint": f"{hub.url}/hub",
        },
    )
    assert answer.json()["flow"] == "ApproveOrder"
    assert (answer.json()["marketplaceOrderId"], answer.json()["accountName"]) == ("9001", None)
    rest(cell)
    assert notified(hub) == [("PlaceOrder", "SOI001"), ("ApproveOrder", "SOI002")]
    assert document(client, "MKP-9001")["status"] == "ready-for-handling"


def status(hub, number, value="approved"):
    return {
        "marketplaceOrderId": number,
        "marketplaceOrderStatus": value,
        "connectorEndpoint": f"{hub.url}/hub",
    }


def test_results_that_are_refusals_have_their_codes(cell, client, hub):
    def of(path, method, body):
        assert client.call(method, path, body).status == 200
        before = len(notified(hub))
        rest(cell)
        return notified(hub)[before:], hub.calls("processing-result")[-1].body["errors"]

    put = f"{STATUS}?affiliateId=MKP"
    assert of(put, "PUT", status(hub, "none"))[0] == [("ApproveOrder", "EOI008")]
    assert of(put, "PUT", status(hub, "none", "new"))[0] == [("ApproveOrder", "EOI008")]
    codes, errors = of(POST, "POST", order(hub, "1", marketplacePaymentValue=9999))
    assert codes == [("PlaceOrder", "SOI001"), ("ApproveOrder", "EOI011")]
    assert errors[0]["code"] == "EOI011"
    setting(cell, price_divergence_rule='[{"from": 0, "to": 100, "effect": "deny"}]')
    codes, errors = of(POST, "POST", order(hub, "2", marketplacePaymentValue=9999))
    assert codes == [("PlaceOrder", "EOI003")]
    assert (errors[0]["source"], errors[0]["code"]) == ("Fulfillment", "FMT007")
    assert of(POST, "POST", order(hub, "3"))[0][0] == ("PlaceOrder", "SOI001")
    assert of(POST, "POST", order(hub, "3"))[0] == [("PlaceOrder", "EOI007")]
    again = of(put, "PUT", status(hub, "3"))
    assert again[0] == [("ApproveOrder", "SOI002")]
    assert of(put, "PUT", status(hub, "3", "new"))[0] == [("PlaceOrder", "SOI001")]
    cancel = "/api/fulfillment/pvt/orders/MKP-3/cancel"
    assert client.call("POST", cancel, {}).json()["isCancelled"] is False
    assert client.call("POST", f"{ORDERS}/MKP-3/cancel", {}).status == 200
    assert of(put, "PUT", status(hub, "3"))[0] == [("ApproveOrder", "EOI009")]
    assert of(POST, "POST", order(hub, "3"))[0] == [("PlaceOrder", "EOI007")]


def test_every_wrong_field_of_a_form_is_reported_at_once(client, hub):
    body = order(hub, marketplaceOrderStatus="canceled", marketplaceInterestValue=9999)
    body["shippingData"]["logisticsInfo"].pop()
    body["connectorEndpoint"] = f"{hub.url}/hub?token=1"
    answer = client.call("POST", POST, body)
    assert answer.status == 400
    envelope = answer.json()
    assert (envelope["code"], envelope["success"]) == ("EOI005", False)
    assert (envelope["flow"], envelope["marketplaceOrderId"]) == ("Unknown", "9001")
    sentences = [one["description"] for one in envelope["errors"]]
    assert "shippingData.logisticsInfo: found 1 entries, expected 2, one per item" in sentences
    assert any("expected new or approved" in one for one in sentences)
    assert any(one.startswith("marketplaceInterestValue") for one in sentences)
    assert any("expected no query" in one for one in sentences)
    assert {one["source"] for one in envelope["errors"]} == {"Order Integration"}
    for body in ({}, [], None, {"marketplaceOrderStatus": "new"}):
        assert client.call("POST", POST, body).json()["code"] == "EOI005"
        assert client.call("PUT", STATUS, body).json()["code"] == "EOI005"
    private = order(hub, connectorEndpoint="http://10.0.0.1")
    private["connectorEndpoint"] = "ftp://connector.example.com"
    assert client.call("POST", POST, private).status == 400


ADDRESS_OF_ANA = "shippingData.selectedAddresses[0]"


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"{ADDRESS_OF_ANA}.country", "BR"),
        (f"{ADDRESS_OF_ANA}.street", 5),
        (f"{ADDRESS_OF_ANA}.postalCode", 5),
        (f"{ADDRESS_OF_ANA}.complement", {"a": 1}),
        (f"{ADDRESS_OF_ANA}.geoCoordinates", [1, 2]),
        (f"{ADDRESS_OF_ANA}.geoCoordinates", {"latitude": "x", "longitude": 1}),
        (f"{ADDRESS_OF_ANA}.geoCoordinates", {"latitude": 91, "longitude": 1}),
        ("shippingData.logisticsInfo[0].deliveryIds", "x"),
        ("shippingData.isFob", "yes"),
        ("allowFranchises", "x"),
        ("taxData", "x"),
        ("customData", "x"),
        ("customData.customApps", "x"),
        ("connectorEndpoint", "https://169.254.169.254/"),
        ("connectorEndpoint", "http://10.0.0.1"),
    ],
)
def test_a_value_of_another_type_is_reported_by_its_place_at_once(client, hub, place, value):
    body: Any = order(hub)
    part = body
    *path, last = place.replace("[0]", ".0").split(".")
    for name in path:
        part = part[int(name)] if name.isdigit() else part.setdefault(name, {})
    part[last] = value
    answer = client.call("POST", POST, body)
    assert answer.status == 400, answer.body
    (problem,) = answer.json()["errors"]
    assert problem["description"].startswith(f"{place}: ")


def test_a_connector_is_known_by_its_name_and_its_key(cell, app, client, hub):
    affiliate = {"name": "Hub", "connectorName": "hub", "connectorEndpoint": f"{hub.url}/kept"}
    assert client.call("PUT", "/api/fulfillment/pvt/affiliates/HBB", affiliate).status == 204
    body = order(hub)
    del body["connectorEndpoint"]
    nameless = POST.partition("?")[0]
    assert client.call("POST", nameless, body).status == 200
    key = with_key(cell, app, "affiliate:HBB", "Create orders")
    bare = {**body, "marketplaceOrderId": "2"}
    del bare["connectorName"]
    assert key.call("POST", nameless, bare).status == 200
    assert key.call("POST", POST, body).status == 403
    assert key.call("POST", nameless, {**body, "connectorName": "another"}).status == 403
    assert client.call("POST", nameless, {**bare, "connectorName": "unknown"}).status == 400
    rest(cell)
    for number in ("9001", "2"):
        assert notified(hub, number) == [("PlaceOrder", "SOI001"), ("ApproveOrder", "SOI002")]
    assert hub.received[0].path.startswith("/kept/order-integration/")
    assert document(client, "HBB-2")["affiliateId"] == "HBB"


@pytest.mark.parametrize("role", ["Create orders", "IntegrationProfile - Fulfillment Gateway Oms"])
def test_one_key_integrates_orders_and_reads_them_and_no_others(cell, app, client, hub, role):
    affiliate = {"name": "Hub", "connectorName": "hub", "connectorEndpoint": hub.url}
    assert client.call("PUT", "/api/fulfillment/pvt/affiliates/MKP", affiliate).status == 204
    key = with_key(cell, app, "affiliate:MKP", role)
    assert key.call("POST", POST, order(hub)).status == 200
    assert client.call("POST", POST.replace("MKP", "XYZ"), order(hub)).status == 200
    rest(cell)
    read = key.call("GET", f"{ORDERS}/MKP-9001")
    assert (read.status, read.json()["status"]) == (200, "ready-for-handling")
    assert client.call("GET", f"{ORDERS}/XYZ-9001").status == 200
    assert key.call("GET", f"{ORDERS}/XYZ-9001").status == 404
    assert key.call("GET", ORDERS).status == 403


@pytest.mark.parametrize(
    ("offers", "code"),
    [(Reply(500), "EOI006"), (Reply(body=b"<html>"), "EOI010")],
    ids=["fault", "nothing of use"],
)
def test_offers_that_do_not_answer_are_called_three_times(cell, app, client, hub, offers, code):
    clock = set_clock(cell, START)
    setting(cell, offers="http", offers_url=hub.url)
    hub.will("simulation", *[offers] * 3)
    assert client.call("POST", POST, order(hub)).status == 200
    for seconds in (0, 6, 17):  # five and fifteen, and a tenth
        clock.at += timedelta(seconds=seconds)
        rest(cell)
    assert len(hub.calls("simulation")) == 3
    assert notified(hub, "9001") == [("PlaceOrder", code)]
    assert client.call("GET", f"{ORDERS}/MKP-9001").status == 404


def test_a_result_that_does_not_arrive_is_sent_again_and_undoes_nothing(cell, client, hub):
    clock = set_clock(cell, START)
    hub.will("processing-result", Reply(500), Reply(404, {"message": "not yet"}))
    assert client.call("POST", POST, order(hub)).status == 200
    rest(cell)
    assert document(client, "MKP-9001")["status"] == "ready-for-handling"
    for _ in range(4):
        clock.at += timedelta(hours=1)
        rest(cell)
    ids = [(one.body["code"], one.headers["idempotency-key"]) for one in hub.received]
    assert {code for code, _ in ids} == {"SOI001", "SOI002"}
    assert len(ids) == 4
    assert len(set(ids)) == 2


@pytest.mark.guarantee("G49")
def test_operations_of_an_order_keep_their_order_and_are_carried_out_once(cell, client, hub):
    for number in ("1", "2"):
        new = order(hub, number, marketplaceOrderStatus="new")
        assert client.call("POST", POST, new).status == 200
        put = f"{STATUS}?affiliateId=MKP"
        assert client.call("PUT", put, status(hub, number)).status == 200
    rest(cell)
    for number in ("1", "2"):
        assert notified(hub, number) == [("PlaceOrder", "SOI001"), ("ApproveOrder", "SOI002")]
