"""Outsiders choose ids: what a path can name is an order like any other, the rest is refused."""

import asyncio
from urllib.parse import quote

import pytest

from oms_ledger.orders.placement.importing import import_document
from oms_ledger.orders.refusals import InvalidPlacement
from projections.ops.verify import verify_views
from tests.acceptance.test_marketplace_orders import PLACE, refusal, sold
from tests.acceptance.test_order_life import ORDERS, invoice
from tests.support.run_until_idle import settle

ODD = (
    *("a/b", "/a", "a//b", "order/a", "document/CL/1", "a%2Fb", "100%", "a b", "a?b#c", "a\\b"),
    *("é/ü", "x'\"<b>", "a|b", "a:b", "a+b", "a&b=c", "~", "{x}", "*", "00-1", "\U0001f600"),
)
NAMELESS = ("a\tb", "a\x85b", "../a", "a/../b", "a/..")


def differences(cell):
    *_, (_, found) = verify_views(cell.database, cell.loader())
    return found


@pytest.mark.guarantee("G1", "G8")
def test_an_order_of_any_id_has_a_whole_life(cell, client):
    for number in ODD:
        placed = client.call("POST", PLACE, [sold(number)])
        assert placed.status == 200, placed.body
        order_id = placed.json()[0]["orderId"]
        assert order_id == f"MKP-{number}"
        assert client.call("POST", PLACE, [sold(number)]).json()[0]["orderId"] == order_id
        path = f"{ORDERS}/{quote(order_id, safe='')}"
        fulfill = path.replace("/api/oms/", "/api/fulfillment/") + "/fulfill?affiliateId=MKP"
        assert client.call("POST", fulfill, {"marketplaceOrderId": number}).status == 201
        asyncio.run(settle(cell))
        assert client.call("POST", f"{path}/start-handling").status == 204
        assert client.call("POST", f"{path}/invoice", invoice("1000")).status == 200
        asyncio.run(settle(cell))
        shown = client.call("GET", path).json()
        assert (shown["orderId"], shown["status"]) == (order_id, "invoiced")
        found = client.call("GET", f"{ORDERS}?q={quote(order_id, safe='')}").json()["list"]
        assert [row["orderId"] for row in found] == [order_id]
        events = client.call("GET", f"/api/ledger/orders/{quote(order_id, safe='')}/events")
        assert events.json()["events"], order_id
    assert differences(cell) == []


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("number", NAMELESS)
def test_an_id_that_no_path_can_name_is_refused(client, number):
    assert refusal(client.call("POST", PLACE, [sold(number)])) == (400, "FMT015")
    group = {**sold(), "marketplaceOrderGroup": number}
    chain = client.call("PUT", "/api/checkout/pvt/orders?affiliateId=MKP", group)
    assert refusal(chain) == (400, "CHK0144")
    assert client.call("GET", ORDERS).json()["list"] == []


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("order_id", [*NAMELESS, ".", "x" * 201, ""])
def test_a_document_of_such_an_id_is_not_imported(order_id):
    with pytest.raises(InvalidPlacement, match="orderId"):
        import_document({"orderId": order_id})
