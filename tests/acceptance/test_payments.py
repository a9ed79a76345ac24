"""Money over HTTP: sent, authorized, notified, settled, given back; once, whatever happens."""

import asyncio
import copy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from tests.acceptance.test_order_life import ORDERS, invoice, status
from tests.published.conformance import operations
from tests.support.client import Client
from tests.support.purchases import (
    ACCOUNT,
    SAVED_CARD,
    open_account,
    placed,
    purchase,
)
from tests.support.run_until_idle import settle

CALLBACK = "/api/checkout/pub/gatewayCallback"
GIFT_CARD = {"id": "G1", "redemptionCode": "ABC", "value": 500, "inUse": True} | {
    "name": "Gift",
    "caption": "A gift",
    "groupName": "gifts",
}
APPROVED, DENIED, ELSEWHERE = "4444333322221111", "4444333322220002", "4000000000003220"


def body(*payments, price=2000, sellers=("1",), **data):
    """A purchase of one line a seller, paid by (system, value, reference) payments."""
    fields = copy.deepcopy(purchase(price))
    fields["items"] = [
        {**fields["items"][0], "id": str(i), "seller": s} for i, s in enumerate(sellers)
    ]
    fields["shippingData"]["logisticsInfo"] = [
        {"itemIndex": i, "selectedSla": "Normal", "price": 0} for i in range(len(sellers))
    ]
    total = price * len(sellers)
    fields["paymentData"] = {
        "payments": [
            {
                "paymentSystem": system,
                "value": value,
                "referenceValue": reference,
                "accountId": SAVED_CARD,
            }
            for system, value, reference in payments or [("2", total, total)]
        ],
        **data,
    }
    return fields


class Placed:
    """A purchase over HTTP: its ids, and what is done with it."""

    def __init__(self, client, purchase):
        answer = client.call("PUT", "/api/checkout/pub/orders", purchase)
        assert answer.status == 201, answer.body
        fields = answer.json()
        (transaction,) = fields["transactionData"]["merchantTransactions"]
        self.client = client
        self.cookies = [v for k, v in answer.headers if k == "set-cookie"]
        self.transaction = transaction["transactionId"]
        self.ids = [order["orderId"] for order in fields["orders"]]
        self.group = fields["orders"][0]["orderGroup"]
        self.here = f"/api/pvt/transactions/{self.transaction}"

    def send(self, *payments, path="/api/payments/transactions/{}/payments"):
        return self.client.call("POST", path.format(self.transaction), list(payments))

    def process(self):
        return self.client.call("POST", f"{CALLBACK}/{self.group}", {})

    def statuses(self):
        return [status(self.client, order_id) for order_id in self.ids]

    def get(self, what=""):
        answer = self.client.call("GET", f"{self.here}{what}")
        assert answer.status == 200, answer.body
        return answer.json()

    def ask(self, what, **body):
        return self.client.call("POST", f"{self.here}/{what}-request", body)

    def payment(self, number=0):
        return self.get("/payments")[number]["id"]

    def notify(self, payment, order=0):
        url = f"{ORDERS}/{self.ids[order]}/payments/{payment}/payment-notification"
        return self.client.call("POST", url)


def card(number, **more):
    return {"fields": {"cardNumber": number, "validationCode": "737", "holderName": "ANA"}, **more}


def test_a_denied_card_leaves_the_order_incomplete_and_another_may_be_tried(cell, client):
    bought = Placed(client, body())
    assert bought.send(card(DENIED)).status == 201
    for _ in range(2):
        denied = bought.process()
        assert (denied.status, denied.json()["error"]["code"]) == (500, "001")
        assert denied.json()["operationId"]
    assert bought.statuses() == [None]
    assert bought.get()["status"] == "Denied"
    assert bought.send(card(APPROVED)).status == 201
    assert [bought.process().status for _ in range(3)] == [204, 204, 204]
    assert bought.statuses() == ["ready-for-handling"]
    assert bought.get()["status"] == "Approved"


def test_of_two_payments_a_denied_one_takes_the_approved_one_back(cell, client):
    bought = Placed(client, body(("2", 1500, 1500), ("4", 500, 500)))
    bought.send(card(APPROVED), card(DENIED))
    assert bought.process().status == 500
    taken_back = bought.get("/cancellations")["requests"]
    assert [one["value"] for one in taken_back] == [1500]
    bought.send(card(APPROVED), card(APPROVED))
    assert bought.process().status == 204
    asyncio.run(settle(cell))
    assert bought.statuses() == ["ready-for-handling"]
    assert [p["status"] for p in bought.get("/payments")] == ["Approved", "Approved"]


