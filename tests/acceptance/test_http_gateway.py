"""The HTTP gateway against a real server that speaks the published Payments operations."""

import asyncio
import json
import logging
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from random import Random
from typing import Any

import pytest

from oms_ledger.cell import Cell
from oms_ledger.orders.events import Payment
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.gateway import (
    GatewayClosed,
    GatewayRejected,
    GatewayUnavailable,
    Outcome,
    Transaction,
)
from oms_ledger.services.payments import outbox
from oms_ledger.services.payments.http_gateway import HttpGateway
from oms_ledger.settings import Settings
from projections.accounts.gateways import RemoteGateway
from projections.outbox import messages
from tests.acceptance.test_modifications import ADD, DISCOUNT, requested
from tests.acceptance.test_order_life import ORDERS, invoice
from tests.acceptance.test_payments import (
    APPROVED,
    DENIED,
    Placed,
    body,
    card,
)
from tests.support.clock import set_clock
from tests.support.configuring import configure_gateway, remove_gateway
from tests.support.mutations import mutated
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle

LOOPBACK = (ip_network("127.0.0.0/8"),)
CARD = Payment("CARD", "2", "Visa", "creditCard", 2000, 2000)
TRANSACTION = Transaction("OURS", "v1acme", "ACME", "BRL", (CARD,), gateway_id="THEIRS")


class Gateway:
    """Does each request once, by its id; `trouble` comes after the deed, as (status, headers)."""

    def __init__(self):
        self.received, self.done, self.payments = [], {}, []
        self.trouble = []
        self.away = False
        self.status = "Approved"
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                fields = json.loads(self.rfile.read(length) or b"null")
                status, answer = gateway.answer(self.command, self.path, fields, self.headers)
                content = json.dumps(answer).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                if status == 429:
                    self.send_header("Retry-After", "7")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _answer

            def log_message(self, format, *args):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/gateway"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, fields, headers):
        self.received.append((method, path, fields, dict(headers)))
        what = path.partition("?")[0].rpartition("/")[2]
        if self.away:
            return 503, {"error": {"message": "maintenance"}}
        request_id = fields.get("requestId") if isinstance(fields, dict) else None
        if request_id:
            kept = {k: v for k, v in fields.items() if k != "requestId"}
            assert self.done.setdefault(request_id, (what, kept)) == (what, kept)
        if self.trouble:
            return self.trouble.pop(0), {"error": {"message": "trouble"}}
        if what == "payments" and method == "POST":
            self.payments = fields
            return 201, {}
        if what == "payments":
            return 200, [
                {
                    "id": one["id"],
                    "status": "Denied" if DENIED in str(one) else self.status,
                    "connectorResponse": {"Tid": f"tid-{one['id']}", "nsu": "1"},
                }
                for one in self.payments
            ]
        if what == "transactions":
            return 200, {"transactionId": "THEIRS", "id": "THEIRS"}
        if what == "authorization-request" and self.status == "elsewhere":
            return 428, {"RedirectResponseCollection": [{"redirectUrl": "https://bank"}]}
        return 200, {"token": f"T-{request_id}", "statusDetail": self.status, "message": "done"}

    def did(self, what):
        return [kept for kind, kept in self.done.values() if kind == what]


