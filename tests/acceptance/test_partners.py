"""Marketplaces and sellers over HTTP: their protocol, the change of a seller, calls mended."""

import asyncio
import copy
from functools import partial

import pytest

from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.services.outbox.outcomes import PermanentFailure
from projections.outbox import messages
from tests.support.purchases import ACCOUNT, purchase
from tests.support.run_until_idle import settle
from tests.support.sales import (
    MIDDLE,
    OTHER_SHOP,
    SHOP,
    STORE,
    open_accounts,
    sell,
)
from workers.outbox import dispatcher


@pytest.fixture
def shops(cell, app):
    asyncio.run(open_accounts(cell, STORE, SHOP, OTHER_SHOP, MIDDLE))


@pytest.fixture
def shop(client_of, shops):
    return client_of(account=SHOP)


@pytest.fixture
def store(client_of, shops):
    return client_of(account=STORE)


def rest(cell):
    return asyncio.run(settle(cell))


def status(client, order_id):
    return client.call("GET", f"/api/oms/pvt/orders/{order_id}").json()["status"]


def sold_by(seller, chain=()):
    body = purchase(price=1000, quantity=3)
    body["items"][0]["seller"] = seller
    if chain:
        body["items"][0]["sellerChain"] = [seller, *chain]
    return body


def place(client, body):
    return client.call("PUT", "/api/checkout/pub/orders", body)


def paid(client, body):
    placed = place(client, body)
    assert placed.status == 201, placed.body
    group = placed.json()["orders"][0]["orderGroup"]
    answer = client.call("POST", f"/api/checkout/pub/gatewayCallback/{group}", {})
    assert answer.status == 204, answer.body
    return placed.json()["orders"][0]["orderId"]


def test_a_purchase_at_another_account_goes_its_way(cell, store, shop):
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    assert status(store, order_id) == "payment-approved"
    seller_order = f"00-{order_id}"
    document = shop.call("GET", f"/api/oms/pvt/orders/{seller_order}").json()
    assert (document["status"], document["origin"]) == ("ready-for-handling", "Fulfillment")
    assert (document["marketplaceOrderId"], document["affiliateId"]) == (order_id, "00")
    assert document["value"] == 3000
    assert document["marketplace"]["name"] == STORE
    methods = document["invoiceData"]["userPaymentInfo"]["paymentMethods"]
    assert methods == ["creditCardPaymentGroup"]
    invoice = {"type": "Output", "invoiceNumber": "1", "invoiceValue": 3000}
    invoice["issuanceDate"] = "2026-01-01"
    assert shop.call("POST", f"/api/oms/pvt/orders/{seller_order}/invoice", invoice).status == 200
    rest(cell)
    assert status(store, order_id) == status(shop, seller_order) == "invoiced"


@pytest.mark.parametrize(
    ("seller", "chain", "code"),
    [
        ("nobody", (), "CHK0024"),
        (SHOP, ("nobody",), "CHK0024"),
        (SHOP, (STORE,), "CHK0024"),
        (SHOP, (OTHER_SHOP, MIDDLE), "CHK0024"),
    ],
)
def test_sellers_that_are_not_there_and_too_many_levels_are_refused(store, seller, chain, code):
    answer = place(store, sold_by(seller, chain))
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)


def test_a_seller_that_takes_no_orders_is_refused(cell, store):
    asyncio.run(open_accounts(cell, "asleep", accepts_orders=False))
    answer = place(store, sold_by("asleep"))
    assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0045")


def fulfillment(marketplace_order="123", value=3000, **more):
    body = sold_by("1")
    body = {k: v for k, v in body.items() if k != "paymentData"}
    return [
        {
            **body,
            "marketplaceOrderId": marketplace_order,
            "marketplacePaymentValue": value,
            "marketplaceServicesEndpoint": "https://market.example.com",
            "paymentData": None,
            **more,
        }
    ]


PLACE = "/api/fulfillment/pvt/orders?affiliateId=MKP&sc=1"