def test_a_card_that_needs_its_holder_elsewhere_is_428_until_it_is_notified(client):
    bought = Placed(client, body())
    bought.send(card(ELSEWHERE))
    for _ in range(2):
        away = bought.process()
        assert away.status == 428
        assert bought.group in away.json()["RedirectResponseCollection"][0]["redirectUrl"]
        assert away.json()["paymentAuthorizationAppCollection"] == []
    assert bought.statuses() == [None]
    assert bought.notify(bought.payment()).status == 200
    assert bought.process().status == 204
    assert bought.statuses() == ["ready-for-handling"]


@pytest.mark.guarantee("G5")
def test_processing_in_parallel_has_one_effect(cell, client):
    bought = Placed(client, body())

    async def together():
        ask = partial(client.ask, "POST", f"{CALLBACK}/{bought.group}", {})
        return await asyncio.gather(*(ask() for _ in range(8)))

    assert {answer.status for answer in asyncio.run(together())} == {204}
    names = [row.name for row in cell.store.stream(f"{ACCOUNT}/{bought.ids[0]}")]
    assert (names.count("workflow-created"), names.count("payment-authorized")) == (1, 1)


@pytest.mark.guarantee("G5")
def test_the_same_payments_sent_again_are_recorded_once(cell, client):
    bought = Placed(client, body())
    for path in (
        "/api/payments/transactions/{}/payments",
        "/api/pub/transactions/{}/payments",
        "/api/payments/pub/transactions/{}/payments",
        "/api/payments/transactions/{}/payments?orderId=anything",
    ):
        assert bought.send(card(APPROVED, value=2000, paymentSystem="2"), path=path).status == 201
    split = client.call("POST", f"/split/{bought.group}/payments", [card(APPROVED)])
    assert split.status == 201
    names = [row.name for row in cell.store.stream(f"{ACCOUNT}/{bought.ids[0]}")]
    assert names.count("payments-submitted") == 1
    other = [card(APPROVED, transaction={"id": "OTHER"})]
    assert bought.send(*other).status == 400


@pytest.mark.guarantee("G54")
def test_card_numbers_and_codes_are_kept_nowhere(cell, client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    bought.process()
    shown = [bought.get("/payments"), bought.get(), bought.get("/interactions")]
    shown.append(client.call("GET", f"{ORDERS}/{bought.ids[0]}").json())
    stored = [row.body + (row.personal or b"") for row in cell.store.page(0)]
    for text in (*map(str, shown), *map(str, stored)):
        assert APPROVED not in text
        assert "737" not in text or "validationCode" not in text
    assert "444433" in str(shown)
    assert "1111" in str(shown)


@pytest.mark.guarantee("G13")
def test_a_split_payment_is_approved_when_all_of_it_is_reported(client):
    bought = Placed(client, body(("6", 1500, 1500), ("125", 500, 500)))
    assert bought.process().status == 204
    slip, pix = (one["id"] for one in bought.get("/payments"))
    assert bought.statuses() == ["payment-pending"]
    assert [bought.notify(slip).status for _ in range(2)] == [200, 200]
    assert bought.statuses() == ["payment-pending"]
    url = "/api/orders/pvt/document/{}/payment/{}/notify-payment"
    assert client.call("POST", url.format(bought.ids[0], pix.lower())).status == 200
    assert bought.statuses() == ["ready-for-handling"]
    assert bought.notify(slip).status == 200


@pytest.mark.guarantee("G13")
def test_a_notification_that_comes_before_the_order_is_processed_is_not_lost(client):
    bought = Placed(client, body(("6", 2000, 2000)))
    assert bought.notify(bought.payment()).status == 200
    assert bought.statuses() == [None]
    assert bought.process().status == 204
    assert bought.statuses() == ["ready-for-handling"]


@pytest.mark.guarantee("G13")
def test_a_notification_that_comes_too_late_is_refused(client):
    bought = Placed(client, body(("6", 2000, 2000)))
    bought.process()
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/cancel", {})
    late = bought.notify(bought.payment())
    assert (late.status, late.json()["error"]["code"]) == (400, "CHK0242")
    unknown = client.call("GET", "/api/payments/pvt/payments/NOPE/payment-notification")
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "CHK0181")


