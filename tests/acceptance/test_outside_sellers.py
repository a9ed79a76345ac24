"""Sellers outside the deployment, over HTTP: placed at, paid, asked to cancel, with one outcome."""

import asyncio
import gzip
import socket
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.http_client import webhook_client
from oms_ledger.http_client.partner_client import PartnerClients
from oms_ledger.web import build
from projections.outbox import messages
from tests.support.clock import set_clock
from tests.support.outside_sales import (
    PUBLIC,
    SELLER,
    bought,
    cancel,
    get,
    opened,
    register_seller,
    rest,
    status,
)
from tests.support.outsider import SILENCE, Outsider, Reply, well_behaved_seller
from tests.support.sales import open_accounts

START = datetime(2026, 1, 1, tzinfo=UTC)
COMMISSION: dict[str, Any] = {
    "sellerCommissionConfiguration": [
        {"productCommissionPercentage": 12.5, "freightCommissionPercentage": 2}
    ]
}


@pytest.fixture
def cell(cell):
    with opened(cell) as beside:
        yield beside


@pytest.fixture
def seller(cell, client):
    client.app = build(cell)
    with Outsider(well_behaved_seller) as outsider:
        register_seller(cell, f"{outsider.url}/seller/?token=hush", **COMMISSION)
        yield outsider


@pytest.fixture
def clock(cell, seller):
    return set_clock(cell, START)


@pytest.fixture
def impatient(cell):
    """Silence of a partner is known sooner."""
    cell.__dict__["partner_clients"] = PartnerClients(cell.clock, aiohttp.ClientTimeout(total=0.5))


def test_order_is_placed_at_the_seller_and_authorized_once_it_is_taken(cell, client, seller, clock):
    order_id = bought(client, sellerSku="T-7", commission=9)
    assert seller.received == []
    assert get(client, order_id)["sellerOrderId"] is None
    personal = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    assert personal["sellerOrderId"] is None
    rest(cell, clock)
    placed, paid = seller.received
    assert placed.call == "POST /seller/pvt/orders?token=hush"
    assert placed.headers["authorization"] == 'VTEX key="key" token="token"'
    assert placed.headers["x-vtex-api-appkey"] == "key"
    assert placed.headers["accept-encoding"] == "gzip, deflate"
    (body,) = placed.body
    document = get(client, order_id)
    assert (body["marketplaceOrderId"], body["marketplaceOrderGroup"]) == (
        order_id,
        document["orderGroup"],
    )
    assert body["marketplaceServicesEndpoint"] == f"{PUBLIC}/acme/api/oms"
    assert body["marketplacePaymentValue"] == body["marketplacePaymentReferenceValue"] == 3000
    (item,) = body["items"]
    assert (item["id"], item["seller"], item["quantity"], item["price"]) == ("T-7", SELLER, 3, 1000)
    assert (item["commission"], item["freightCommission"]) == (1250, 200)
    profile = body["clientProfileData"]
    assert profile["email"] == document["followUpEmail"] != "ana@example.com"
    assert body["shippingData"]["selectedAddresses"] == [body["shippingData"]["address"]]
    assert body["shippingData"]["logisticsInfo"][0]["price"] == 0
    methods = body["invoiceData"]["userPaymentInfo"]["paymentMethods"]
    assert methods == ["creditCardPaymentGroup"]
    assert paid.call == f"POST /seller/pvt/orders/S-{order_id}/fulfill?token=hush"
    assert paid.body == {
        "marketplaceOrderId": order_id,
        "marketplaceOrderGroup": document["orderGroup"],
    }
    assert document["status"] == "payment-approved"
    assert document["sellerOrderId"] == f"S-{order_id}"
    rest(cell, clock, days=40)
    assert len(seller.received) == 2


@pytest.mark.parametrize(
    "known", [7890, 7890.0, " 7890 ", "7890"], ids=["number", "float", "spaces", "text"]
)
def test_seller_may_call_the_order_what_it_likes(cell, client, seller, clock, known):
    seller.will("orders", Reply(201, {"orderId": known}))
    order_id = bought(client)
    rest(cell, clock)
    assert get(client, order_id)["sellerOrderId"] == "7890"
    assert seller.received[1].path == "/seller/pvt/orders/7890/fulfill?token=hush"