def test_a_fulfillment_order_is_placed_once_and_authorized_once(shop):
    first, again = (shop.call("POST", PLACE, fulfillment()) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert first.json()[0]["orderId"] == again.json()[0]["orderId"] == "MKP-123"
    assert first.json() == again.json()
    assert status(shop, "MKP-123") == "waiting-ffmt-authorization"
    other = shop.call("POST", PLACE, [{**fulfillment(value=0)[0], "items": []}])
    assert other.json()["error"]["code"] == "FMT0026"
    changed = copy.deepcopy(fulfillment(value=2000))
    changed[0]["items"][0]["quantity"] = 2
    assert shop.call("POST", PLACE, changed).status == 409
    path = "/api/fulfillment/pvt/orders/MKP-123/fulfill"
    wrong = shop.call("POST", path, {"marketplaceOrderId": "999"})
    assert wrong.status == 400
    receipts = [shop.call("POST", path, {"marketplaceOrderId": "123"}) for _ in range(2)]
    assert [one.status for one in receipts] == [201, 201]
    assert receipts[0].json() == receipts[1].json()
    assert receipts[0].json()["marketplaceOrderId"] == "123"
    assert status(shop, "MKP-123") == "ready-for-handling"


def test_a_divergent_price_is_refused_or_waits_for_a_person(shop):
    refused = shop.call("POST", PLACE, fulfillment("1", 2900))
    assert (refused.status, refused.json()["error"]["code"]) == (400, "FMT007")
    shop.call("POST", PLACE, fulfillment("2", 2900, isCreatedAsync=True))
    assert status(shop, "MKP-2") == "waiting-for-manual-authorization"
    early = shop.call("POST", "/api/fulfillment/pvt/orders/MKP-2/fulfill", {})
    assert (early.status, early.json()["error"]["code"]) == (409, "EOI011")
    by_hand = "/api/ledger/orders/MKP-2/authorize-fulfillment"
    for expected in ("waiting-ffmt-authorization", "ready-for-handling"):
        assert shop.call("POST", by_hand).json()["status"] == expected
    assert shop.call("POST", "/api/fulfillment/pvt/orders/MKP-2/fulfill", {}).status == 201


@pytest.mark.parametrize("body", [{}, [], None, [1], [{"marketplaceOrderId": "1"}]])
def test_a_fulfillment_order_that_is_none_is_refused(shop, body):
    answer = shop.call("POST", PLACE, body)
    assert answer.status == 400
    assert answer.json()["error"]["message"]


@pytest.mark.guarantee("G11")
def test_accounts_here_tell_each_other_cancellations_and_nobody_tells_for_them(cell, store, shop):
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    seller_order = f"00-{order_id}"
    assert shop.call("POST", f"/api/oms/pvt/orders/{seller_order}/start-handling").status == 204
    store.call("POST", f"/api/oms/pvt/orders/{order_id}/cancel", {"reason": "late"})
    requested = store.call("GET", f"/api/oms/pvt/orders/{order_id}").json()["cancellationRequests"][
        0
    ]
    message = {
        "marketplaceOrderId": order_id,
        "cancellationRequestId": requested["id"],
        "reason": "late",
        "requestedByUser": False,
    }
    for path in ("/pvt/orders", "/api/fulfillment/pvt/orders"):
        answer = shop.call("POST", f"{path}/{seller_order}/cancel", message)
        assert (answer.status, answer.json()["error"]["code"]) == (409, "OMS003")
        assert STORE in answer.json()["error"]["message"]  # which says it by itself
    rest(cell)
    assert status(shop, seller_order) == "cancellation-requested"
    fields = store.call("POST", f"/pvt/orders/{order_id}/cancel", {"reason": "as you like"})
    assert (fields.status, fields.json()["error"]["code"]) == (409, "OMS003")
    assert SHOP in fields.json()["error"]["message"]
    assert status(store, order_id) == "waiting-for-seller-decision"
    accepted = shop.call("POST", f"/api/oms/pvt/orders/{seller_order}/cancel")
    assert accepted.status == 200
    rest(cell)
    assert status(store, order_id) == status(shop, seller_order) == "canceled"
    reason = store.call("GET", f"/api/oms/pvt/orders/{order_id}").json()["cancelReason"]
    assert reason == "late"


@pytest.mark.guarantee("G11")
def test_over_http_a_seller_is_out_and_an_outsider_is_nobody(cell, store, shop, client_of):
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    other_account = client_of(account=OTHER_SHOP)
    assert other_account.call("POST", f"/pvt/orders/{order_id}/cancel", {}).status == 404
    assert shop.call("POST", f"/pvt/orders/{order_id}/cancel", {}).status == 404
    head = cell.store.head()
    assert store.call("POST", f"/pvt/orders/{order_id}/cancel", {"reason": "gone"}).status == 409
    assert cell.store.head() == head
    for _ in range(2):
        shop.call("POST", f"/api/oms/pvt/orders/00-{order_id}/cancel", {"reason": "gone"})
    rest(cell)
    assert status(store, order_id) == "window-to-change-seller"


@pytest.mark.guarantee("G11")
def test_over_http_a_sellers_invoice_is_a_denial(cell, store, shop):
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    seller_order = f"00-{order_id}"
    shop.call("POST", f"/api/oms/pvt/orders/{seller_order}/start-handling")
    store.call("POST", f"/api/oms/pvt/orders/{order_id}/cancel", {"reason": "late"})
    rest(cell)
    assert status(store, order_id) == "waiting-for-seller-decision"
    invoice = {"type": "Output", "invoiceNumber": "1", "invoiceValue": 3000}
    invoice["issuanceDate"] = "2026-01-01"
    assert shop.call("POST", f"/api/oms/pvt/orders/{seller_order}/invoice", invoice).status == 200
    path = f"/api/oms/pvt/orders/{order_id}/invoice?an={STORE}"  # below the services endpoint
    fields = store.call("POST", path, invoice)
    assert fields.json().keys() == {"date", "orderId", "receipt"}
    assert status(store, order_id) == "invoiced"
    rest(cell)  # the ledger says the same by itself: nothing new
    document = store.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    assert (document["status"], len(document["packageAttachment"]["packages"])) == ("invoiced", 1)
    assert status(shop, seller_order) == "invoiced"


AUTHORIZATION = {
    "items": [],
    "marketplaceOrderGroup": "externalMarketplace10",
    "authorizationReceipt": {"date": "2024-02-04T20:46:11Z", "receipt": "e39d05f9"},
}


def test_a_seller_reports_invoice_and_tracking_below_the_base_it_was_given(cell, store, shop):
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    seller = "/pvt/orders"
    invoice = {"type": "Output", "invoiceNumber": "NF/7", "invoiceValue": 1000}
    invoice["issuanceDate"] = "2026-01-01"
    answer = store.call("POST", f"{seller}/{order_id}/invoice?an={STORE}", invoice)
    assert (answer.status, answer.json()["orderId"]) == (200, order_id)
    assert answer.json()["date"].endswith("Z")
    for method in ("POST", "PATCH", "PUT"):
        fields = {"trackingNumber": f"T-{method}", "courier": "Post"}
        answer = store.call(method, f"{seller}/{order_id}/invoice/NF%2F7", fields)
        assert (answer.status, answer.json()["orderId"]) == (200, order_id)
    for method in ("POST", "PUT"):
        tracked = {"isDelivered": True, "deliveredDate": "2026-01-03", "events": []}
        answer = store.call(method, f"{seller}/{order_id}/invoice/NF/7/tracking", tracked)
        assert (answer.status, answer.json()["orderId"]) == (200, order_id)
    document = store.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    (package,) = document["packageAttachment"]["packages"]
    assert (package["trackingNumber"], package["courierStatus"]["finished"]) == ("T-PUT", True)
    unknown = store.call("POST", f"{seller}/{order_id}/invoice/none/tracking", {})
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "ORD038")