@pytest.mark.guarantee("G13")
def test_the_connector_says_it_once_for_all_orders_that_the_payment_pays(cell, client):
    asyncio.run(open_account(cell.ledger, name="toys"))
    bought = Placed(client, body(("6", 4000, 4000), sellers=("1", "toys")))
    assert bought.process().status == 204
    url = f"/api/payments/pvt/payments/{bought.payment()}/payment-notification"
    for paid, approved in ((20.0, 2000), (20, 2000), ("39.99", 3999)):
        fields = {"paymentDate": "01/01/2025", "valuePaid": paid}
        assert client.call("POST", url, fields).status == 200
        assert bought.get("/payments")[0]["status"] == "Authorizing", approved
    assert bought.statuses()[0] == "payment-pending"
    assert client.call("GET", url).status == 200
    assert bought.statuses()[0] == "ready-for-handling"
    assert bought.get("/payments")[0]["status"] == "Approved"
    wrong = client.call("POST", url, {"valuePaid": "much"})
    assert wrong.status == 400


def test_a_payment_that_is_denied_later_cancels_its_order(cell, client):
    bought = Placed(client, body(("6", 1000, 1000), ("125", 1000, 1000)))
    bought.process()
    bought.notify(bought.payment(1))
    url = f"/api/payments/pvt/payments/{bought.payment(0)}/payment-notification"
    for _ in range(2):
        fields = {"status": "denied", "message": "No funds"}
        assert client.call("POST", url, fields).status == 200
    asyncio.run(settle(cell))
    order = client.call("GET", f"{ORDERS}/{bought.ids[0]}").json()
    assert order["status"] == "canceled"
    assert order["cancellationData"]["RequestedByPaymentNotification"] is True
    assert order["cancelReason"] == "No funds"
    assert [one["status"] for one in bought.get("/payments")] == ["Denied", "Cancelled"]
    assert [one["value"] for one in bought.get("/cancellations")["actions"]] == [1000]


@pytest.mark.guarantee("G20", "G21")
def test_a_purchase_of_two_sellers_is_one_transaction(cell, client):
    asyncio.run(open_account(cell.ledger, name="toys"))
    payments = (("2", 3333, 3000), ("4", 1000, 1000))
    bought = Placed(client, body(*payments, price=2000, sellers=("1", "toys")))
    assert bought.get()["value"] == 4333
    assert [one["value"] for one in bought.get("/payments")] == [3333, 1000]
    orders = [client.call("GET", f"{ORDERS}/{order_id}").json() for order_id in bought.ids]
    shares = [o["paymentData"]["transactions"][0]["payments"] for o in orders]
    assert sum(p["value"] for own in shares for p in own) == 4333
    assert [sum(p["referenceValue"] for p in own) for own in shares] == [2000, 2000]
    assert {o["paymentData"]["transactions"][0]["transactionId"] for o in orders} == {
        bought.transaction
    }


def test_an_invoice_settles_and_a_return_refunds_and_both_are_shown(cell, client):
    bought = Placed(client, body(("2", 2100, 2000)))
    bought.send(card(APPROVED))
    bought.process()
    order_id = bought.ids[0]
    assert bought.get("/settlements") == {"requests": [], "actions": []}
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("1000", "a")).status == 200
    assert [one["value"] for one in bought.get("/settlements")["requests"]] == [1050]
    assert bought.get("/settlements")["actions"] == []
    asyncio.run(settle(cell))
    (action,) = bought.get("/settlements")["actions"]
    assert (action["value"], action["type"]) == (1050, "auto-settlement")
    transaction = client.call("GET", f"{ORDERS}/{order_id}/payment-transaction").json()
    assert transaction["status"] == "Settling"
    client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("1000", "b"))
    asyncio.run(settle(cell))
    transaction = client.call("GET", f"{ORDERS}/{order_id}/payment-transaction").json()
    assert (transaction["status"], transaction["payments"][0]["lastDigits"]) == ("Finished", "1111")
    back = {**invoice("2100", "r"), "type": "Input"}
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", back).status == 200
    asyncio.run(settle(cell))
    assert [one["value"] for one in bought.get("/refunds")["actions"]] == [2100]
    assert (bought.get()["totalRefunds"], bought.get()["status"]) == (2100, "Refunded")
    fields = [one["Status"] for one in bought.get("/interactions")]
    assert fields.count("PaymentSettled") == 2
    assert fields[-1] == "PaymentRefunded"


