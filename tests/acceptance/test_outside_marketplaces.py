"""Marketplaces outside the deployment are told over HTTP: invoices, tracking, cancellations."""

from datetime import UTC, datetime

import aiohttp
import pytest

from oms_ledger.http_client.partner_client import PartnerClients
from oms_ledger.web import build
from tests.support.clock import set_clock
from tests.support.outside_sales import (
    ORDERS,
    cancel,
    get,
    invoice,
    opened,
    rest,
    sold_outside,
    status,
)
from tests.support.outsider import SILENCE, Outsider, Reply, well_behaved_marketplace

START = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = {"type", "invoiceNumber", "invoiceValue", "issuanceDate", "invoiceKey", "invoiceUrl"}
KEYS |= {"embeddedInvoice", "courier", "trackingNumber", "trackingUrl", "dispatchedDate", "items"}


@pytest.fixture
def cell(cell):
    with opened(cell) as beside:
        yield beside


@pytest.fixture
def marketplace(cell, client):
    client.app = build(cell)
    with Outsider(well_behaved_marketplace) as outsider:
        yield outsider


@pytest.fixture
def clock(cell, marketplace):
    return set_clock(cell, START)


@pytest.fixture
def order_id(client, cell, clock, marketplace):
    """An order that is in handling, sold at an address with a secret of its own."""
    sold = sold_outside(client, f"{marketplace.url}/mkt/?token=hush#x")
    rest(cell, clock)
    assert client.call("POST", f"{ORDERS}/{sold}/start-handling").status in (200, 204)
    return sold


def test_each_invoice_is_sent_in_order_with_every_key(cell, client, marketplace, clock, order_id):
    items = [{"id": "7", "quantity": 1, "price": 1000}]
    invoice(client, order_id, "1/a", 1000, items=items, invoiceKey="K", embeddedInvoice="<nfe/>")
    invoice(client, order_id, "2", 2000)
    rest(cell, clock)
    first, second = marketplace.received
    assert first.call == second.call == "POST /mkt/pub/orders/123/invoice?token=hush"
    assert first.body.keys() == second.body.keys() == KEYS
    assert first.body | {"issuanceDate": None} == dict.fromkeys(KEYS) | {
        "type": "Output",
        "invoiceNumber": "1/a",
        "invoiceValue": 1000,
        "invoiceKey": "K",
        "embeddedInvoice": "<nfe/>",
        "items": items,
    }
    assert first.body["issuanceDate"].startswith("2026-01-01T10:00:00")
    assert second.body["invoiceNumber"] == "2"
    assert status(client, order_id) == "invoiced"
    assert get(client, order_id)["workflowIsInError"] is False


def test_tracking_sends_the_invoice_again_with_it(cell, client, marketplace, clock, order_id):
    invoice(client, order_id, "1", 3000)
    rest(cell, clock)
    tracked = {"courier": "Post", "trackingNumber": "T1", "trackingUrl": "https://post.example/T1"}
    url = f"{ORDERS}/{order_id}/invoice/1"
    assert client.call("PATCH", url, tracked).status == 200
    delivered = {"isDelivered": True, "deliveredDate": "2026-01-02", "events": []}
    assert client.call("PUT", f"{url}/tracking", delivered).status == 200
    rest(cell, clock)
    first, second = marketplace.received
    assert first.body["courier"] is None
    assert second.body == first.body | tracked
    assert second.path == first.path


def test_return_is_sent_as_an_input_invoice(cell, client, marketplace, clock, order_id):
    invoice(client, order_id, "1", 3000)
    invoice(client, order_id, "R", 3000, type="Input")
    rest(cell, clock)
    assert [one.body["type"] for one in marketplace.received] == ["Output", "Input"]


def test_cancellation_is_sent_whoever_requested_it(cell, client, marketplace, clock, order_id):
    cancel(client, order_id)
    cancel(client, order_id)
    rest(cell, clock)
    (request,) = marketplace.received
    assert request.call == "POST /mkt/pvt/orders/123/cancel?token=hush"
    assert request.body["marketplaceOrderId"] == "123"
    assert request.body["orderId"] == order_id
    assert request.body["reason"] == "Changed my mind"
    assert request.body["requestedByUser"] is True
    assert len(request.body["cancellationRequestId"]) == 32


@pytest.mark.parametrize("code", [404, 409, 410])
def test_marketplace_that_canceled_itself_needs_no_more_messages(
    cell, client, marketplace, clock, order_id, code
):
    marketplace.will("cancel", Reply(code))
    cancel(client, order_id)
    cancel(client, order_id)
    rest(cell, clock)
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == ("canceled", False)


LATER = {
    "silent": SILENCE,
    "down": Reply(500),
    "wrong key": Reply(401),
    "moved": Reply(301),
    "busy": Reply(429),
}


@pytest.mark.guarantee("G45")
@pytest.mark.parametrize("name", LATER)
def test_invoice_that_did_not_arrive_is_repeated_before_the_next(
    cell, client, marketplace, clock, order_id, name
):
    cell.__dict__["partner_clients"] = PartnerClients(cell.clock, aiohttp.ClientTimeout(total=0.5))
    marketplace.will("invoice", LATER[name])
    invoice(client, order_id, "1", 1000)
    invoice(client, order_id, "2", 2000)
    rest(cell, clock)
    rest(cell, clock, minutes=2)
    numbers = [one.body["invoiceNumber"] for one in marketplace.received]
    assert numbers == ["1", "1", "2"]