OPEN = {
    "error in a 200": (Reply(body={"error": {"code": "1", "message": "wrong token"}}), False),
    "no id": (Reply(body=[{"marketplaceOrderId": None}]), False),
    "another order": (Reply(body=[{"marketplaceOrderId": "x", "orderId": "1"}]), False),
    "two orders": (Reply(body=[{"orderId": "1"}, {"orderId": "2"}]), False),
    "empty": (Reply(), False),
    "page": (Reply(body=b"<html>welcome</html>"), False),
    "no utf-8": (Reply(body=b'{"orderId": "\xff\xfe"}'), False),
    "long id": (Reply(body={"orderId": "1" * 101}), False),
    "truth for an id": (Reply(body={"orderId": True}), False),
    "too long": (Reply(body=b'{"orderId": "1", "x": "' + b"x" * 1_100_000 + b'"}'), False),
    "bomb": (
        Reply(body=gzip.compress(b"0" * 5_000_000), headers={"Content-Encoding": "gzip"}),
        False,
    ),
    "busy": (Reply(429, headers={"Retry-After": "30"}), False),
    "down": (Reply(503, b"sorry"), False),
    "silent": (SILENCE, False),
    "not found": (Reply(404, {"message": "no route"}), True),
    "wrong key": (Reply(401), True),
    "forbidden": (Reply(403), True),
    "moved": (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), True),
}


@pytest.mark.guarantee("G48")
@pytest.mark.parametrize("name", OPEN)
def test_open_outcome_is_requested_again_until_the_seller_names_its_order(
    cell, client, seller, clock, impatient, name
):
    reply, needs_person = OPEN[name]
    seller.will("orders", reply)
    order_id = bought(client)
    rest(cell, clock)
    document = get(client, order_id)
    assert document["status"] == "waiting-for-authorization"
    assert document["workflowIsInError"] is needs_person
    assert len(seller.received) == 1
    rest(cell, clock, minutes=1)
    first, second, _ = seller.received
    assert first.body == second.body
    same = ("idempotency-key", "x-vtex-operation-id")
    assert [first.headers[one] for one in same] == [second.headers[one] for one in same]
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == ("payment-approved", False)


SPOKEN = "a\ufffdb\ufffd[31m"


@pytest.mark.guarantee("G53")
def test_no_text_of_a_seller_stops_messages_to_others(cell, client, seller, clock):
    raw = b'{"orderId": "a\\u0000b", "receipt": "a\\u0000b"}'
    seller.will("orders", Reply(200, raw))
    seller.will("fulfill", Reply(503, b"\x00\xff"), Reply(200, raw))
    order_id = bought(client)
    rest(cell, clock)
    listed = client.call("GET", "/api/ledger/outbox?channel=partner").json()["list"]
    assert "\x00" not in str(listed)
    rest(cell, clock, minutes=1)
    document = get(client, order_id)
    assert (document["status"], document["sellerOrderId"]) == ("payment-approved", "a\ufffdb")
    body = b'{"error": {"message": "a\\u0000b\\u001b[31m"}}'
    seller.will("orders", Reply(400, body))
    refused = bought(client)
    rest(cell, clock)
    assert get(client, refused)["cancelReason"] == SPOKEN
    after = bought(client)
    rest(cell, clock)
    assert get(client, after)["status"] == "payment-approved"


@pytest.mark.parametrize("code", [400, 409, 410, 422])
def test_refusal_cancels_the_order_and_gives_the_money_back(cell, client, seller, clock, code):
    seller.will("orders", Reply(code, {"error": {"code": "1", "message": "Sold out"}}))
    order_id = bought(client)
    rest(cell, clock)
    document = get(client, order_id)
    assert document["status"] == "canceled"
    assert document["cancelReason"] == "Sold out"
    assert seller.calls("fulfill") == []
    assert [one.order_id for one in seller.calls("cancel")] == [order_id]


@pytest.mark.guarantee("G14")
def test_silence_beyond_the_patience_is_a_refusal(cell, client, seller, clock, impatient):
    seller.will("orders", *[SILENCE] * 40)
    order_id = bought(client)
    for _ in range(30):
        rest(cell, clock, hours=1)
    document = get(client, order_id)
    assert document["status"] == "canceled"
    assert document["cancelReason"] == f"seller {SELLER} did not answer"
    (fact,) = seller.calls("cancel")
    assert (fact.order_id, fact.body["marketplaceOrderId"]) == (order_id, order_id)
    placed = len(seller.calls("orders"))
    rest(cell, clock, days=2)
    assert len(seller.calls("orders")) == placed


def test_answer_after_the_cancellation_is_answered_by_the_id_it_named(cell, client, seller, clock):
    order_id = bought(client)

    def cancel_meanwhile(request):
        if request.action == "orders":
            cancel(client, order_id)
        return well_behaved_seller(request)

    seller._answer = cancel_meanwhile
    rest(cell, clock)
    assert status(client, order_id) == "canceled"
    (fact,) = seller.calls("cancel")
    assert fact.order_id == f"S-{order_id}"
    assert get(client, order_id)["sellerOrderId"] == f"S-{order_id}"