@pytest.fixture
def far():
    gateway = Gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def cell(cell, tmp_path):
    """The cell of the tests, where the operator opened the loopback addresses."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=cell.settings.database_url,
        master_key=b"k" * 32,
        hook_allowed_networks=LOOPBACK,
    )
    opened = Cell(settings, cell.clock)
    yield opened
    opened.close()


@pytest.fixture
def configured(cell, far):
    remote = RemoteGateway(ACCOUNT, far.url, "key-1", "secret-token")
    configure_gateway(cell, remote)
    return remote


def near(far, **more):
    return HttpGateway(far.url, "key-1", "secret-token", LOOPBACK, **more)


def test_an_order_is_paid_settled_and_refunded_by_the_published_operations(
    cell, configured, far, client
):
    bought = Placed(client, body(("2", 2100, 2000)))
    assert bought.send(card(APPROVED, value=2100, referenceValue=2000)).status == 201
    assert bought.process().status == 204
    order_id = bought.ids[0]
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    payment = document["paymentData"]["transactions"][0]["payments"][0]
    assert (document["status"], payment["tid"]) == ("ready-for-handling", f"tid-{payment['id']}")
    client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("2000"))
    client.call("POST", f"{ORDERS}/{order_id}/invoice", {**invoice("50", "r"), "type": "Input"})
    asyncio.run(settle(cell))
    assert far.did("settlement-request") == [{"value": 2100}]
    assert far.did("refunding-request") == [{"value": 50}]
    assert bought.get()["status"] == "Finished"
    (started,) = far.did("transactions")
    assert (started["value"], started["referenceId"]) == (2100, bought.group)
    sent = far.payments[0]
    assert (sent["fields"]["cardNumber"], sent["id"]) == (APPROVED, payment["id"])
    assert sent["transaction"] == {"id": "THEIRS", "merchantName": "ACME"}
    for method, path, _, headers in far.received:
        assert headers["X-VTEX-API-AppToken"] == "secret-token", (method, path)


ANSWERS = {
    "transactions": {"transactionId": "THEIRS", "id": "THEIRS"},
    "payments": [{"id": "CARD", "status": "Approved", "connectorResponse": {"Tid": "1"}}],
    "authorization-request": {
        "statusDetail": "Approved",
        "message": "done",
        "RedirectResponseCollection": [{"redirectUrl": "https://bank"}],
    },
    "settlement-request": {"token": "T", "statusDetail": "Approved", "ReturnCode": "0"},
}
LONGEST = 2000


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("operation", ANSWERS)
def test_whatever_is_wrong_in_an_answer_is_an_outcome_of_short_words(far, monkeypatch, operation):
    requested = {
        "transactions": lambda gateway: gateway.open(replace(TRANSACTION, gateway_id=None)),
        "payments": lambda gateway: gateway.authorize(TRANSACTION, "R"),
        "authorization-request": lambda gateway: gateway.authorize(TRANSACTION, "R"),
        "settlement-request": lambda gateway: gateway.carry_out(
            TRANSACTION, Kind.SETTLE, 2000, "R"
        ),
    }[operation]
    current: dict[str, Any] = {}

    def answer(method, path, body, headers):
        what = path.partition("?")[0].rpartition("/")[2]
        return current["status"], current["wrong"] if what == operation else ANSWERS.get(what, {})

    monkeypatch.setattr(far, "answer", answer)
    for status in (200, 428, 400, 503):
        for name, wrong in mutated(ANSWERS[operation], Random(status), 2):
            current |= {"status": status, "wrong": wrong}
            try:
                outcome = requested(near(far))
            except (GatewayClosed, GatewayRejected, GatewayUnavailable) as refusal:
                outcome = str(refusal)
            if status != 428:  # where the shopper is sent is the gateway's to say
                assert len(repr(outcome)) < LONGEST, (name, outcome)


def test_a_denial_of_the_gateway_is_recorded_and_another_card_tried(cell, configured, far, client):
    bought = Placed(client, body())
    bought.send(card(DENIED))
    assert bought.process().status == 500
    bought.send(card(APPROVED))
    assert bought.process().status == 204
    assert len(far.did("authorization-request")) == 2


def test_the_gateway_sends_the_shopper_elsewhere(cell, configured, far, client):
    far.status = "elsewhere"
    bought = Placed(client, body())
    away = bought.process()
    assert away.status == 428
    assert away.json()["RedirectResponseCollection"] == [{"redirectUrl": "https://bank"}]
    far.status = "Approved"
    assert bought.process().status == 204
    assert bought.statuses() == ["ready-for-handling"]


def test_a_pending_payment_waits_for_the_connector(cell, configured, far, client):
    far.status = "Authorizing"
    bought = Placed(client, body(("125", 2000, 2000)))
    assert bought.process().status == 204
    assert bought.statuses() == ["payment-pending"]
    assert bought.get("/payments")[0]["tid"].startswith("tid-")
    url = f"/api/payments/pvt/payments/{bought.payment()}/payment-notification"
    assert client.call("GET", url).status == 200
    assert bought.statuses() == ["ready-for-handling"]


@pytest.mark.guarantee("G5")
def test_an_authorization_whose_answer_was_lost_is_sent_again_with_the_same_id(
    cell, configured, far, client
):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    far.trouble = [200, 502]  # it knows the payments, authorizes, and nobody hears it
    lost = bought.process()
    assert (lost.status, lost.json()["error"]["code"]) == (503, "CHK0076")
    assert bought.statuses() == [None]
    assert bought.process().status == 204
    assert len(far.did("authorization-request")) == 1
    names = [row.name for row in cell.store.stream(f"{ACCOUNT}/{bought.ids[0]}")]
    assert names.count("payment-authorized") == names.count("authorization-requested") == 1


@pytest.mark.guarantee("G14")
def test_money_that_was_authorized_without_an_answer_is_released(cell, configured, far, client):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    far.trouble = [200, 502]
    assert bought.process().status == 503
    set_clock(cell, cell.clock.now() + timedelta(minutes=6))
    asyncio.run(settle(cell))
    assert far.did("cancellation-request") == [{"value": 2000}]


@pytest.mark.guarantee("G23")
@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_a_gateway_that_cannot_answer_is_called_again_with_the_same_id(
    cell, configured, far, client, status
):
    set_clock(cell, cell.clock.now())  # however long it takes, nothing falls due again
    bought = Placed(client, body())
    bought.process()
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    far.trouble = [status]
    asyncio.run(settle(cell))
    with cell.database.snapshot() as connection:
        (pending,) = messages.listed(connection, state=messages.WAITING)
    assert str(status) in pending.last_error
    asyncio.run(outbox.carry_out(cell, pending))
    assert far.did("settlement-request") == [{"value": 2000}]
    requested = [
        fields for _, path, fields, _ in far.received if path.endswith("settlement-request")
    ]
    assert len(requested) == 2
    assert requested[0] == requested[1]
    assert bought.get()["status"] == "Finished"


@pytest.mark.guarantee("G45")
@pytest.mark.parametrize("status", [302, 400, 401, 404])
def test_what_the_gateway_refuses_is_visible(cell, configured, far, client, status):
    bought = Placed(client, body())
    bought.process()
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    far.trouble = [status]
    asyncio.run(settle(cell))
    document = client.call("GET", f"{ORDERS}/{bought.ids[0]}").json()
    assert document["workflowIsInError"] is True
    assert "PaymentRequestFailed" in [one["Status"] for one in bought.get("/interactions")]


def test_orders_whose_money_the_built_in_gateway_has_do_not_go_to_another(cell, far, client):
    bought = Placed(client, body())
    bought.process()
    remote = RemoteGateway(ACCOUNT, far.url, "key-1", "secret-token")
    configure_gateway(cell, remote)
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice("2000"))
    asyncio.run(settle(cell))
    assert far.received == []
    assert bought.get()["status"] == "Finished"


def test_a_purchase_that_was_begun_with_a_gateway_is_not_finished_by_another(
    cell, configured, far, client
):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    remove_gateway(cell, ACCOUNT)
    refused = bought.process()
    assert (refused.status, refused.json()["error"]["code"]) == (500, "CHK0206")
    assert bought.statuses() == [None]
    configure_gateway(cell, configured)
    assert bought.process().status == 204


@pytest.mark.guarantee("G26")
@pytest.mark.parametrize(
    ("change", "total", "released"), [(ADD, 2500, []), (DISCOUNT, 1900, [{"value": 100}])]
)
def test_a_changed_order_is_settled_at_its_new_value_to_the_cent(
    cell, configured, far, client, change, total, released
):
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    bought.process()
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/start-handling")
    requested(client, bought.ids[0], **change)
    asyncio.run(settle(cell))
    client.call("POST", f"{ORDERS}/{bought.ids[0]}/invoice", invoice(str(total)))
    asyncio.run(settle(cell))
    assert bought.statuses() == ["invoiced"]
    assert far.did("settlement-request") == [{"value": total}]
    assert far.did("cancellation-request") == released
    assert (bought.get()["status"], bought.get()["value"]) == ("Finished", total)


def test_a_higher_value_is_one_more_payment_and_a_lower_one_a_cancellation(far):
    gateway = near(far)
    assert gateway.adjust(TRANSACTION, 500, "MORE").token == "T-MORE"
    assert (far.payments[0]["id"], far.payments[0]["value"]) == ("MORE", 500)
    assert gateway.adjust(TRANSACTION, -300, "LESS").token == "T-LESS"
    assert far.did("cancellation-request") == [{"value": 300}]
    far.status = "Denied"
    with pytest.raises(GatewayRejected):
        gateway.adjust(TRANSACTION, 100, "NO")


@pytest.mark.guarantee("G23")
@pytest.mark.parametrize("word", ["Authorizing", ""])
def test_a_higher_value_that_is_not_decided_yet_is_requested_again_and_is_no_refusal(far, word):
    gateway = near(far)
    far.status = word
    with pytest.raises(GatewayUnavailable):
        gateway.adjust(TRANSACTION, 500, "MORE")
    far.status = "Approved"
    assert gateway.adjust(TRANSACTION, 500, "MORE").token == "T-MORE"
    assert len(far.did("authorization-request")) == 1


def test_what_a_gateway_says_of_a_payment(far):
    gateway = near(far)
    words = {"Approved": "approved", "Authorizing": "pending", "Denied": "denied", "": "pending"}
    for word, outcome in words.items():
        far.status = word
        result = gateway.authorize(TRANSACTION, f"R{word}")
        assert result.answers["CARD"].outcome is Outcome(outcome)


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "https://169.254.169.254/", "http://localhost:1/", "ftp://x/"]
)
def test_the_gateway_connects_to_no_address_that_is_not_opened(url):
    closed = HttpGateway(url, "k", "t", ())
    with pytest.raises((GatewayRejected, GatewayUnavailable)):
        closed.carry_out(TRANSACTION, Kind.SETTLE, 1, "R")


@pytest.mark.guarantee("G52")
def test_a_name_that_leads_inside_is_not_connected_to(far, monkeypatch):
    import socket

    requested = []
    real = socket.getaddrinfo

    def resolve(host, port, *args, **named):
        requested.append(host)
        return real("127.0.0.1" if host == "pay.example.com" else host, port, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = far.url.replace("http://127.0.0.1", "https://pay.example.com")
    with pytest.raises(GatewayUnavailable):
        HttpGateway(url, "k", "t", ()).carry_out(TRANSACTION, Kind.SETTLE, 1, "R")
    assert requested == ["pay.example.com"]
    assert far.received == []


def test_a_gateway_that_answers_nonsense_or_nothing_is_away_or_harmless(far):
    far.away = True
    with pytest.raises(GatewayUnavailable) as away:
        near(far).carry_out(TRANSACTION, Kind.SETTLE, 1, "R")
    assert "maintenance" in str(away.value)
    far.away = False
    far.trouble = [429]
    with pytest.raises(GatewayUnavailable) as away:
        near(far).carry_out(TRANSACTION, Kind.SETTLE, 1, "R")
    assert away.value.after.total_seconds() == 7
    nobody = HttpGateway("http://127.0.0.1:1/", "k", "t", LOOPBACK)
    with pytest.raises(GatewayUnavailable):
        nobody.carry_out(TRANSACTION, Kind.SETTLE, 1, "R")


@pytest.mark.guarantee("G54")
def test_secrets_and_cards_are_in_no_error_log_or_table(cell, configured, far, client, caplog):
    caplog.set_level(logging.DEBUG)
    bought = Placed(client, body())
    far.trouble = [400]
    failed = bought.send(card(APPROVED))
    assert failed.status == 500
    assert bought.send(card(APPROVED)).status == 201
    bought.process()
    with cell.database.snapshot() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM gateways").all()
        keys = connection.exec_driver_sql("SELECT * FROM unique_keys").all()
    bodies = [row.body for row in cell.store.page(0)]
    for fields in (caplog.text, str(failed.body), str(stored), str(keys), str(bodies)):
        assert "secret-token" not in fields
        assert APPROVED not in fields
    assert "secret-token" not in repr(configured)
    assert "secret-token" not in repr(near(far))