@pytest.mark.guarantee("G5")
def test_a_request_by_hand_is_done_once_and_answered_as_the_first_time(cell, client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    bought.process()
    first = bought.ask("settlement", value="1500", requestId="mine")
    assert (first.status, first.json()["statusDetail"]) == (200, "Settling")
    assert bought.ask("settlement", value=1500, requestId="mine").body == first.body
    over = bought.ask("settlement", value=501)
    assert (over.status, over.json()["error"]["code"]) == (400, "CHK0154")
    canceled = bought.ask("cancellation", value=200, requestId="c").json()
    assert (canceled["statusDetail"], canceled["cancelledValue"]) == ("Finished", 200)
    refund = {"value": 300, "freight": 100, "tax": 0, "minicart": {"items": []}}
    assert bought.ask("refunding", **refund).json()["refundedValue"] == 300
    more = bought.ask("refunding", value=1201)
    assert (more.status, more.json()["error"]["code"]) == (400, "CHK0054")
    asyncio.run(settle(cell))
    assert [one["value"] for one in bought.get("/settlements")["actions"]] == [1500]
    assert [one["value"] for one in bought.get("/cancellations")["actions"]] == [200]
    assert [one["value"] for one in bought.get("/refunds")["actions"]] == [300]
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/start-handling")
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    asyncio.run(settle(cell))
    settled = [one["value"] for one in bought.get("/settlements")["actions"]]
    assert settled == [1500, 300]  # what was settled manually is not settled again


@pytest.mark.guarantee("G23")
def test_what_was_given_back_by_hand_is_not_given_back_again_by_a_return(cell, client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    bought.process()
    bought.ask("cancellation", value=200)
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    bought.ask("refunding", value=300)
    for value, expected in ((1501, 400), (1500, 200), (1, 400)):
        back = {**invoice(str(value), f"r{value}"), "type": "Input"}
        answer = client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", back)
        assert answer.status == expected, answer.body
    asyncio.run(settle(cell))
    assert [one["value"] for one in bought.get("/refunds")["actions"]] == [300, 1500]
    assert bought.get()["status"] == "Refunded"


def test_an_order_whose_transaction_is_canceled_while_it_waits_is_canceled(cell, client):
    bought = Placed(client, body(("6", 1500, 1500), ("125", 500, 500)))
    bought.process()
    assert bought.ask("cancellation", value=500).status == 200
    assert bought.statuses() == ["payment-pending"]
    assert bought.ask("cancellation", value=1500).status == 200
    asyncio.run(settle(cell))
    assert bought.statuses() == ["canceled"]
    assert [one["status"] for one in bought.get("/payments")] == ["Cancelled", "Cancelled"]
    assert sum(one["value"] for one in bought.get("/cancellations")["actions"]) == 2000
    late = bought.notify(bought.payment())
    assert (late.status, late.json()["error"]["code"]) == (400, "CHK0242")


def test_a_transaction_may_be_authorized_before_its_order_is_processed(client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    fields = {"transactionId": bought.transaction, "softDescriptor": None}
    for _ in range(2):
        requested = bought.ask("authorization", **fields, prepareForRecurrency=False)
        assert (requested.status, requested.json()["statusDetail"]) == (200, "Approved")
    assert bought.statuses() == [None]
    assert bought.process().status == 204
    assert bought.statuses() == ["ready-for-handling"]
    contradicting = bought.ask("authorization", transactionId="OTHER")
    assert contradicting.status == 400


def test_a_transaction_is_found_by_its_group_and_keeps_additional_data(cell, client):
    bought = Placed(client, body())
    start = {"value": 2000, "referenceId": bought.group, "channel": "x", "salesChannel": "1"}
    for reference in (bought.group, bought.ids[0]):
        fields = client.call("POST", "/api/pvt/transactions", {**start, "referenceId": reference})
        assert (fields.status, fields.json()["transactionId"]) == (200, bought.transaction)
        assert fields.json()["status"] == "Started"
    unknown = client.call("POST", "/api/pvt/transactions", {**start, "referenceId": "1234567"})
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "CHK0199")
    data = [{"name": "clientProfileData", "value": '{"email":"ana@example.com"}'}]
    for method in ("POST", "PATCH", "POST"):
        sent = client.call(method, f"{bought.here}/additional-data", data)
        assert (sent.status, sent.body) == (200, b"")
    rows = [r for r in cell.store.stream(f"{ACCOUNT}/{bought.ids[0]}") if "additional" in r.name]
    assert len(rows) == 1
    assert b"ana@example.com" not in rows[0].body + rows[0].personal
    wrong: Any
    for wrong in ({}, [{"name": "x"}], [{"name": "", "value": "y"}], ["?"]):
        assert client.call("POST", f"{bought.here}/additional-data", wrong).status == 400


@pytest.mark.guarantee("G51")
def test_a_transaction_of_another_account_is_unknown(cell, client, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    other_account = client_of("Owner", "other")
    bought = Placed(client, body(("6", 2000, 2000)))
    bought.process()
    payment = bought.payment()
    for method, url in (
        ("GET", bought.here),
        ("GET", f"{bought.here}/payments"),
        ("POST", f"{bought.here}/settlement-request"),
        ("GET", f"/api/payments/pvt/payments/{payment}/payment-notification"),
        ("GET", f"{ORDERS}/{bought.ids[0]}/payment-transaction"),
    ):
        assert (
            other_account.call(method, url, {"value": 1} if method == "POST" else None).status
            == 404
        )
    assert bought.statuses() == ["payment-pending"]


def test_one_payment_of_a_transaction_is_shown_as_in_the_list_of_all(client):
    bought = Placed(client, body(("6", 2000, 2000)))
    bought.process()
    (listed,) = bought.get("/payments")
    assert bought.get(f"/payments/{bought.payment()}") == listed
    unknown = client.call("GET", f"{bought.here}/payments/NOPE")
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "CHK0181")


def test_a_gift_card_pays_like_any_other_payment(cell, client):
    bought = Placed(
        client,
        body(
            ("2", 1500, 1500),
            giftCards=[GIFT_CARD],
        ),
    )
    assert bought.send(card(APPROVED, value=1500)).status == 201
    assert bought.process().status == 204
    shown = bought.get("/payments")
    assert [(one["group"], one["value"]) for one in shown] == [
        ("creditCard", 1500),
        ("giftCard", 500),
    ]
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    asyncio.run(settle(cell))
    assert {one["status"] for one in bought.get("/payments")} == {"Finished"}


def test_a_placement_is_paid_and_processed_by_its_cookie_alone(client):
    bought = Placed(client, body())
    ticket = bought.cookies[0].partition(";")[0]
    assert ticket.startswith("Vtex_CHKO_Auth=")
    assert ticket.endswith("=")
    assert not ticket.endswith("==")
    shopper = Client(client.app, {"Cookie": ticket, "host": f"{ACCOUNT}.vtexcommercestable.com.br"})
    url = f"/api/payments/pub/transactions/{bought.transaction}/payments"
    assert shopper.call("POST", url, [card(APPROVED)]).status == 201
    other = Placed(client, body())
    url = f"/api/payments/pub/transactions/{other.transaction}/payments"
    assert shopper.call("POST", url, [card(APPROVED)]).status == 201  # its id is the secret
    assert shopper.call("POST", f"{CALLBACK}/{bought.group}/").status == 204
    assert shopper.call("POST", f"{CALLBACK}/{other.group}").status == 401
    assert bought.statuses() == ["ready-for-handling"]


def test_anonymous_callers_place_only_where_the_account_lets_them_and_at_offered_prices(
    cell, client
):
    anonymous = Client(client.app, {"host": f"{ACCOUNT}.vtexcommercestable.com.br"})
    closed = anonymous.call("PUT", "/api/checkout/pub/orders", body())
    assert (closed.status, closed.json()["error"]["code"]) == (401, "ORD062")

    def opened(_):
        return [AccountSettingsChanged({"anonymous_checkout": True})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), opened))
    cell.ledger.loader.forget(f"{ACCOUNT}/")
    refused = anonymous.call("PUT", "/api/checkout/pub/orders", body())
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0022")
    bad_key = Client(
        client.app, {**anonymous.headers, "X-VTEX-API-AppKey": "a", "X-VTEX-API-AppToken": "b"}
    )
    assert bad_key.call("PUT", "/api/checkout/pub/orders", body()).status == 401