def test_cancellation_while_the_placement_is_open_is_sent_by_our_id(cell, client, seller, clock):
    seller.will("orders", Reply(503))
    seller.will("cancel", Reply(404))
    order_id = bought(client)
    rest(cell, clock)
    cancel(client, order_id)
    rest(cell, clock, minutes=1)
    assert [one.order_id for one in seller.calls("cancel")] == [order_id]
    assert len(seller.calls("orders")) == 1
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == ("canceled", False)


@pytest.mark.guarantee("G17")
def test_seller_that_confirms_ends_the_order(cell, client, seller, clock):
    order_id = bought(client)
    rest(cell, clock)
    cancel(client, order_id)
    assert status(client, order_id) == "waiting-for-seller-decision"
    rest(cell, clock)
    (question, fact) = seller.calls("cancel")
    document = get(client, order_id)
    assert document["status"] == "canceled"
    assert document["cancellationData"]["RequestedByUser"] is True
    assert question.body["reason"] == "Changed my mind"
    assert question.body["requestedByUser"] is True
    assert len(question.body["cancellationRequestId"]) == 32
    assert fact.body["cancellationRequestId"] == question.body["cancellationRequestId"]


def test_seller_that_thinks_is_called_again_in_an_hour_then_every_six(cell, client, seller, clock):
    order_id = bought(client)
    rest(cell, clock)
    seller.will("cancel", Reply(), Reply(body={}), Reply(200, b"null"))
    cancel(client, order_id)
    times = []
    for _ in range(14):
        rest(cell, clock, minutes=59, seconds=55)
        rest(cell, clock, seconds=5)
        times.append(len(seller.calls("cancel")))
    assert times == [1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 5]
    questions = [one.body for one in seller.calls("cancel")]
    assert questions[0] == questions[1] == questions[2] == questions[3]
    assert status(client, order_id) == "canceled"


def test_silence_about_a_cancellation_ends_it_after_thirty_days(cell, client, seller, clock):
    order_id = bought(client)
    rest(cell, clock)
    seller.will("cancel", *[Reply()] * 200)
    cancel(client, order_id)
    rest(cell, clock)
    for _ in range(29):
        rest(cell, clock, days=1)
    rest(cell, clock, hours=23, minutes=59)
    assert status(client, order_id) == "waiting-for-seller-decision"
    sent = len(seller.calls("cancel"))
    rest(cell, clock, minutes=1)
    document = get(client, order_id)
    assert document["status"] == "canceled"
    assert document["cancelReason"] == "Changed my mind"
    assert len(seller.calls("cancel")) == sent + 1  # the fact, and at once
    sent += 1
    rest(cell, clock, days=5)
    assert len(seller.calls("cancel")) == sent


def test_seller_outside_is_neither_changed_nor_changed_to(cell, client, seller, clock):
    order_id = bought(client)
    url = f"/api/checkout/pvt/orders/{order_id}/sellers"
    line = {"itemIndex": 0, "selectedSla": "PAC", "selectedDeliveryChannel": "delivery"}
    body = {"newSellerId": "1", "shippingData": {"logisticsInfo": [line]}}
    refused = client.call("PUT", url, body)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0188")
    asyncio.run(open_accounts(cell, "shop"))
    inside = bought(client, "shop")
    url = f"/api/checkout/pvt/orders/{inside}/sellers"
    refused = client.call("PUT", url, {**body, "newSellerId": SELLER})
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0162")


def test_nonsense_to_a_question_is_tried_again(cell, client, seller, clock):
    order_id = bought(client)
    rest(cell, clock)
    seller.will("cancel", Reply(body={"message": "Wrong data!"}))
    cancel(client, order_id)
    rest(cell, clock)
    assert status(client, order_id) == "waiting-for-seller-decision"
    rest(cell, clock, minutes=1)
    assert status(client, order_id) == "canceled"


@pytest.mark.guarantee("G45")
def test_refused_question_waits_for_a_person_who_may_ask_again(cell, client, seller, clock):
    order_id = bought(client)
    rest(cell, clock)
    seller.will("cancel", Reply(404, {"message": "no such order"}))
    cancel(client, order_id)
    rest(cell, clock)
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == (
        "waiting-for-seller-decision",
        True,
    )
    (dead,) = client.call("GET", f"/api/ledger/outbox?orderId={order_id}&state=dead").json()["list"]
    assert "no such order" in dead["lastError"]
    url = f"/api/ledger/outbox/{dead['id']}/resume"
    assert client.call("POST", url).status == 200
    rest(cell, clock)
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == ("canceled", False)


def test_refused_authorization_leaves_the_order_paid_and_in_error(cell, client, seller, clock):
    seller.will("fulfill", Reply(400, {"error": {"message": "no"}}))
    order_id = bought(client)
    rest(cell, clock)
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == ("payment-approved", True)