def test_a_chain_order_over_http(cell, client_of, shops):
    middle, shop = client_of(account=MIDDLE), client_of(account=SHOP)
    body = {
        **fulfillment()[0],
        "marketplaceOrderGroup": "externalMarketplace10",
        "marketplaceServicesEndpoint": "https://service.example.com/api/orders?parameter=value",
    }
    body["items"][0]["seller"] = SHOP
    del body["marketplaceOrderId"]
    path = "/api/checkout/pvt/orders?sc=1&affiliateId=MKP"
    answers = [middle.call("PUT", path, body) for _ in range(2)]
    assert [one.status for one in answers] == [200, 200]
    order_id = answers[0].json()["orders"][0]["orderId"]
    assert order_id == "MKP-externalMarketplace10-01"
    rest(cell)
    assert status(middle, order_id) == "waiting-for-mkt-authorization"
    assert status(shop, f"00-{order_id}") == "waiting-ffmt-authorization"
    receipt = f"/api/checkout/pvt/orders/{order_id}/receipts/marketplace-order-authorization"
    receipts = [middle.call("POST", receipt, AUTHORIZATION).json() for _ in range(2)]
    assert receipts[0] == receipts[1]
    rest(cell)
    assert status(middle, order_id) == "waiting-seller-handling"
    assert status(shop, f"00-{order_id}") == "ready-for-handling"


def change_to(seller, value=3000, **delivery):
    line = {"itemIndex": 0, "selectedSla": "PAC", "selectedDeliveryChannel": "delivery"}
    return {
        "newSellerId": seller,
        "marketplacePaymentValue": value,
        "shippingData": {"logisticsInfo": [{**line, **delivery}]},
    }