def test_a_seller_order_has_no_transaction(cell, client):
    order = {"MKP-1": replace(placed(), flow="seller", transaction_id=None)}
    asyncio.run(cell.ledger.place(CommandContext(ACCOUNT, "test"), order))
    answer = client.call("GET", f"{ORDERS}/MKP-1/payment-transaction")
    assert (answer.status, answer.json()["error"]["code"]) == (404, "OMS007")


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("what", ["settlement", "refunding", "cancellation"])
@pytest.mark.parametrize("value", [0, -5, 1.5, "x", None, True])
def test_a_request_needs_whole_cents(client, what, value):
    bought = Placed(client, body())
    assert bought.ask(what, value=value).status == 400


def sold_for_toys(cell, client, client_of, minutes):
    """A purchase of which another account delivers one part, and that account's client."""
    asyncio.run(open_account(cell.ledger, minutes, name="toys"))
    bought = Placed(client, body(("2", 4000, 4000), sellers=("1", "toys")))
    bought.send(card(APPROVED))
    assert bought.process().status == 204
    asyncio.run(settle(cell))
    assert bought.statuses() == ["ready-for-handling", "payment-approved"]
    return bought, client_of("Owner", "toys")


@pytest.mark.guarantee("G11")
def test_the_seller_invoices_and_the_marketplace_settles_its_order_alone(cell, client, client_of):
    bought, toys = sold_for_toys(cell, client, client_of, 0)
    (theirs,) = toys.call("GET", ORDERS).json()["list"]
    sent = toys.call("POST", f"{ORDERS}/{theirs['orderId']}/invoice", invoice("2000"))
    assert sent.status == 200, sent.body
    asyncio.run(settle(cell))
    assert bought.statuses() == ["ready-for-handling", "invoiced"]
    assert [one["value"] for one in bought.get("/settlements")["actions"]] == [2000]
    assert bought.get()["status"] == "Settling"
    nothing = toys.call("GET", f"{ORDERS}/{theirs['orderId']}/payment-transaction")
    assert nothing.status == 404
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    asyncio.run(settle(cell))
    assert bought.get()["status"] == "Finished"


