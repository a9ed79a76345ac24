"""Triggers of documents and orders: what fires them, and what they do to real endpoints."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import update

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.masterdata import orders
from oms_ledger.settings import AllowedNetwork
from projections.masterdata.orders import Narrowed
from projections.outbox import attempts
from projections.outbox.tables import outbox_messages
from tests.acceptance.test_order_life import ORDERS, invoice, paid, place
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT
from tests.support.receiver import Receiver
from tests.support.run_until_idle import make_runs, settle
from tests.support.smtp_sink import SmtpSink

BASE = "/api/dataentities"
OPEN = AllowedNetwork(ip_network("127.0.0.1/32"))


@pytest.fixture
def opened(cell):
    """The cell with loopback addresses open."""
    settings = replace(cell.settings, hook_allowed_networks=(OPEN,))
    object.__setattr__(cell, "settings", settings)
    return cell


def schema(client, triggers, entity="E", name="v1", **more):
    body = {"properties": {}, "v-triggers": triggers, **more}
    return client.call("PUT", f"{BASE}/{entity}/schemas/{name}", body)


def http(url, **action):
    return {"type": "http", "uri": url, "body": {"id": "{!id}"}, **action}


def save(client, document_id, body, entity="E"):
    return client.call("PUT", f"{BASE}/{entity}/documents/{document_id}", body).status


def runs(client, trigger="t", entity="E", query="", name="v1"):
    url = f"/api/ledger/masterdata/{entity}/triggers/{name}/{trigger}/runs{query}"
    return client.call("GET", url).json()


def settled(cell):
    asyncio.run(settle(cell))


def test_saved_document_is_sent_with_its_values(client, opened):
    secret = client.call("POST", "/api/ledger/masterdata/trigger-secret").json()["secret"]
    assert secret.startswith("whsec_")
    with Receiver() as receiver:
        body = {
            "all": "{!o}",
            "text": "Hi {!name} {!missing}{firstName}",
            "n": "{!o.n[1]}",
            "x": "{!y}",
        }
        action = http(receiver.url, headers={"x-key": "k-{!name}"}, body=body)
        assert (
            schema(client, [{"name": "t", "condition": "state=new", "action": action}]).status
            == 200
        )
        document = {"state": "new", "name": "{!o}", "o": {"n": [1, 2.5]}}
        assert save(client, "1", document) == 204
        assert save(client, "2", {"state": "old"}) == 204
        settled(opened)
        (result,) = receiver.received
        assert result == {
            "all": {"n": [1, 2.5]}, "text": "Hi {!o} {firstName}", "n": 2.5, "x": None,
        }  # fmt: skip
        headers = receiver.headers[0]
        assert headers["content-type"] == "application/json"
        assert headers["x-key"] == "k-{!o}"
        (run,) = runs(client)
        assert headers["webhook-id"] == run["id"]
        assert headers["webhook-signature"].startswith("v1,")
        assert (run["state"], run["document"], run["attempts"][0]["status"]) == ("done", "1", 200)
        assert run["request"]["headers"] == {"x-key": "***"}
        assert save(client, "1", document) == 304
        settled(opened)
        assert len(receiver.received) == 1


@pytest.mark.guarantee("G72")
def test_failing_runs_are_retried_under_one_id_and_then_dead(client, opened):
    clock = set_clock(opened, datetime(2026, 1, 1, tzinfo=UTC))
    with Receiver(lambda at: 200 if at > 3 else 500) as receiver:
        retry = {"times": 2, "delay": {"addMinutes": 30}}
        schema(client, [{"name": "t", "action": http(receiver.url), "retry": retry}])
        save(client, "1", {"a": 1})
        settled(opened)
        assert (len(receiver.requested), runs(client)[0]["state"]) == (1, "waiting")
        save(client, "1", {"a": 2})
        settled(opened)
        assert len(receiver.requested) == 1  # the second waits for the first
        clock.at += timedelta(minutes=31)
        settled(opened)
        second, first = runs(client)
        assert (first["state"], second["state"]) == ("dead", "waiting")
        clock.at += timedelta(minutes=31)
        settled(opened)
        assert runs(client)[0]["state"] == "done"
        ids = [headers["webhook-id"] for headers in receiver.headers]
        assert ids == [first["id"]] * 2 + [second["id"]] * 2
        url = f"/api/ledger/masterdata/E/triggers/v1/t/runs/{first['id']}/requeue"
        assert client.call("POST", url).status == 202
        settled(opened)
        assert [run["state"] for run in runs(client)] == ["done", "done"]
        (fields,) = client.call("GET", "/api/ledger/masterdata/E/triggers").json()
        assert fields["runs"]["done"] == 2


@pytest.mark.guarantee("G52")
def test_forbidden_addresses_are_dead_at_once(client, cell):
    for at, url in enumerate(
        ("https://169.254.169.254/", "http://localhost/", "file:///etc/passwd")
    ):
        assert schema(client, [{"name": "t", "action": http(url)}], f"E{at}").status == 200
        save(client, "1", {}, f"E{at}")
    settled(cell)
    for at in range(3):
        (run,) = runs(client, entity=f"E{at}")
        assert (run["state"], run["error"]) == (
            "dead",
            "Unable to check address / Only https scheme is accepted",
        )


def test_line_breaks_in_headers_are_dead(client, opened):
    with Receiver() as receiver:
        schema(client, [{"name": "t", "action": http(receiver.url, headers={"x": "{!v}"})}])
        save(client, "1", {"v": "a\r\nb: c"})
        settled(opened)
        assert runs(client)[0]["state"] == "dead"
        assert receiver.requested == []


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        *[
            (one, "this header is set by the sender itself")
            for one in ("Host", "content-length", "Transfer-Encoding", "connection", "expect")
        ],
        ("Webhook-Id", "this header is set by the sender itself"),
        ("a b", "this is no header name"),
        ("", "this is no header name"),
        ("x:", "this is no header name"),
        ("é", "this is no header name"),
    ],
)
def test_headers_of_the_connection_are_nobodys_to_set(client, name, why):
    answer = schema(
        client, [{"name": "t", "action": http("https://x.example", headers={name: "1"})}]
    )
    assert answer.status == 400
    assert answer.json() == {"Message": f"Trigger 't': action.headers.{name}: {why}"}


def test_values_of_headers_are_sent_without_blanks_around_them(client, opened):
    with Receiver() as receiver:
        headers = {"x-name": " {!v} ", "Content-Type": "application/json;charset=utf-8"}
        schema(client, [{"name": "t", "action": http(receiver.url, headers=headers)}])
        save(client, "1", {"v": "a b"})
        settled(opened)
        assert receiver.headers[0]["x-name"] == "a b"
        assert receiver.headers[0]["content-type"] == "application/json;charset=utf-8"


def test_saves_by_triggers_chain_and_end(client, cell):
    copy = {"type": "save", "dataEntity": "E", "json": {"id": "1", "n": "{!n}", "m": "{!m}x"}}
    schema(client, [{"name": "t", "action": copy}])
    save(client, "1", {"n": 7, "m": ""})
    settled(cell)
    fields = client.call("GET", f"{BASE}/E/documents/1?_fields=_all").json()
    assert (fields["n"], fields["m"]) == (7, "x" * 8)
    assert fields["updatedBy"] == "trigger:E/v1/t"
    states = [run["state"] for run in runs(client)]
    assert states == ["dead"] + ["done"] * 8
    assert runs(client)[0]["error"] == "Trigger chain is longer than 8"


def test_save_makes_entities_and_counts_no_change_as_done(client, cell):
    action = {"type": "save", "dataEntity": "copy", "json": {"from": "{!id}", "whole": "{!o}"}}
    schema(client, [{"name": "t", "action": action}])
    save(client, "1", {"o": {"a": [1]}})
    settled(cell)
    (fields,) = client.call("GET", f"{BASE}/copy/search?_fields=from,whole").json()
    assert fields == {"from": "1", "whole": {"a": [1]}}


def test_run_at_waits_and_deleted_documents_are_skipped(client, opened):
    clock = set_clock(opened, datetime(2026, 1, 31, 8, tzinfo=UTC))
    with Receiver() as receiver:
        when = {"dateTime": "{!at}", "increment": {"addMonths": 1}}
        schema(client, [{"name": "t", "runAt": when, "action": http(receiver.url)}])
        save(client, "1", {"at": "2026-01-31T10:00:00Z"})
        save(client, "2", {"at": "2026-01-31T10:00:00Z"})
        save(client, "3", {"at": "soon"})
        client.call("DELETE", f"{BASE}/E/documents/2")
        settled(opened)
        assert receiver.requested == []
        assert runs(client)[0]["attempts"][0]["error"] == "runAt: 'at' is no date"
        clock.at = datetime(2026, 2, 28, 10, 0, 1, tzinfo=UTC)
        settled(opened)
        assert len(receiver.requested) == 1
        states = {run["document"]: run["state"] for run in runs(client)}
        assert (states["1"], states["2"]) == ("done", "skipped")


def test_one_arm_runs_by_weight(client, opened):
    with Receiver() as receiver:
        arms = [
            {
                "name": name,
                "weight": weight,
                "action": http(receiver.url, body={"arm": name, "id": "{!id}"}),
            }
            for name, weight in (("a", 50), ("b", 50), ("never", 0))
        ]
        schema(client, arms)
        for at in range(20):
            save(client, str(at), {"x": 1})
            save(client, str(at), {"x": 2})
        settled(opened)
        fields: dict[str, Any] = {}
        for result in receiver.received:
            fields.setdefault(result["id"], set()).add(result["arm"])
        assert len(receiver.received) == 40
        assert all(len(one) == 1 for one in fields.values())
        assert {arm for one in fields.values() for arm in one} == {"a", "b"}


def test_triggers_that_are_gone_cancel_what_waits(client, opened):
    set_clock(opened, datetime(2026, 1, 1, tzinfo=UTC))
    later = {"dateTime": "now", "increment": {"addDays": 1}}
    trigger = {"name": "t", "runAt": later, "action": http("https://example.com")}
    schema(client, [trigger])
    save(client, "1", {})
    asyncio.run(make_runs(opened))
    assert runs(client)[0]["state"] == "waiting"
    schema(client, [{**trigger, "active": False}])
    asyncio.run(make_runs(opened))
    assert runs(client)[0]["state"] == "cancelled"
    save(client, "2", {})
    asyncio.run(make_runs(opened))
    assert len(runs(client)) == 1


def test_dry_run_tells_and_sends_nothing(client, opened):
    with Receiver() as receiver:
        schema(
            client, [{"name": "t", "condition": "a=1", "action": http(receiver.url, body="{!a}")}]
        )
        url = "/api/ledger/masterdata/E/triggers/v1/t/dry-run"
        fields = client.call("POST", url, {"document": {"a": 1}}).json()
        assert (fields["condition"], fields["fires"], fields["action"]["body"]) == (True, True, 1)
        assert client.call("POST", url, {"document": {"a": 2}}).json()["fires"] is False
        assert client.call("POST", url, {"document": "none"}).status == 404
        settled(opened)
        assert receiver.requested == []


# Orders


@pytest.mark.guarantee("G72")
def test_order_that_becomes_invoiced_is_sent_once(client, opened):
    with Receiver() as receiver:
        body = {
            "order": "{!orderId}",
            "to": "{!order.clientProfiledata.email}",
            "value": "{!value}",
            "lines": "{!items}",
            "note": "Order {!orderId} of {!clientProfileData.firstName}",
        }
        trigger = {
            "name": "tell-erp",
            "condition": "status=invoiced",
            "action": http(receiver.url, body=body),
        }
        answer = client.call(
            "PUT", f"{BASE}/orders/schemas/erp", {"properties": {}, "v-triggers": [trigger]}
        )
        assert answer.status == 200
        order_id = paid(client)
        for what, sent in (("start-handling", {}), ("invoice", invoice())):
            assert client.call("POST", f"{ORDERS}/{order_id}/{what}", sent).status in (200, 204)
        url = f"{ORDERS}/{order_id}/invoice/1/tracking"
        client.call("PUT", url, {"isDelivered": False, "events": []})
        settled(opened)
        document = client.call("GET", f"{ORDERS}/{order_id}").json()
        (result,) = receiver.received
        assert result["order"] == order_id
        assert result["value"] == document["value"]
        assert isinstance(result["lines"], list)
        assert result["to"]
        assert result["note"] == f"Order {order_id} of {document['clientProfileData']['firstName']}"
        (run,) = runs(client, "tell-erp", "orders", name="erp")
        assert run["state"] == "done"


def test_orders_are_read_only_documents(client, cell):
    order_id = paid(client)
    fields = client.call("GET", f"{BASE}/orders/documents/{order_id}?_fields=_all").json()
    assert (fields["id"], fields["orderId"], fields["createdIn"]) == (
        order_id,
        order_id,
        fields["creationDate"],
    )
    (found,) = client.call(
        "GET", f"{BASE}/orders/search?_where=status=ready-for-handling&_fields=id"
    ).json()
    assert found == {"id": order_id}
    assert client.call("GET", f"{BASE}/orders/search?_where=status=invoiced").json() == []
    for method, path in (
        ("POST", "documents"), ("PUT", "documents/1"), ("PATCH", "documents/1"),
        ("DELETE", "documents/1"), ("PUT", "indices"),
    ):  # fmt: skip
        answer = client.call(method, f"{BASE}/orders/{path}", {"name": "x", "fields": "a"})
        assert (answer.status, answer.json()) == (403, {"Message": "orders is read only"})
    body = {"properties": {}, "v-security": {"publicRead": ["id"]}}
    assert client.call("PUT", f"{BASE}/orders/schemas/v1", body).status == 400


def test_an_orders_versions_are_what_it_was_after_each_event(client, cell):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling", {})
    url = f"{BASE}/orders/documents/{order_id}/versions"
    found = client.call("GET", f"{url}?load=true&fields=status,value").json()
    assert [len(one["id"]) for one in found] == [32] * len(found)
    statuses = [one["document"]["status"] for one in found]
    assert (statuses[0], statuses[-1]) == ("handling", None)
    assert "payment-approved" in statuses
    assert list(client.call("GET", url).json()[0]) == ["id", "date"]
    first = client.call("GET", f"{url}/{found[-1]['id']}").json()
    assert (first["id"], first["document"]["id"]) == (found[-1]["id"], order_id)
    assert first["author"] == client.headers["X-VTEX-API-AppKey"]
    assert client.call("GET", f"{url}/none").status == 404
    assert client.call("GET", f"{BASE}/orders/documents/none/versions").json() == []
    assert client.call("PUT", f"{url}/{found[-1]['id']}").status == 403


def choose(cell, **settings):
    changed = [AccountSettingsChanged(settings)]
    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lambda _: changed))


def test_masking_accounts_show_an_order_for_a_reason_that_is_recorded(client, cell):
    order_id = paid(client)
    choose(cell, pii=True)
    url = f"{BASE}/orders/documents/{order_id}"
    name, fields = "clientProfileData.firstName", "?_fields=clientProfileData.firstName"
    hidden = client.call("GET", f"{url}{fields}").json()["clientProfileData"]["firstName"]
    shown = client.call("GET", f"{url}{fields}&reason=fraud").json()["clientProfileData"]
    assert "*" in hidden
    assert "*" not in shown["firstName"]
    loaded = f"{url}/versions?load=true&fields={name}"
    assert "*" in repr(client.call("GET", loaded).json())
    assert "*" not in repr(client.call("GET", f"{loaded}&reason=fraud").json())
    events = client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["events"]
    reasons = [one["data"] for one in events if one["name"] == "personal-data-disclosed"]
    assert [one["reason"] for one in reasons] == ["fraud", "fraud"]


SEARCHES = {
    "status=ready-for-handling": "a",
    "state=READY-FOR-HANDLING": "a",
    "order.status=ready-for-handling": "a",
    "status is null": "b",
    "status is not null": "a",
    "status is null OR status=ready-for-handling": "ab",
    "createdIn>2020-01-01 AND createdIn<2100-01-01": "ab",
    "creationDate<=2020-01-01": "",
    "creationDate between 2020-01-01 AND 2100-01-01": "ab",
    "authorizedDate is null": "b",
    "value=2000": "ab",
    "value<>2000": "",
    "value>1999.5 AND value<2000.5": "ab",
    "value between 1 AND 2": "",
    "clientProfileData.email=*@nowhere": "",
    "id={a}": "a",
    "orderId={A}": "a",
    "salesChannel=1 AND status is null": "b",
    "items.quantity=1 AND status is null": "b",
    "status=on-order-completed OR items.quantity=1": "ab",
}


@pytest.mark.guarantee("G73")
def test_orders_are_found_by_their_view_as_one_by_one(client, cell, monkeypatch):
    a = paid(client)
    b = place(client).json()["orders"][0]["orderId"]

    def found(where):
        where = where.replace("{a}", a).replace("{A}", a.upper())
        query = f"_where={quote(where)}&_fields=id&_sort=createdIn"
        ids = [one["id"] for one in client.call("GET", f"{BASE}/orders/search?{query}").json()]
        return "".join({a: "a", b: "b"}[one] for one in ids)

    assert {where: found(where) for where in SEARCHES} == SEARCHES
    monkeypatch.setattr(orders, "narrowed", lambda account, condition: Narrowed())
    assert {where: found(where) for where in SEARCHES} == SEARCHES


def test_what_the_view_says_of_orders_loads_none_of_them(client, cell, monkeypatch):
    paid(client)
    monkeypatch.setattr(orders, "_evaluated", None)
    for where in ("status=ready-for-handling", "createdIn>2020-01-01", "value>1"):
        query = f"_where={quote(where)}&_sort=creationDate%20DESC&_fields=status"
        answer = client.call("GET", f"{BASE}/orders/search?{query}")
        assert answer.json() == [{"status": "ready-for-handling"}]
        assert answer.header("rest-content-range") == "resources 0-1/1"


def test_orders_older_than_the_account_lets_be_seen_are_not_found(client, cell):
    order_id = paid(client)
    choose(cell, order_access_days=1)
    set_clock(cell, cell.clock.now() + timedelta(days=2))
    assert client.call("GET", f"{BASE}/orders/documents/{order_id}").status == 404
    assert client.call("GET", f"{BASE}/orders/documents/{order_id}/versions").json() == []
    assert client.call("GET", f"{BASE}/orders/search").json() == []


@pytest.mark.guarantee("G72")
def test_conditions_on_orders_take_the_guides_spellings(client, opened):
    with Receiver() as receiver:
        conditions = {
            "alias": "status=order-completed",
            "prefix": "order.status=handling AND order.value>0",
            "never": "status=devolucao-completed",
        }
        triggers = [
            {"name": name, "condition": condition, "action": http(receiver.url, body={"by": name})}
            for name, condition in conditions.items()
        ]
        assert schema(client, triggers, "orders").status == 200
        order_id = paid(client)
        client.call("POST", f"{ORDERS}/{order_id}/start-handling", {})
        settled(opened)
        assert sorted(one["by"] for one in receiver.received) == ["alias", "prefix"]


def test_a_dead_run_about_an_order_is_a_task_until_it_is_made_again(client, opened):
    with Receiver(lambda at: 500 if at in (1, 2) else 200) as receiver:
        once = {"times": 1}
        trigger = {"name": "t", "condition": "status=handling", "retry": once}
        schema(client, [{**trigger, "action": http(receiver.url)}], "orders")
        schema(client, [{"name": "t", "retry": once, "action": http("file:///x")}])
        order_id = paid(client)
        client.call("POST", f"{ORDERS}/{order_id}/start-handling", {})
        save(client, "1", {})  # is about no order
        settled(opened)

        def tasks():
            found = client.call("GET", "/api/do/tasks?q=trigger").json()["items"]
            return [(one["name"], one["target"][0]["id"], one["status"]) for one in found]

        assert tasks() == [("oms.triggerDead", order_id, "Open")]
        (run,) = runs(client, entity="orders")
        again = f"/api/ledger/masterdata/orders/triggers/v1/t/runs/{run['id']}/requeue"
        for status in ("Open", "Closed"):  # dead once more, then done
            assert client.call("POST", again).status == 202
            assert tasks() == [("oms.triggerDead", order_id, "Closed")]
            settled(opened)
            assert tasks() == [("oms.triggerDead", order_id, status)]


def test_a_task_about_a_dead_run_is_written_with_its_end_or_not(client, opened, monkeypatch):
    def give_claim_away(at):
        if at == 1:  # a worker that was held up: its message is another's by now
            with opened.database.writing() as connection:
                connection.execute(update(outbox_messages).values(claim="other", claimed_until=0))
        return 500

    def state():
        asyncio.run(make_runs(opened))
        (run,) = runs(client, entity="orders")
        found = client.call("GET", f"/api/do/tasks?q=trigger&target.id={order_id}").json()
        return run["state"], [one["status"] for one in found["items"]]

    with Receiver(give_claim_away) as receiver:
        trigger = {"name": "t", "condition": "status=handling", "retry": {"times": 1}}
        schema(client, [{**trigger, "action": http(receiver.url)}], "orders")
        order_id = paid(client)
        settled(opened)  # from here on the run is all that is sent
        client.call("POST", f"{ORDERS}/{order_id}/start-handling", {})
        assert state() == ("waiting", [])
        with monkeypatch.context() as patched:
            patched.setattr(attempts, "_recipient_did", _refuse)  # the record is not written
            with pytest.raises(DatabaseAway):
                asyncio.run(make_runs(opened))
        with opened.database.writing() as connection:
            connection.execute(update(outbox_messages).values(claimed_until=0))
        assert state() == ("dead", ["Open"])
        assert len(receiver.requested) == 3


class DatabaseAway(Exception):
    """The database went before it had committed."""


def _refuse(*_: object) -> None:
    raise DatabaseAway


# Mail


def mailing(cell, sink=None, **more):
    settings = replace(
        cell.settings, smtp_url=sink and sink.url, mail_from="Store <store@example.com>", **more
    )
    object.__setattr__(cell, "settings", settings)


@pytest.mark.guarantee("G75")
def test_mail_goes_out_once_with_escaped_values(client, cell):
    with SmtpSink() as sink:
        mailing(cell, sink)
        action = {
            "type": "email",
            "to": ["{!email}", "Ops <ops@example.com>"],
            "bcc": ["hidden@example.com"],
            "subject": "Olá {!name} 🎉",
            "body": "<p>Hi {!name}</p>",
            "from": {"email": "from@example.com", "name": "{!name}"},
            "replyTo": "reply@example.com",
        }
        schema(client, [{"name": "t", "action": action}])
        save(client, "1", {"email": "ana@example.com", "name": "Ana <b>"})
        settled(cell)
        (mail,) = sink.mails
        assert mail.recipients == ["ana@example.com", "ops@example.com", "hidden@example.com"]
        message = mail.message
        assert message["Subject"] == "Olá Ana <b> 🎉"
        assert "from@example.com" in message["From"]
        assert message["Reply-To"] == "reply@example.com"
        assert message["Auto-Submitted"] == "auto-generated"
        assert "hidden" not in mail.raw
        (run,) = runs(client)
        assert message["Message-ID"] == f"<{run['id']}@example.com>"
        html = message.get_body(("html",)).get_content()
        assert "<p>Hi Ana &lt;b&gt;</p>" in html
        assert "Hi Ana <b>" in message.get_body(("plain",)).get_content()


def test_mail_off_is_recorded_and_bad_mails_are_dead(client, cell):
    action = {"type": "email", "to": "{!email}", "subject": "{!s}", "body": "x"}
    schema(client, [{"name": "t", "action": action}])
    for at, body in enumerate(
        (
            {"email": "ana@example.com"},
            {"email": "a@example.com\r\nBcc: b@example.com"},
            {"email": "a@example.com", "s": "x\r\ny: z"},
            {"email": ""},
            {"email": ",".join(f"a{n}@example.com" for n in range(51))},
        )
    ):
        save(client, str(at), body)
    settled(cell)
    fields = {run["document"]: (run["state"], run["error"]) for run in runs(client)}
    assert fields["0"] == ("done", "recorded, not sent")
    assert {state for document, (state, _) in fields.items() if document != "0"} == {"dead"}


def test_smtp_codes_decide_whether_it_is_tried_again(client, cell):
    clock = set_clock(cell, datetime(2026, 1, 1, tzinfo=UTC))
    with SmtpSink(answers=["451 later", "250 ok", "550 no"]) as sink:
        mailing(cell, sink)
        schema(
            client, [{"name": "t", "action": {"type": "email", "to": "a@example.com", "body": "x"}}]
        )
        save(client, "1", {})
        settled(cell)
        assert runs(client)[0]["state"] == "waiting"
        clock.at += timedelta(minutes=11)
        settled(cell)
        assert runs(client)[0]["state"] == "done"
        save(client, "2", {})
        settled(cell)
        assert runs(client)[0]["state"] == "dead"


def test_template_mails_are_filled_in(client, cell):
    url = "/api/ledger/mail-templates/welcome"
    template = {
        "subject": "Hi {{name}}",
        "html": "<b>{{name}}</b>{{#each items}}{{this}},{{/each}}",
    }
    assert client.call("PUT", url, template).status == 204
    assert client.call("GET", url).json() == template
    assert client.call("PUT", url, {"subject": "", "html": "{{#if a}}"}).status == 400
    with SmtpSink() as sink:
        mailing(cell, sink)
        action = {
            "type": "t-email",
            "template": "welcome",
            "to": ["a@example.com"],
            "body": {"name": "{!name}", "items": "{!items}"},
        }
        schema(client, [{"name": "t", "action": action}])
        save(client, "1", {"name": "A&B", "items": [1, 2]})
        settled(cell)
        (mail,) = sink.mails
        assert mail.message["Subject"] == "Hi A&B"
        html = mail.message.get_body(("html",)).get_content().strip()
        assert html == "<b>A&amp;B</b>1,2,"
        assert client.call("DELETE", url).status == 204
        assert client.call("GET", url).status == 404
        save(client, "2", {"name": "x"})
        settled(cell)
        assert runs(client)[0]["state"] == "dead"


@pytest.mark.guarantee("G52")
def test_mails_go_out_by_the_accounts_own_server(client, opened):
    def configured(name, url):
        answer = client.call("PATCH", "/api/ledger/account", {f"mail_provider_{name}": url})
        assert answer.status == 200, answer.body
        names = {one["name"]: one["value"] for one in answer.json()["settings"]}
        return names.get(f"mail_provider_{name}")

    with SmtpSink() as sink:
        mailing(opened)  # the deployment has none
        assert configured("own", sink.url) == sink.url
        assert configured("inside", "smtp://ana:s3cret@10.0.0.1") == "smtp://***@10.0.0.1"
        names = ("own", "inside", "none", "default", "{!by}")
        for name in names:
            mail = {"type": "email", "to": "a@example.com", "subject": f"by {name}", "body": "x"}
            trigger = {"name": "t", "action": {**mail, "provider": name}, "retry": {"times": 1}}
            assert schema(client, [trigger], name.strip("{!}")).status == 200
            save(client, "1", {"by": "own"}, name.strip("{!}"))
        settled(opened)
        ends = {name: runs(client, entity=name.strip("{!}"))[0] for name in names}
        assert sorted(mail.message["Subject"] for mail in sink.mails) == ["by own", "by own"]
        states = {name: (run["state"], run["error"]) for name, run in ends.items()}
        assert states == {
            "own": ("done", None),
            "{!by}": ("done", None),
            "default": ("done", "recorded, not sent"),
            "inside": ("dead", "The mail server's address may not be connected to"),
            "none": ("dead", f"There is no mail provider 'none' in the account {ACCOUNT}"),
        }
        assert configured("own", "") is None
        save(client, "2", {"by": "own"}, "own")
        settled(opened)
        assert runs(client, entity="own")[0]["state"] == "dead"
    shown = client.call("GET", "/api/ledger/account/events").body
    assert b"s3cret" not in shown


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("mail_provider_default", "smtp://x"),
        ("mail_provider_", "smtp://x"),
        ("mail_provider_a b", "smtp://x"),
        ("mail_provider_a", "http://x"),
        ("mail_provider_a", "smtp://"),
        ("mail_provider_a", "smtp://x:99999"),
        ("mail_provider_a", "smtp://x?starttls=required&x=1"),
        ("mail_provider_a", "smtp://x\r\ny"),
    ],
)
def test_mail_servers_of_another_form_are_refused(client, name, url):
    assert client.call("PATCH", "/api/ledger/account", {name: url}).status == 400