class TestChangeOfSeller:
    @pytest.fixture
    def left(self, cell, store, shop):
        """An order that its seller canceled: its id."""
        order_id = paid(store, sold_by(SHOP))
        rest(cell)
        for _ in range(2):
            shop.call("POST", f"/api/oms/pvt/orders/00-{order_id}/cancel", {"reason": "broken"})
        rest(cell)
        assert status(store, order_id) == "window-to-change-seller"
        return order_id

    @pytest.mark.guarantee("G16", "G18")
    def test_another_seller_takes_the_order_and_finishes_it(self, cell, store, client_of, left):
        other = client_of(account=OTHER_SHOP)
        answer = store.call(
            "PUT", f"/api/checkout/pvt/orders/{left}/sellers", change_to(OTHER_SHOP)
        )
        assert answer.status == 200, answer.body
        assert answer.json().keys() == {"date", "orderId", "receipt"}
        rest(cell)
        document = store.call("GET", f"/api/oms/pvt/orders/{left}").json()
        assert document["status"] == "payment-approved"
        assert (document["sellers"][0]["id"], document["sellerOrderId"]) == (
            OTHER_SHOP,
            f"01-{left}",
        )
        assert document["shippingData"]["logisticsInfo"][0]["selectedSla"] == "PAC"
        assert document["shippingData"]["logisticsInfo"][0]["deliveryIds"] == []
        seller_order = f"01-{left}"
        assert status(other, seller_order) == "ready-for-handling"
        invoice = {"type": "Output", "invoiceNumber": "1", "invoiceValue": 3000}
        invoice["issuanceDate"] = "2026-01-01"
        other.call("POST", f"/api/oms/pvt/orders/{seller_order}/invoice", invoice)
        rest(cell)
        assert status(store, left) == "invoiced"

    @pytest.mark.guarantee("G2")
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (change_to("nobody"), "CHK0162"),
            (change_to(SHOP), "CHK0195"),
            (change_to(OTHER_SHOP, 2999), "CHK0145"),
            (change_to(OTHER_SHOP, itemIndex=1), "CHK0191"),
            (change_to(OTHER_SHOP, selectedDeliveryChannel="pickup-in-point"), "CHK0189"),
            (change_to(OTHER_SHOP, selectedDeliveryChannel="drone"), "OMS004"),
        ],
    )
    def test_what_is_refused_changes_nothing(self, cell, store, left, change, code):
        head = cell.store.head()
        answer = store.call("PUT", f"/api/checkout/pvt/orders/{left}/sellers", change)
        assert (answer.status, answer.json()["error"]["code"]) == (400, code)
        assert cell.store.head() == head

    def test_a_seller_that_takes_no_orders(self, cell, store, left):
        asyncio.run(open_accounts(cell, "asleep", accepts_orders=False))
        answer = store.call("PUT", f"/api/checkout/pvt/orders/{left}/sellers", change_to("asleep"))
        assert answer.json()["error"]["code"] == "CHK0045"

    def test_too_late(self, cell, store, shop):
        order_id = paid(store, sold_by(SHOP))
        rest(cell)
        path = f"/api/checkout/pvt/orders/{order_id}/sellers"
        answer = store.call("PUT", path, change_to(OTHER_SHOP))
        assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0047")


def test_the_window_to_change_seller_is_read_and_set(client):
    path = "/api/checkout/pvt/configuration/window-to-change-seller"
    assert client.call("GET", path).json() == 2
    assert client.call("POST", path, {"waitingTime": 4}).status == 201
    for wrong in (31, -1, "x", None, True, 1.5):
        answer = client.call("POST", path, {"waitingTime": wrong})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0228")


def test_the_window_that_was_set_takes_effect(cell, store, shop):
    path = "/api/checkout/pvt/configuration/window-to-change-seller"
    assert store.call("POST", path, {"waitingTime": 0}).status == 201
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    cell.ledger._account_seen.clear()  # settings may take a second to be seen
    for _ in range(2):
        shop.call("POST", f"/api/oms/pvt/orders/00-{order_id}/cancel", {})
    rest(cell)
    assert status(store, order_id) == "canceled"


