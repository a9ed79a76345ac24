"""Attempts, pause, resume, new secrets and peek of a hook, over HTTP and as commands."""

import json
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from standardwebhooks import Webhook
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app as commands
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.web import build
from projections.outbox import attempts, claims
from projections.outbox.attempts import Attempt
from tests.support import hook_deliveries
from tests.support.client import Client
from tests.support.clock import SettableClock
from tests.support.purchases import ACCOUNT
from tests.support.receiver import Receiver

EVERY = {"type": "FromWorkflow", "status": []}
MINUTE = 60_000_000


class Configured(Client):
    secret: str
    """What signs the notifications of its hook."""


@pytest.fixture
def hooked(cell, client_of):
    """A client whose hook to a receiver was pinged and has pending two notifications, one tried
    twice.
    """
    settings = replace(cell.settings, hook_allowed_networks=(ip_network("127.0.0.1/32"),))
    opened = Cell(settings, SettableClock())
    client = Configured(build(opened), client_of().headers)
    with Receiver() as receiver:
        body = {"filter": EVERY, "hook": {"url": receiver.url, "headers": {"key": "topsecret"}}}
        answer = client.call("POST", "/api/orders/hook/config", body)
        assert answer.status == 200
        client.secret = answer.header("X-Hook-Secret")
    key, now = client.headers["X-VTEX-API-AppKey"], cell.clock.micros()
    with cell.database.writing() as connection:
        orders, content = {7: "v1-01", 8: "v1-01"}, '{"State": "handling"}'
        hook_deliveries.enqueue(connection, ACCOUNT, key, orders, now - MINUTE, content)
        delivery = claims.waiting(connection, WEBHOOK, key, now, 1)[0]
        for number, outcome in enumerate(("HTTP 500", "no answer within 5 s")):
            delivery = replace(delivery, attempts=number)
            at = now - MINUTE + number
            made = Attempt(at, 1500, None, outcome, answered=False)
            attempts.record_failure(connection, delivery, made, timedelta(minutes=2))
    yield client
    opened.close()


def test_attempts_tell_when_what_how_long_and_when_again(hooked):
    fields = hooked.call("GET", "/api/ledger/hook/attempts").json()
    assert fields["next"] is None
    late, early = fields["attempts"]
    assert (early["attempt"], early["status"], early["error"]) == (1, 500, "HTTP 500")
    assert (late["attempt"], late["status"]) == (2, None)
    assert late["error"] == "no answer within 5 s"
    assert late["orderId"] == "v1-01"
    assert late["durationMs"] == 1.5
    assert late["nextAt"] > late["at"]
    page = hooked.call("GET", "/api/ledger/hook/attempts?limit=1").json()
    assert page["attempts"] == [late]
    rest = hooked.call("GET", f"/api/ledger/hook/attempts?limit=1&before={page['next']}").json()
    assert rest["attempts"] == [early]
    assert hooked.call("GET", "/api/ledger/hook/attempts?position=8").json()["attempts"] == []
    assert hooked.call("GET", "/api/ledger/hook/attempts?before=x").status == 400
    assert hooked.call("GET", "/api/ledger/hook/attempts?limit=0").status == 400


def test_a_hook_is_paused_and_resumed_and_says_how_it_is(hooked):
    state = hooked.call("GET", "/api/ledger/hook").json()
    assert (state["paused"], state["pending"], state["consecutiveFailures"]) == (False, 2, 2)
    assert hooked.call("POST", "/api/ledger/hook/pause").json()["paused"] is True
    assert hooked.call("GET", "/api/ledger/hook").json()["pausedAt"]
    resumed = hooked.call("POST", "/api/ledger/hook/resume").json()
    assert (resumed["paused"], resumed["consecutiveFailures"], resumed["pending"]) == (False, 0, 2)


def test_peek_shows_what_is_pending_and_touches_nothing(hooked):
    fields = hooked.call("GET", "/api/ledger/hook/peek?limit=1").json()
    (item,) = fields["items"]
    assert (item["position"], item["attempts"], item["notification"]) == (
        7,
        2,
        {"State": "handling"},
    )
    rest = hooked.call("GET", f"/api/ledger/hook/peek?after={fields['next']}").json()["items"]
    assert [item["position"] for item in rest] == [8]
    assert hooked.call("GET", "/api/ledger/hook").json()["pending"] == 2


