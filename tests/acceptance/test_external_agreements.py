"""Changes of an order that a seller outside the deployment delivers: it is asked over HTTP."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.placement.importing import import_document
from oms_ledger.web import build
from projections.accounts.sellers import Seller
from tests.acceptance.test_modifications import (
    DISCOUNT,
    SYSTEM,
    get,
    requested,
)
from tests.acceptance.test_order_life import ORDERS, paid
from tests.support.clock import set_clock
from tests.support.configuring import save_seller
from tests.support.receiver import Receiver
from tests.support.run_until_idle import settle

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDER, SELLER = "mkt-01", "elsewhere"


@pytest.fixture
def cell(cell):
    """The cell of the tests, where the operator opened the loopback addresses."""
    opened = Cell(
        replace(cell.settings, hook_allowed_networks=(ip_network("127.0.0.1/32"),)), cell.clock
    )
    yield opened
    opened.close()


@pytest.fixture
def clock(cell, client):
    """A marketplace order that an external seller delivers, by a clock that the test turns."""
    clock = set_clock(cell, START)
    client.app = build(cell)
    document = get(client, f"{ORDERS}/{paid(client)}")
    document |= {"orderId": ORDER, "status": "payment-approved", "origin": "Marketplace"}
    document |= {"sellerOrderId": f"00-{ORDER}", "sellers": [{"id": SELLER, "name": "Elsewhere"}]}
    for item in document["items"]:
        item["seller"] = SELLER
    order_id, imported = import_document(document)
    asyncio.run(cell.ledger.place(CommandContext("acme", "import"), {order_id: imported}))
    return clock


def reach(cell, receiver):
    secrets = {"fulfillmentEndpoint": receiver.url, "appKey": "key", "appToken": "token"}
    one = Seller("acme", SELLER, True, {}, secrets)
    save_seller(cell, one)


def turned(cell, clock, **actor):
    clock.at += timedelta(**actor)
    asyncio.run(settle(cell))


def agreement(change):
    return f"POST /hook/pvt/orders/00-{ORDER}/changes/{change}/send-agreement?accountName=acme"


def fields(client, change):
    return get(client, f"{SYSTEM}/{ORDER}/changes/{change}")


def agrees(client, change, agreement, order_id=ORDER):
    url = f"/pvt/orders/{order_id}/changes/{change}/send-agreement"
    answer = client.call("POST", url, {"agreementType": agreement})
    assert answer.status == 200, answer.body


def test_a_seller_outside_is_called_once_and_the_change_waits_for_it(cell, client, clock):
    with Receiver() as receiver:
        reach(cell, receiver)
        change = requested(client, ORDER, **DISCOUNT)
        for _ in range(3):
            turned(cell, clock, hours=1)
        expected = [f"PATCH /hook/order-system/orders/00-{ORDER}/changes", agreement(change)]
        assert receiver.requested == expected
        assert fields(client, change)["status"] == "waiting-acknowledgement"
        agrees(client, change, "Acknowledgment")
        agrees(client, change, "Acknowledgment", f"00-{ORDER}")
        turned(cell, clock)
        assert receiver.requested == [*expected, agreement(change)]
    body, acknowledged, confirmed = receiver.received
    headers = receiver.headers[0]
    assert (acknowledged, confirmed) == (
        {"agreementType": "Acknowledgment"},
        {"agreementType": "Confirmation"},
    )
    assert (body["requestId"], body["agreementType"]) == (change, "Acknowledgment")
    assert (body["accountName"], body["manualDiscountValue"]) == ("acme", 100)
    assert (headers["x-vtex-api-appkey"], headers["x-vtex-api-apptoken"]) == ("key", "token")
    assert fields(client, change)["status"] == "waiting-confirmation"
    before = get(client, f"{ORDERS}/{ORDER}")["value"]
    agrees(client, change, "Confirmation")
    turned(cell, clock)
    assert fields(client, change)["status"] == "done"
    assert get(client, f"{ORDERS}/{ORDER}")["value"] == before - 100
    agrees(client, change, "Acknowledgment")
    turned(cell, clock)
    assert fields(client, change)["status"] == "done"


def test_a_confirmation_that_overtakes_the_acknowledgment_is_enough(cell, client, clock):
    with Receiver() as receiver:
        reach(cell, receiver)
        change = requested(client, ORDER, **DISCOUNT)
        agrees(client, change, "Confirmation")
        turned(cell, clock)
        agrees(client, change, "Acknowledgment")
        turned(cell, clock)
    assert fields(client, change)["status"] == "done"
    assert receiver.requested == [agreement(change)]
    assert receiver.received == [{"agreementType": "Confirmation"}]


def test_a_seller_that_cannot_be_reached_is_called_five_times_then_the_request_waits(
    cell, client, clock
):
    well = False
    with Receiver(lambda _: 200 if well else 503) as receiver:
        reach(cell, receiver)
        change = requested(client, ORDER, **DISCOUNT)
        for seconds in (0, 5, 15, 45, 135, 3600):
            turned(cell, clock, seconds=seconds)
        waiting = fields(client, change)
        assert (waiting["tries"], len(receiver.requested)) == (5, 5)
        assert waiting["error"]["code"] == "SalesOrderSystem018"
        well = True
        assert client.call("POST", f"{SYSTEM}/{ORDER}/changes/{change}/retry").status == 204
        turned(cell, clock)
        assert len(receiver.requested) == 7
        agrees(client, change, "Confirmation")
        turned(cell, clock)
    assert len(receiver.requested) == 8
    assert fields(client, change)["status"] == "done"


def test_a_seller_that_refuses_is_not_called_again(cell, client, clock):
    with Receiver(lambda _: 400) as receiver:
        reach(cell, receiver)
        change = requested(client, ORDER, **DISCOUNT)
        for seconds in (0, 60, 3600):
            turned(cell, clock, seconds=seconds)
        assert len(receiver.requested) == 1
        assert fields(client, change)["error"]["code"] == "SalesOrderSystem018"
        url = f"{SYSTEM}/{ORDER}/changes/{change}/cancel"
        assert client.call("POST", url, {"reason": "it said no"}).status == 200
        turned(cell, clock)
    assert fields(client, change)["status"] == "canceled"


def test_what_a_seller_does_not_answer_in_a_day_is_canceled(cell, client, clock):
    with Receiver() as receiver:
        reach(cell, receiver)
        change = requested(client, ORDER, **DISCOUNT)
        turned(cell, clock)
        turned(cell, clock, hours=24)
    ended = f"POST /hook/order-system/orders/00-{ORDER}/changes/{change}/cancel"
    assert receiver.requested[-1] == ended
    assert receiver.received[-1] == {"requestId": change}
    canceled = fields(client, change)
    assert (canceled["status"], canceled["cancellation"]["code"]) == (
        "canceled",
        "SalesOrderSystem017",
    )
    agrees(client, change, "Confirmation")
    turned(cell, clock)
    assert fields(client, change)["status"] == "canceled"