@pytest.mark.guarantee("G45")
def test_a_failed_call_is_shown_and_resumed(cell, store, shop, monkeypatch):
    good = dispatcher.HANDLERS["place-fulfillment"]

    async def broken(cell, message):
        raise PermanentFailure("the line is dead")

    monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", broken)
    order_id = paid(store, sold_by(SHOP))
    rest(cell)
    document = store.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    assert (document["status"], document["workflowIsInError"]) == (
        "waiting-for-authorization",
        True,
    )
    (dead,) = store.call("GET", "/api/ledger/outbox?state=dead").json()["list"]
    assert (dead["kind"], dead["lastError"]) == ("place-fulfillment", "the line is dead")
    assert shop.call("GET", "/api/ledger/outbox?state=dead").json()["list"] == []
    assert shop.call("POST", f"/api/ledger/outbox/{dead['id']}/resume").status == 404
    monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", good)
    resumed = store.call("POST", f"/api/ledger/outbox/{dead['id']}/resume")
    assert resumed.json()["state"] == messages.WAITING
    rest(cell)
    document = store.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    assert (document["status"], document["workflowIsInError"]) == ("payment-approved", False)
    kinds = [
        one["kind"]
        for one in store.call("GET", f"/api/ledger/outbox?orderId={order_id}").json()["list"]
        if one["recipient"].startswith("seller:")
    ]
    assert kinds == ["place-fulfillment", "authorize-fulfillment"]


@pytest.mark.guarantee("G45")
def test_a_call_is_skipped_with_a_reason_only(cell, store, shops, monkeypatch):
    async def broken(cell, message):
        raise PermanentFailure("the line is dead")

    monkeypatch.setitem(dispatcher.HANDLERS, "ask-cancellation", broken)

    async def story():
        order_id = await sell(cell)
        await settle(cell)
        await cell.ledger.change(CommandContext(STORE, "test"), order_id, partial(cancel))
        await settle(cell)

    asyncio.run(story())
    (dead,) = store.call("GET", "/api/ledger/outbox?state=dead").json()["list"]
    path = f"/api/ledger/outbox/{dead['id']}/skip"
    assert store.call("POST", path, {"reason": " "}).status == 400
    assert store.call("POST", path, {"reason": "told by telephone"}).json()["state"] == "skipped"
    assert store.call("POST", path, {"reason": "again"}).status == 200
    assert store.call("GET", "/api/ledger/outbox?state=odd").status == 400
    assert ACCOUNT not in (STORE, SHOP)


def test_a_group_of_several_sellers_is_one_order_each(cell, client_of, shops):
    middle = client_of(account=MIDDLE)
    body = {
        **fulfillment()[0],
        "marketplaceOrderGroup": "G1",
        "marketplaceServicesEndpoint": "https://service.example.com/api/orders",
        "marketplacePaymentValue": 3751,
    }
    line, delivery = body["items"][0], body["shippingData"]["logisticsInfo"][0]
    sellers = (SHOP, "1", OTHER_SHOP, SHOP, MIDDLE)
    body["items"] = [{**line, "seller": one, "quantity": 1, "price": 750} for one in sellers]
    deliveries = [{**delivery, "itemIndex": n, "price": 0} for n in range(5)]
    body["shippingData"]["logisticsInfo"] = deliveries[::-1]
    del body["marketplaceOrderId"]
    path = "/api/checkout/pvt/orders?sc=1&affiliateId=MKP"
    refused = middle.call("PUT", path, body)
    assert refused.json()["error"]["code"] == "FMT007"  # a cent more than they cost
    body["marketplacePaymentValue"] = 3750
    first, again = (middle.call("PUT", path, body) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    orders = first.json()["orders"]
    ids = [f"MKP-G1-{number:02d}" for number in (1, 2, 3)]
    assert [one["orderId"] for one in orders] == ids
    assert [one["orderId"] for one in again.json()["orders"]] == ids
    rest(cell)
    documents = [middle.call("GET", f"/api/oms/pvt/orders/{one}").json() for one in ids]
    assert [one["value"] for one in documents] == [1500, 1500, 750]
    assert [one["origin"] for one in documents] == ["Chain", "Fulfillment", "Chain"]
    assert [one["marketplaceOrderId"] for one in documents] == ["G1-01", "G1-02", "G1-03"]
    for missing, code in (("marketplaceServicesEndpoint", "CHK0146"), ("items", "ORD005")):
        answer = middle.call("PUT", path, {**body, "marketplaceOrderGroup": "G2", missing: None})
        assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    gift = {**body, "marketplaceOrderGroup": "G2", "items": [{**line, "isGift": True}]}
    assert middle.call("PUT", path, gift).json()["error"]["code"] == "ORD017"
    deep = [{**line, "seller": SHOP, "sellerChain": [SHOP, OTHER_SHOP]}]
    answer = middle.call("PUT", path, {**body, "marketplaceOrderGroup": "G2", "items": deep})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0024")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"customData": {"customApps": [{"id": "a", "fields": {"n": 1}}]}}, "FMT0094"),
        ({"customData": {"customApps": "a"}}, "FMT0094"),
        ({"customData": "a"}, "FMT0094"),
        ({"invoiceData": {"userPaymentInfo": {"paymentMethods": "pix"}}}, "FMT0093"),
        ({"isCreatedAsync": "yes"}, "OMS004"),
        ({"shippingData": {"isFob": 1}}, "OMS004"),
        ({"shippingData": {"trackingHints": "x"}}, "FMT0096"),
        ({"shippingData": {"trackingHints": [{"trackingId": "1"}]}}, "FMT0096"),
        ({"marketplaceServicesEndpoint": f"https://x.example/{2000 * 'a'}"}, "CHK0146"),
        ({"marketplaceServicesEndpoint": "nowhere"}, None),
    ],
)
def test_what_a_marketplace_says_of_a_group_is_kept_or_refused(client_of, shops, fields, code):
    body = {**fulfillment()[0], "marketplaceOrderGroup": "G1"}
    shipping = {**body["shippingData"], **fields.get("shippingData", {})}
    body |= {"marketplaceServicesEndpoint": "https://service.example.com/"} | fields
    path = "/api/checkout/pvt/orders?affiliateId=MKP"
    answer = client_of(account=MIDDLE).call("PUT", path, {**body, "shippingData": shipping})
    if code is None:  # nobody can be notified, which the answer says
        assert (answer.status, bool(answer.header("Warning"))) == (200, True)
    else:
        assert (answer.status, answer.json()["error"]["code"]) == (400, code)


