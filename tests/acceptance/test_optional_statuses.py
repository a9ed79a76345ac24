"""Statuses between handling and invoice, of accounts that choose them."""

import asyncio

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    status,
)
from tests.support.purchases import ACCOUNT


def test_an_account_may_tell_that_an_order_is_packed_and_waits_for_its_invoice(cell, client):
    order_id = paid(client)
    step = f"/api/ledger/orders/{order_id}/ready-for-invoicing"
    assert client.call("POST", step).json()["error"]["code"] == "OMS003"
    chosen = AccountSettingsChanged({"ready_for_invoicing": True, "waiting_for_fulfillment": True})
    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lambda _: [chosen]))
    assert client.call("POST", step).status == 409  # not in handling yet
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    assert [client.call("POST", step).status for _ in range(2)] == [204, 204]
    assert status(client, order_id) == "ready-for-invoicing"
    other = f"/api/ledger/orders/{order_id}/waiting-for-fulfillment"
    assert client.call("POST", other).status == 409  # of seller orders alone
    client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "late"})
    assert status(client, order_id) == "cancellation-requested"
    (request,) = client.call("GET", f"{ORDERS}/{order_id}").json()["cancellationRequests"]
    denial = {"cancellationRequestId": request["id"], "denyReason": "packed"}
    url = f"/api/orders/pvt/document/{order_id}/deny-cancellation-request"
    assert client.call("POST", url, denial).status == 200
    assert status(client, order_id) == "ready-for-invoicing"
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice()).status == 200
    assert status(client, order_id) == "invoiced"
