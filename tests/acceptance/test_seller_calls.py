"""What external sellers tell us: invoices, packages, cancellations, on every path they know."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.marketplace.as_marketplace import record_seller_confirmation
from projections.accounts.sellers import Seller
from tests.acceptance.test_marketplace_orders import refusal, with_key
from tests.acceptance.test_order_life import ORDERS
from tests.support.configuring import save_seller
from tests.support.purchases import ACCOUNT, PAID, place_paid, placed
from tests.support.run_until_idle import settle

SELLER = "warehouse"
BASES = (
    *("/pvt", "/pub", "/api/oms/pvt", "/api/oms/pub"),
    *("/api/fulfillment/pvt", "/api/fulfillment/pub", "/api/order-system"),
)


@pytest.fixture
def order_id(cell: Cell, client):
    """A paid order that the seller took as `S/1`."""
    secrets = {"fulfillmentEndpoint": "https://warehouse.example.com"}
    save_seller(cell, Seller(ACCOUNT, SELLER, True, {}, secrets))
    own = placed(1, 1000, 3)
    event = replace(
        own,
        flow="marketplace",
        seller=SELLER,
        seller_name=SELLER,
        seller_order_id=None,
        seller_outside=True,
        items=tuple(replace(item, seller=SELLER) for item in own.items),
    )

    async def story() -> str:
        ctx = CommandContext(ACCOUNT, "test")
        await cell.ledger.place(ctx, {"v1acme-01": event})
        await cell.ledger.change(ctx, "v1acme-01", PAID)
        taken = partial(
            record_seller_confirmation,
            seller=SELLER,
            seller_order_id="S/1",
            asked_as="v1acme-01",
        )
        await cell.ledger.change(ctx, "v1acme-01", taken)
        return "v1acme-01"

    return asyncio.run(story())


@pytest.fixture
def seller(cell, app):
    return with_key(cell, app, f"seller:{SELLER}", "IntegrationProfile - Fulfillment Oms")


def document(client, order_id):
    return client.call("GET", f"{ORDERS}/{order_id}").json()


def sent(number, **fields):
    items = [{"id": "7", "quantity": 1, "price": 1000}]
    return {"type": "Output", "invoiceNumber": number, "items": items, **fields}


@pytest.mark.parametrize("base", BASES)
def test_an_invoice_its_tracking_and_delivery_come_on_every_path(client, seller, order_id, base):
    path = f"{base}/orders/{order_id}/invoice"
    answer = seller.call("POST", path, sent(7))
    assert answer.status == 200, answer.body
    assert (answer.json()["orderId"], len(answer.json()["receipt"])) == (order_id, 32)
    for method in ("POST", "PATCH", "PUT"):
        fields = {"trackingNumber": f"T-{method}", "courier": "Post"}
        assert seller.call(method, f"{path}/7", fields).status == 200
    for method in ("POST", "PUT"):
        news = {"isDelivered": True, "deliveredDate": "2026-01-03", "events": []}
        assert seller.call(method, f"{path}/7/tracking", news).status == 200
    (package,) = document(client, order_id)["packageAttachment"]["packages"]
    assert (package["invoiceValue"], package["trackingNumber"]) == (1000, "T-PUT")
    assert package["courierStatus"]["finished"] is True


def test_a_sellers_invoice_says_less_and_the_stores_says_all(client, seller, order_id):
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", sent("1")).status == 400
    bare = {"type": "Output", "invoiceNumber": "1"}
    assert seller.call("POST", f"/pvt/orders/{order_id}/invoice", bare).status == 400
    unknown = sent("1", items=[{"id": "none", "quantity": 1, "price": 1}])
    answer = seller.call("POST", f"/pvt/orders/{order_id}/invoice", unknown)
    assert refusal(answer) == (400, "CHK0022")


@pytest.mark.guarantee("G11")
@pytest.mark.parametrize("base", BASES[:-1])
def test_a_seller_is_out_by_its_own_key_alone_and_no_other_seller_is_called(
    client, seller, order_id, base
):
    path = f"{base}/orders/{order_id}/cancel"
    if not base.startswith("/api/oms"):
        by_store = client.call("POST", path, {"reason": "gone"})
        assert refusal(by_store) == (409, "OMS003")
        assert f"key of seller {SELLER}" in by_store.json()["error"]["message"]
        assert document(client, order_id)["status"] == "payment-approved"
    first, again = (seller.call("POST", path, {"reason": "gone"}) for _ in range(2))
    assert (first.status, again.status) == (200, 200), first.body
    if "fulfillment" not in base:
        assert first.json().keys() == {"date", "orderId", "receipt"}
        assert first.json()["receipt"] == again.json()["receipt"]
    shown = document(client, order_id)
    assert (shown["status"], shown["cancelReason"]) == ("canceled", "gone")
    assert shown["cancellationData"]["RequestedBySellerNotification"] is True
    late = seller.call("POST", f"/pvt/orders/{order_id}/invoice", sent("1"))
    assert refusal(late) == (400, "ORD039")


@pytest.mark.guarantee("G11")
@pytest.mark.parametrize("answer", ["cancel", "invoice"])
def test_a_pending_question_is_confirmed_by_cancel_and_denied_by_an_invoice(
    client, seller, order_id, answer
):
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "late"}).status == 200
    assert document(client, order_id)["status"] == "waiting-for-seller-decision"
    body = None if answer == "cancel" else sent("1", invoiceValue=3000)
    if body:
        body["items"][0]["quantity"] = 3
    assert seller.call("POST", f"/pvt/orders/{order_id}/{answer}", body).status == 200
    shown = document(client, order_id)
    assert shown["status"] == ("canceled" if answer == "cancel" else "invoiced")
    if answer == "cancel":
        assert shown["cancelReason"] == "late"


@pytest.mark.guarantee("G59")
def test_a_key_of_a_seller_opens_its_own_orders_only(cell, app, client, seller, order_id):
    asyncio.run(place_paid(cell.ledger, "v2acme-01"))
    other = with_key(cell, app, "seller:another", "IntegrationProfile - Fulfillment Oms")
    for key, order in ((seller, "v2acme-01"), (other, order_id)):
        for path in ("invoice", "cancel", "start-handling", "changes/c/send-agreement"):
            assert key.call("POST", f"/pvt/orders/{order}/{path}", sent("1")).status == 404, path
        assert key.call("GET", f"{ORDERS}/{order}").status == 404
    assert seller.call("GET", f"{ORDERS}/{order_id}").json()["orderId"] == order_id
    for method, path in (
        ("GET", ORDERS),
        ("GET", f"/api/orders/pvt/document/{order_id}"),
        ("POST", f"{ORDERS}/{order_id}/changes"),
        ("POST", "/api/fulfillment/pvt/orders?affiliateId=MKP"),
        ("PATCH", f"/api/order-system/orders/{order_id}/changes"),
        ("GET", "/api/seller-register/pvt/sellers"),
    ):
        assert seller.call(method, path, {}).status == 403, path
    refused = seller.call("POST", f"/pvt/orders/{order_id}/start-handling")
    assert refusal(refused) == (409, "OMS003")


@pytest.mark.parametrize("base", BASES)
def test_agreements_come_on_every_path_and_by_the_sellers_own_id(
    cell, client, seller, order_id, base
):

    asyncio.run(settle(cell))
    for named in (order_id, "S%2F1"):
        path = f"{base}/orders/{named}/changes/none/send-agreement"
        answer = seller.call("POST", path, {"agreementType": "Acknowledgment"})
        assert answer.status == 404
        assert "none" in str(answer.json()), answer.body
    unknown = f"{base}/orders/nowhere/changes/none/send-agreement"
    assert seller.call("POST", unknown, {"agreementType": "Confirmation"}).status == 404


def test_an_invoice_gets_its_package_and_delivery_by_the_published_paths(client, seller, order_id):
    path = f"/pvt/orders/{order_id}/invoice"
    assert seller.call("POST", path, sent("7")).status == 200
    package = {"courier": "Post", "trackingNumber": "T1", "trackingUrl": "https://post.example/T1"}
    assert seller.call("POST", f"{path}/7", package).status == 200
    delivered = {"isDelivered": True, "events": []}
    assert seller.call("POST", f"{path}/7/tracking", delivered).status == 200
    (shown,) = document(client, order_id)["packageAttachment"]["packages"]
    assert (shown["invoiceNumber"], shown["trackingNumber"]) == ("7", "T1")
    assert shown["courierStatus"]["finished"] is True


def test_a_seller_cancels_by_the_published_path(client, seller, order_id):
    path = f"/pvt/orders/{order_id}/cancel"
    first = seller.call("POST", path, {"reason": "Sold out"})
    assert first.status == 200, first.body
    assert seller.call("POST", path).json()["receipt"] == first.json()["receipt"]
    assert document(client, order_id)["status"] in ("cancel", "canceled")