def test_a_price_that_a_person_has_to_see_is_no_chain_orders(client_of, shops):
    middle = client_of(account=MIDDLE)
    body = {**fulfillment()[0], "marketplaceOrderGroup": "G1", "isCreatedAsync": True}
    body |= {"marketplaceServicesEndpoint": "https://service.example.com/"}
    body["marketplacePaymentValue"] += 1
    path = "/api/checkout/pvt/orders?affiliateId=MKP"
    body["items"][0]["seller"] = SHOP
    refused = middle.call("PUT", path, body)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "FMT007")
    body["items"][0]["seller"] = "1"
    (own,) = middle.call("PUT", path, body).json()["orders"]
    assert own["state"] == "waiting-for-manual-authorization"


def test_a_group_is_authorized_by_a_name_of_its_own(cell, client_of, shops):
    middle, store = client_of(account=MIDDLE), client_of(account=STORE)
    body = {**fulfillment()[0], "marketplaceOrderGroup": "G1-x"}
    body["marketplaceServicesEndpoint"] = "https://service.example.com/api/orders"
    body["items"][0]["seller"] = SHOP
    answer = middle.call("PUT", "/api/checkout/pvt/orders?affiliateId=MKP", body)
    order_id = answer.json()["orders"][0]["orderId"]
    rest(cell)
    path = "/api/checkout/pvt/orders/{}/receipts/marketplace-order-authorization"
    for group in (None, "G1", "other", ""):
        refused = middle.call(
            "POST", path.format(order_id), {**AUTHORIZATION, "marketplaceOrderGroup": group}
        )
        assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0144")
    answers = [
        middle.call("POST", path.format(order_id), {**AUTHORIZATION, "marketplaceOrderGroup": one})
        for one in ("G1-x", "G1-x-01", order_id)
    ]
    assert [one.status for one in answers] == [200, 200, 200]
    first = answers[0].json()
    assert len(first["receipt"]) == 32
    assert {one.json()["receipt"] for one in answers} == {first["receipt"]}
    assert (first["orderId"], first["marketplaceOrderId"]) == (order_id, "G1-x-01")
    assert first["items"] == [{"id": "7"}]
    sla = first["shippingData"]["logisticsInfo"][0]
    assert (sla["itemIndex"], sla["selectedDeliveryChannel"]) == (0, "delivery")
    pii = middle.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    kinds = [one["receiptType"] for one in pii["receiptData"]["receiptCollection"]]
    assert kinds.count("marketplace-order-authorization") == 1
    own = paid(store, sold_by(SHOP))
    refused = store.call("POST", path.format(own), AUTHORIZATION)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0092")