@pytest.mark.guarantee("G14")
def test_the_share_of_a_canceled_order_is_released_and_no_other(cell, client, client_of):
    bought, _ = sold_for_toys(cell, client, client_of, 30)
    assert client.call("POST", f"{ORDERS}/{bought.ids[1]}/cancel", {}).status == 200
    asyncio.run(settle(cell))
    assert bought.statuses() == ["ready-for-handling", "canceled"]
    assert [one["value"] for one in bought.get("/cancellations")["actions"]] == [2000]
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    asyncio.run(settle(cell))
    assert [one["value"] for one in bought.get("/settlements")["actions"]] == [2000]
    assert bought.get()["status"] == "Finished"


def test_the_published_requests_run_as_they_stand(cell, client):
    bought = Placed(client, body(price=20000))
    bought.send(card(APPROVED))
    bought.process()
    for what, method in (
        ("additional-data", "POST"),
        ("additional-data", "PATCH"),
        ("settlement-request", "POST"),
        ("refunding-request", "POST"),
        ("cancellation-request", "POST"),
    ):
        path = f"/api/pvt/transactions/{{transactionId}}/{what}"
        (example,) = operations()[f"{method} {path}"].requests
        answer = client.call(method, f"{bought.here}/{what}", example)
        assert answer.status == 200, (what, answer.body)
    asyncio.run(settle(cell))
    fields = [
        bought.get(what)["actions"] for what in ("/settlements", "/refunds", "/cancellations")
    ]
    assert [[one["value"] for one in of_kind] for of_kind in fields] == [[10050], [2300], [2300]]
    slip = Placed(client, body(("6", 10000, 10000), price=10000))
    slip.process()
    path = "/api/payments/pvt/payments/{paymentId}/payment-notification"
    (example,) = operations()[f"POST {path}"].requests
    url = path.replace("{paymentId}", slip.payment())
    assert client.call("POST", url, example).status == 200
    assert slip.statuses() == ["payment-pending"]  # 50.10 of 100.00
    assert client.call("GET", url).status == 200
    assert slip.statuses() == ["ready-for-handling"]
