"""`00-{orderId}` names an own order on every path, older orders too."""

import asyncio

from tests.acceptance.test_order_life import ORDERS, invoice, status
from tests.acceptance.test_payments import APPROVED, Placed, body, card
from tests.support.purchases import ACCOUNT, place_paid
from tests.support.run_until_idle import settle

DOCUMENT = "/api/orders/pvt/document"


def test_an_order_is_found_by_its_seller_order_id(cell, client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    bought.process()
    asyncio.run(settle(cell))
    (order_id,) = bought.ids
    fields = client.call("GET", f"{ORDERS}/{order_id}").json()
    alias = fields["sellerOrderId"]
    assert alias == f"00-{order_id}"
    assert client.call("GET", f"{ORDERS}/{alias}").json() == fields
    assert client.call("GET", f"{DOCUMENT}/{alias}").json()["orderId"] == order_id
    assert client.call("GET", f"/api/ledger/orders/{alias}/events").status == 200
    assert client.call("POST", f"{ORDERS}/{alias}/start-handling").status == 204
    sent = client.call("POST", f"{ORDERS}/{alias}/invoice", invoice("2000"))
    assert (sent.status, sent.json()["orderId"]) == (200, order_id)
    assert status(client, alias) == "invoiced"
    assert client.call("GET", f"{ORDERS}/00-{alias}").status == 404


def test_an_older_order_is_found_by_it_too(cell, client):
    asyncio.run(place_paid(cell.ledger, "v1acme-01"))
    assert client.call("POST", f"{ORDERS}/00-v1acme-01/start-handling").status == 204
    assert asyncio.run(cell.ledger.order(ACCOUNT, "00-v1acme-01")).order_id == "v1acme-01"
