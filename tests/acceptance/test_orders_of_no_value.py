"""Orders that cost nothing: alone they begin at once, beside others they share their fate."""

import asyncio

import pytest

from tests.acceptance.test_order_life import ORDERS, invoice, status
from tests.acceptance.test_payments import APPROVED, CALLBACK, DENIED, Placed, body, card
from tests.support.purchases import open_account
from tests.support.run_until_idle import settle

PUT = "/api/checkout/pub/orders"
FREE = [{"name": "discount@price-1", "value": -2000}]


def free(**data):
    fields = body(**data)
    for item in fields["items"]:
        item["priceTags"] = FREE
    fields["paymentData"] = {"payments": []}
    return fields


@pytest.mark.parametrize("payments", [None, [], [{"paymentSystem": "2", "value": 0}]])
def test_a_purchase_of_no_value_begins_at_once_without_payment(client, payments):
    fields = free()
    fields["paymentData"] = {"payments": payments}
    answer = client.call("PUT", PUT, fields)
    assert answer.status == 201, answer.body
    placed = answer.json()
    transactions, (order,) = placed["transactionData"], placed["orders"]
    group, order_id = order["orderGroup"], order["orderId"]
    assert transactions["merchantTransactions"] == []
    assert transactions["receiverUri"].endswith(f"/checkout/orderPlaced/?og={group}&an=acme")
    assert order["value"] == 0
    (transaction,) = order["paymentData"]["transactions"]
    assert (transaction["transactionId"], transaction["payments"]) == ("NO-PAYMENT", [])
    assert status(client, order_id) == "ready-for-handling"
    assert client.call("POST", f"{CALLBACK}/{group}", {}).status == 204
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    marketplace_order = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("1"))
    assert (marketplace_order.status, marketplace_order.json()["error"]["code"]) == (400, "OMS004")
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("0")).status == 200
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    assert document["status"] == "invoiced"
    (package,) = document["packageAttachment"]["packages"]
    assert [(one["quantity"], one["price"]) for one in package["items"]] == [(1, 0)]


def test_two_purchases_of_no_value_do_not_meet(client):
    first, again = (client.call("PUT", PUT, free()).json() for _ in range(2))
    assert first["orders"][0]["orderId"] != again["orders"][0]["orderId"]


def test_an_invoice_of_0_is_refused_while_something_is_left(client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    bought.process()
    (order_id,) = bought.ids
    for type in ("Output", "Input"):
        answer = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice(0, type=type))
        assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")
        assert "2000" in answer.json()["error"]["message"]


@pytest.fixture(params=[0, 1], ids=["own-is-free", "toys-is-free"])
def half_free(request, cell, client):
    """A purchase of two sellers; one of its orders costs nothing."""
    asyncio.run(open_account(cell.ledger, name="toys"))

    def bought(system):
        fields = body((system, 2000, 2000), sellers=("1", "toys"))
        fields["items"][request.param]["priceTags"] = FREE
        return Placed(client, fields)

    return bought


PAID = ["ready-for-handling", "payment-approved"]


def test_it_goes_on_with_its_group(cell, half_free):
    bought = half_free("2")
    bought.send(card(APPROVED))
    assert bought.process().status == 204
    asyncio.run(settle(cell))
    assert bought.statuses() == PAID


def test_it_stays_incomplete_with_its_group(cell, half_free):
    bought = half_free("2")
    bought.send(card(DENIED))
    assert bought.process().status == 500
    asyncio.run(settle(cell))
    assert bought.statuses() == [None, None]


@pytest.mark.parametrize("value", [None, "20.00"])
def test_it_waits_for_the_payment_of_its_group(cell, client, half_free, value):
    bought = half_free("6")
    assert bought.process().status == 204
    asyncio.run(settle(cell))
    assert bought.statuses() == ["payment-pending"] * 2
    url = f"/api/payments/pvt/payments/{bought.payment()}/payment-notification"
    assert client.call("POST", url, {"valuePaid": "19.99"}).status == 200
    assert bought.statuses() == ["payment-pending"] * 2
    assert client.call("POST", url, {"valuePaid": value}).status == 200
    asyncio.run(settle(cell))
    assert bought.statuses() == PAID


@pytest.mark.parametrize("end", ["denied", "canceled"])
def test_it_is_canceled_with_its_group(cell, client, half_free, end):
    bought = half_free("6")
    assert bought.process().status == 204
    asyncio.run(settle(cell))
    if end == "denied":
        url = f"/api/payments/pvt/payments/{bought.payment()}/payment-notification"
        assert client.call("POST", url, {"status": "denied"}).status == 200
    else:
        assert bought.ask("cancellation", value=2000).status == 200
    asyncio.run(settle(cell))
    assert bought.statuses() == ["canceled"] * 2


def test_its_seller_invoices_it(cell, client, client_of):
    asyncio.run(open_account(cell.ledger, name="toys"))
    fields = free(sellers=("1", "toys"))
    answer = client.call("PUT", PUT, fields)
    assert answer.status == 201, answer.body
    ids = [order["orderId"] for order in answer.json()["orders"]]
    asyncio.run(settle(cell))
    assert [status(client, order_id) for order_id in ids] == PAID
    toys = client_of("Owner", "toys")
    (theirs,) = toys.call("GET", ORDERS).json()["list"]
    sent = toys.call("POST", f"{ORDERS}/{theirs['orderId']}/invoice", invoice(0))
    assert sent.status == 200, sent.body
    asyncio.run(settle(cell))
    assert status(client, ids[1]) == "invoiced"