def test_unanswered_authorization_is_repeated(cell, client, seller, clock, impatient):
    seller.will("fulfill", SILENCE, Reply(503), Reply(409))
    order_id = bought(client)
    for _ in range(4):
        rest(cell, clock, minutes=2)
    assert len(seller.calls("fulfill")) == 4
    assert get(client, order_id)["workflowIsInError"] is False


def test_payment_is_shared_with_the_seller_where_the_account_does(cell, client, seller, clock):
    settings = AccountSettingsChanged({"share_payment_data": True})
    asyncio.run(cell.ledger.change_account(CommandContext("acme", "test"), lambda _: [settings]))
    bought(client)
    rest(cell, clock)
    (paid,) = seller.calls("fulfill")
    (payment,) = paid.body["paymentData"]["payments"]
    assert (payment["value"], payment["group"], payment["installments"]) == (3000, "creditCard", 1)
    assert paid.body["paymentData"]["connectorResponses"] == payment["connectorResponses"]
    known = {"paymentSystem", "paymentSystemName", "value", "installments", "referenceValue"}
    assert payment.keys() == known | {"group", "connectorResponses"}


def test_without_a_public_address_the_placement_waits_and_says_so(cell, client, seller, clock):
    hidden = Cell(replace(cell.settings, public_url=None), cell.clock)
    hidden_clock = set_clock(hidden, START)
    order_id = bought(client)
    rest(hidden, hidden_clock)
    document = get(client, order_id)
    assert document["workflowIsInError"] is True
    assert seller.received == []
    (waiting,) = client.call("GET", f"/api/ledger/outbox?orderId={order_id}").json()["list"]
    assert "OMS_PUBLIC_URL" in waiting["lastError"]
    hidden.close()
    rest(cell, clock, minutes=1)
    assert status(client, order_id) == "payment-approved"


SLA = {"id": "Moto", "name": "Moto", "price": 700, "shippingEstimate": "2h"}


@pytest.mark.parametrize(
    ("item", "price"),
    [
        ({"price": 1998.9999999999998}, 1999),
        ({"price": 10.5}, None),
        ({"price": -1}, None),
        ({"price": "10"}, None),
        ({"merchantName": "ELSEWHERE"}, None),
        ({"availability": "unavailable"}, None),
    ],
)
def test_simulation_of_the_seller_is_taken_as_far_as_it_is_a_price(
    cell, client, seller, item, price
):
    one = {"id": "7", "requestIndex": 0, "quantity": 1, "seller": SELLER, "price": 1000}
    delivery = {"itemIndex": 0, "stockBalance": 5, "shipsTo": ["BRA"], "quantity": 1}
    answer = {"items": [one | item], "logisticsInfo": [{**delivery, "slas": [SLA]}]}
    seller.will("simulation", Reply(body=answer))
    client.conforming = False  # what is not available has no price
    simulation = {"items": [{"id": "7", "quantity": 1, "seller": SELLER}], "country": "BRA"}
    url = "/api/checkout/pub/orderForms/simulation?sc=1"
    simulated = client.call("POST", url, simulation | {"postalCode": "01310-000"})
    assert simulated.status == 200, simulated.body
    (request,) = seller.received
    assert request.path.startswith("/seller/pvt/orderForms/simulation?token=hush&")
    items = simulated.json()["items"]
    if price is None:
        assert all(found["availability"] != "available" for found in items)
    else:
        assert [found["price"] for found in items] == [price]


def test_secrets_of_the_address_are_in_no_message(cell, client, seller, clock):
    seller.will("orders", Reply(404))
    order_id = bought(client)
    rest(cell, clock)
    shown = client.call("GET", f"/api/ledger/outbox?orderId={order_id}").body
    assert b"hush" not in shown if isinstance(shown, bytes) else "hush" not in shown
    with cell.database.snapshot() as connection:
        stored = messages.listed(connection, "acme", order_id)
    assert all("hush" not in str(one) for one in stored)


def test_an_address_that_is_forbidden_when_it_is_looked_up_is_shown_at_once(
    cell, client, seller, clock, monkeypatch
):
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(webhook_client, "_ask", lambda *_: inside)
    register_seller(cell, "https://warehouse.example.com/api")
    order_id = bought(client)
    rest(cell, clock)
    document = get(client, order_id)
    assert document["workflowIsInError"]
    assert document["status"] == "waiting-for-authorization"
    register_seller(cell, f"{seller.url}/seller")
    rest(cell, clock, minutes=1)
    document = get(client, order_id)
    assert (document["status"], document["workflowIsInError"]) == ("payment-approved", False)
