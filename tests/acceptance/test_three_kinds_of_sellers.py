"""A purchase of three kinds of sellers: the account, another account here, and one outside.

Over real sockets: one part is refused and given back, one is canceled by the handshake, one is
invoiced; and the money adds up to the cent.
"""

import asyncio
from datetime import UTC, datetime

import pytest

from oms_ledger.web import build
from tests.acceptance.test_payments import APPROVED, Placed, card
from tests.support.clock import set_clock
from tests.support.outside_sales import (
    ORDERS,
    SELLER,
    cancel,
    get,
    invoice,
    opened,
    register_seller,
    rest,
    status,
)
from tests.support.outsider import Outsider, Reply, well_behaved_seller
from tests.support.purchases import ACCOUNT, purchase
from tests.support.sales import SHOP, open_accounts

START = datetime(2026, 1, 1, tzinfo=UTC)
OWN = "1"
LINES = {OWN: (3, 333, 199), SHOP: (1, 2501, 0), SELLER: (2, 1750, 507)}
"""By seller: quantity, price and freight, in cents."""
VALUES = {seller: count * price + freight for seller, (count, price, freight) in LINES.items()}


@pytest.fixture
def cell(cell):
    with opened(cell) as beside:
        yield beside


@pytest.fixture
def seller(cell, client):
    client.app = build(cell)
    client.over_http = True
    asyncio.run(open_accounts(cell, ACCOUNT, SHOP))
    with Outsider(well_behaved_seller) as outsider:
        register_seller(cell, f"{outsider.url}/seller?token=hush")
        yield outsider


@pytest.fixture
def shop(client_of, client, seller):
    shop = client_of(account=SHOP)
    shop.app, shop.over_http = client.app, True
    return shop


@pytest.fixture
def clock(cell, seller):
    return set_clock(cell, START)


def paid(client):
    """Buy of all three and pay; the purchase, and by seller the id of its order."""
    body, total = purchase(), sum(VALUES.values())
    body["items"] = [
        {"id": str(index), "quantity": count, "seller": seller, "price": price, "name": "Mug"}
        for index, (seller, (count, price, _)) in enumerate(LINES.items())
    ]
    body["shippingData"]["logisticsInfo"] = [
        {"itemIndex": index, "selectedSla": "Normal", "price": freight}
        for index, (_, _, freight) in enumerate(LINES.values())
    ]
    body["paymentData"]["payments"][0] |= {"value": total, "referenceValue": total}
    bought = Placed(client, body)
    assert bought.send(card(APPROVED)).status == 201
    assert bought.process().status == 204
    documents = [get(client, order_id) for order_id in bought.ids]
    orders = {document["sellers"][0]["id"]: document["orderId"] for document in documents}
    orders[OWN] = orders.pop(ACCOUNT, orders.get(OWN))
    assert {name: get(client, order)["value"] for name, order in orders.items()} == VALUES
    return bought, orders


def money(bought):
    """What was settled, what was released, and what was given back after it was settled."""
    return {
        what: sum(one["value"] for one in bought.get(f"/{what}")["actions"])
        for what in ("settlements", "cancellations", "refunds")
    }


def finished(client, bought, orders, *, invoiced):
    assert money(bought) == {
        "settlements": VALUES[invoiced],
        "cancellations": sum(VALUES.values()) - VALUES[invoiced],
        "refunds": 0,
    }
    for name, order_id in orders.items():
        document = get(client, order_id)
        assert document["status"] == ("invoiced" if name == invoiced else "canceled")
        assert document["value"] == VALUES[name]
        assert not document["workflowIsInError"]


def test_outsider_refuses_the_account_agrees_to_cancel_and_the_own_part_is_invoiced(
    cell, client, seller, shop, clock
):
    seller.will("orders", Reply(422, {"error": {"message": "sold out"}}))
    bought, orders = paid(client)
    rest(cell, clock)
    assert status(client, orders[SELLER]) == "canceled"
    assert money(bought)["cancellations"] == VALUES[SELLER]
    there = f"00-{orders[SHOP]}"
    assert shop.call("POST", f"{ORDERS}/{there}/start-handling").status == 204
    cancel(client, orders[SHOP])
    rest(cell, clock)
    assert status(client, orders[SHOP]) == "waiting-for-seller-decision"
    cancel(shop, there, "It is gone")
    rest(cell, clock)
    assert status(shop, there) == "canceled"
    assert client.call("POST", f"{ORDERS}/{orders[OWN]}/start-handling").status == 204
    invoice(client, orders[OWN], "N1", 333)
    invoice(client, orders[OWN], "N2", VALUES[OWN] - 333)
    rest(cell, clock)
    finished(client, bought, orders, invoiced=OWN)


def test_account_refuses_the_own_part_is_canceled_and_the_outsider_invoices(
    cell, client, seller, shop, clock
):
    bought, orders = paid(client)
    asyncio.run(open_accounts(cell, SHOP, partners=""))  # before it was handed the order
    rest(cell, clock)
    assert status(client, orders[SHOP]) == "canceled"
    assert shop.call("GET", f"{ORDERS}/00-{orders[SHOP]}").status == 404
    for _ in ("asked", "confirmed"):
        cancel(client, orders[OWN])
    rest(cell, clock)
    assert [one.action for one in seller.received] == ["orders", "fulfill"]
    assert seller.received[0].body[0]["marketplacePaymentValue"] == VALUES[SELLER]
    invoice(client, orders[SELLER], "N1", VALUES[SELLER])
    rest(cell, clock)
    finished(client, bought, orders, invoiced=SELLER)


def test_outsider_agrees_to_cancel_and_two_parts_are_invoiced_one_of_them_returned(
    cell, client, seller, shop, clock
):
    bought, orders = paid(client)
    rest(cell, clock)
    there = f"00-{orders[SHOP]}"
    seller.will("cancel", Reply())  # it thinks about it
    cancel(client, orders[SELLER])
    rest(cell, clock)
    assert status(client, orders[SELLER]) == "waiting-for-seller-decision"
    rest(cell, clock, hours=2)
    assert status(client, orders[SELLER]) == "canceled"
    invoice(shop, there, "S1", VALUES[SHOP])
    rest(cell, clock)
    assert status(client, orders[SHOP]) == "invoiced"
    assert client.call("POST", f"{ORDERS}/{orders[OWN]}/start-handling").status == 204
    invoice(client, orders[OWN], "N1", VALUES[OWN])
    rest(cell, clock)
    invoice(client, orders[OWN], "R1", VALUES[OWN], type="Input")
    rest(cell, clock)
    assert money(bought) == {
        "settlements": VALUES[OWN] + VALUES[SHOP],
        "cancellations": VALUES[SELLER],
        "refunds": VALUES[OWN],
    }