@pytest.mark.guarantee("G54")
def test_a_new_secret_is_shown_once_and_the_former_signs_for_a_while(hooked):
    answer = hooked.call("POST", "/api/ledger/hook/secret", {"overlapSeconds": 60})
    secret = answer.json()["secret"]
    assert answer.header("X-Hook-Secret") == secret != hooked.secret
    assert answer.json()["previousSecretValidUntil"]
    state = hooked.call("GET", "/api/ledger/hook")
    assert state.json()["previousSecretValidUntil"]
    config = hooked.call("GET", "/api/orders/hook/config")
    for fields in (state, config):
        assert secret not in fields.body.decode()
        assert hooked.secret not in fields.body.decode()
    once = hooked.call("POST", "/api/ledger/hook/secret", {"overlapSeconds": 0})
    assert once.json()["previousSecretValidUntil"] is None
    for wrong in (-1, 1.5, "60", True, 10**9):
        answer = hooked.call("POST", "/api/ledger/hook/secret", {"overlapSeconds": wrong})
        assert answer.status == 400


def test_a_hook_that_is_deleted_is_gone_with_what_was_pending(hooked):
    assert hooked.call("DELETE", "/api/orders/hook/config").status == 200
    assert hooked.call("GET", "/api/orders/hook/config").status == 404
    assert hooked.call("GET", "/api/ledger/hook").status == 404
    assert hooked.call("DELETE", "/api/orders/hook/config").status == 404


def test_without_a_hook_there_is_nothing_to_tell(client):
    assert client.call("GET", "/api/ledger/hook").status == 404
    for place in ("pause", "resume", "secret"):
        assert client.call("POST", f"/api/ledger/hook/{place}", {}).status == 404
    assert client.call("GET", "/api/ledger/hook/attempts").json()["attempts"] == []


def test_the_commands_show_and_do_the_same(hooked, cell, monkeypatch):
    key = hooked.headers["X-VTEX-API-AppKey"]
    monkeypatch.setenv("OMS_DATABASE_URL", cell.settings.database_url)
    monkeypatch.setenv("OMS_DATA_DIR", str(cell.settings.data_dir))
    monkeypatch.setenv("OMS_MASTER_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")

    def run(*arguments):
        done = CliRunner().invoke(commands, ["hook", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    (row,) = json.loads(run("list", "--json"))
    assert (row["appKey"], row["pending"], row["paused"]) == (key, 2, False)
    made = json.loads(run("attempts", key, "--failed", "--json"))
    assert [one["attempt"] for one in made] == [2, 1]
    assert len(json.loads(run("peek", key, "--json"))) == 2
    run("pause", key)
    assert json.loads(run("list", "--json"))[0]["paused"] is True
    run("resume", key)
    assert json.loads(run("list", "--json"))[0]["paused"] is False
    secret = json.loads(run("rotate", key, "--json"))["secret"]
    assert secret.startswith("whsec_")
    for table in (("list",), ("attempts", key), ("peek", key)):
        assert run(*table)


def test_the_ping_is_signed_by_the_secret_that_signs_what_follows(cell, client_of):
    settings = replace(cell.settings, hook_allowed_networks=(ip_network("127.0.0.1/32"),))
    opened = Cell(settings, SettableClock())
    client = Configured(build(opened), client_of().headers)
    with Receiver() as receiver:
        body = {"filter": EVERY, "hook": {"url": receiver.url, "headers": {}}}
        first = client.call("POST", "/api/orders/hook/config", body)
        again = client.call("POST", "/api/orders/hook/config", body)
    assert (first.status, again.status, again.header("X-Hook-Secret")) == (200, 200, None)
    webhook = Webhook(first.header("X-Hook-Secret"))
    for headers in receiver.headers:
        assert webhook.verify('{"hookConfig": "ping"}', headers) == {"hookConfig": "ping"}
    opened.close()