@pytest.mark.parametrize(
    "reply", [Reply(), Reply(body={"receipt": None}), Reply(201, b"<ok/>"), Reply(204)]
)
def test_any_2xx_is_a_delivery(cell, client, marketplace, clock, order_id, reply):
    marketplace.will("invoice", reply)
    invoice(client, order_id, "1", 3000)
    rest(cell, clock, minutes=2)
    rest(cell, clock, days=4)
    assert len(marketplace.received) == 1


def test_refused_invoice_holds_the_queue_of_its_order_alone(
    cell, client, marketplace, clock, order_id
):
    other = sold_outside(client, f"{marketplace.url}/mkt", "456")
    rest(cell, clock)
    assert client.call("POST", f"{ORDERS}/{other}/start-handling").status in (200, 204)
    marketplace.will("invoice", Reply(400, {"message": "unknown invoice"}))
    invoice(client, order_id, "1", 1000)
    rest(cell, clock)
    invoice(client, order_id, "2", 2000)
    invoice(client, other, "1", 3000)
    rest(cell, clock)
    assert get(client, order_id)["workflowIsInError"] is True
    assert get(client, other)["workflowIsInError"] is False
    (dead,) = client.call("GET", "/api/ledger/outbox?state=dead").json()["list"]
    body = {"reason": "entered by hand"}
    assert client.call("POST", f"/api/ledger/outbox/{dead['id']}/skip", body).status == 200
    rest(cell, clock)
    sent = [(one.order_id, one.body["invoiceNumber"]) for one in marketplace.received]
    assert sent == [("123", "1"), ("456", "1"), ("123", "2")]


def test_change_is_requested_before_it_is_registered(cell, client, marketplace, clock, order_id):
    body = {"requestId": "c1", "reason": "Lost one", "discountValue": 0, "incrementValue": 0}
    body["itemsRemoved"] = [{"id": "7", "quantity": 1, "price": 1000}]
    marketplace.will("changes", Reply(500), Reply(202))
    for _ in range(2):
        refused = client.call("POST", f"{ORDERS}/{order_id}/changes", body)
        assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0291")
    assert get(client, order_id)["value"] == 3000
    assert client.call("POST", f"{ORDERS}/{order_id}/changes", body).status < 300
    assert client.call("POST", f"{ORDERS}/{order_id}/changes", body).status < 300
    assert get(client, order_id)["value"] == 2000
    requests = marketplace.calls("changes")
    assert len(requests) == 3
    assert requests[0].call == "POST /mkt/pvt/orders/G123/changes?token=hush"
    assert requests[0].headers["idempotency-key"] == requests[2].headers["idempotency-key"]
    changed = {"id": "7", "sellerItemId": "7", "quantity": 1, "price": 1000}
    changed |= {"unitMultiplier": 1, "measurementUnit": "un"}
    assert requests[2].body == {
        "requestId": "c1",
        "reason": "Lost one",
        "discountValue": 1000,
        "incrementValue": 0,
        "itemsRemoved": [changed],
        "itemsAdded": [],
    }
    url = f"/api/order-system/orders/{order_id}/changes"
    refused = client.call("PATCH", url, {"reason": "More", "manualDiscountValue": 1})
    assert (refused.status, refused.json()["error"]["code"]) == (400, "SalesOrderSystem018")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"yes",
        [],
        {},
        {"error": {"code": "1", "message": "No"}},
        {"orderId": {}, "receipt": ""},
    ],
)
def test_200_that_names_no_order_is_no_yes_to_a_change(
    cell, client, marketplace, clock, order_id, body
):
    change = {"requestId": "c1", "reason": "Less", "discountValue": 100, "incrementValue": 0}
    marketplace.will("changes", Reply(200, body), Reply(200, {"orderId": 5, "receipt": None}))
    refused, registered = (
        client.call("POST", f"{ORDERS}/{order_id}/changes", change) for _ in range(2)
    )
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0291")
    assert registered.status == 200
    assert get(client, order_id)["value"] == 2900


def test_request_that_was_carried_out_at_once_is_named(cell, client, marketplace, clock):
    order_id = sold_outside(client, marketplace.url, paid=False)
    cancellation = {"cancellationRequestId": "q-1", "reason": "Late", "requestedByUser": True}
    answer = client.call("POST", f"/pvt/orders/{order_id}/cancel", cancellation)
    assert (answer.status, status(client, order_id)) == (200, "canceled")
    rest(cell, clock)
    (request,) = marketplace.calls("cancel")
    assert {name: request.body[name] for name in cancellation} == cancellation


@pytest.mark.parametrize("endpoint", ["nowhere", "ftp://x.example"])
def test_nothing_is_sent_to_an_address_that_is_none(cell, client, marketplace, clock, endpoint):
    order_id = sold_outside(client, endpoint)
    rest(cell, clock)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    invoice(client, order_id, "1", 3000)
    rest(cell, clock)
    assert get(client, order_id)["workflowIsInError"] is False
    listed = client.call("GET", f"/api/ledger/outbox?orderId={order_id}").json()["list"]
    assert [one["kind"] for one in listed if one["recipient"].startswith("affiliate")] == []
