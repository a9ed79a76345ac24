"""Looking after an account: keys, settings, people, history, and what needs attention."""

from typing import Any

import pytest

from tests.acceptance.test_order_life import paid
from tests.support.client import Client
from tests.support.purchases import ACCOUNT

KEYS = "/api/ledger/keys"


def history(client):
    events = client.call("GET", "/api/ledger/account/events").json()["events"]
    return [(event["name"], event["actor"]) for event in events]


def test_keys_are_created_labeled_rotated_and_revoked(client, app):
    made = client.call("POST", KEYS, {"role": "OMS - Full access", "label": "erp"})
    assert made.status == 201
    fields = made.json()
    token = {"X-VTEX-API-AppKey": fields["appKey"], "X-VTEX-API-AppToken": fields["appToken"]}
    assert Client(app, token).call("GET", "/api/oms/pvt/orders").status == 200
    listed = client.call("GET", KEYS).json()["keys"]
    assert ("erp", "OMS - Full access") in [(key["label"], key["role"]) for key in listed]
    assert "appToken" not in listed[0]
    own = f"{KEYS}/{fields['appKey']}"
    assert client.call("PATCH", own, {"label": "wms"}).json()["label"] == "wms"
    rotated = client.call("POST", f"{own}/rotate", {"overlapSeconds": 0}).json()
    assert rotated["appToken"] != fields["appToken"]
    assert client.call("POST", f"{own}/revoke").json()["revokedAt"]
    assert client.call("POST", f"{own}/rotate").status == 409
    assert client.call("POST", f"{KEYS}/nothing/revoke").status == 404
    names = [name for name, _ in history(client)]
    assert names[:4] == ["key-revoked", "key-rotated", "key-labeled", "key-created"]


@pytest.mark.guarantee("G5")
def test_a_request_that_comes_again_makes_no_second_key(client):
    once, body = {"Idempotency-Key": "k1"}, {"role": "Owner", "label": "erp"}
    made = client.call("POST", KEYS, body, **once)
    before = client.call("GET", KEYS).json()
    again = client.call("POST", KEYS, body, **once)
    assert (made.status, again.status) == (201, 409)
    assert made.json()["appKey"] in again.json()["error"]["message"]
    assert made.json()["appToken"] not in again.json()["error"]["message"]
    assert client.call("POST", KEYS, {"role": "Owner"}, **once).status == 422
    assert client.call("GET", KEYS).json() == before
    assert client.call("POST", KEYS, body, **{"Idempotency-Key": "k2"}).status == 201


def test_nobody_makes_a_key_that_may_do_more(client_of, client):
    assert client_of("OMS - Full access").call("GET", KEYS).status == 403
    assert client.call("POST", KEYS, {"role": "King"}).status == 400
    assert client.call("POST", KEYS, {"role": "Owner"}).status == 201


def test_a_key_may_be_named_by_who_manages_keys(client, client_of):
    other = client_of("Feed reader")
    named = other.headers["X-VTEX-API-AppKey"]
    queue = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345600}
    feed = {"filter": {"type": "FromWorkflow", "status": []}, "queue": queue}
    config = f"{KEYS}/{named}/feed/config"
    assert client.call("POST", config, feed).status == 200
    assert other.call("GET", "/api/orders/feed/config").json()["filter"] == feed["filter"]
    assert client.call("GET", "/api/orders/feed/config").status == 404
    assert client.call("GET", f"{KEYS}/{named}/feed/items").json()["items"] == []
    assert other.call("GET", f"{KEYS}/{named}/feed/items").status == 200
    mine = client.headers["X-VTEX-API-AppKey"]
    assert other.call("GET", f"{KEYS}/{mine}/feed/items").status == 403
    assert client.call("GET", f"{KEYS}/nothing/feed/items").status == 404
    assert history(client)[0] == ("feed-configured", mine)


def test_settings_are_shown_with_their_meaning_and_changed(client):
    fields = client.call("GET", "/api/ledger/account").json()
    assert fields["name"] == ACCOUNT
    (pii,) = [one for one in fields["settings"] if one["name"] == "pii"]
    assert (pii["value"], pii["default"]) == (False, False)
    changed = client.call("PATCH", "/api/ledger/account", {"pii": True, "payment_expiry": 5})
    values = {one["name"]: one["value"] for one in changed.json()["settings"]}
    assert (values["pii"], values["payment_expiry"]) == (True, 5)
    wrong: Any
    for wrong in ({}, [], {"nothing": 1}, {"pii": "maybe"}, {"payment_expiry": {}}):
        assert client.call("PATCH", "/api/ledger/account", wrong).status == 400, wrong
    before = history(client)
    client.call("PATCH", "/api/ledger/account", {"pii": True})
    assert history(client) == before


def test_operators_are_invited_changed_and_removed(client):
    path = "/api/ledger/operators"
    made = client.call("POST", path, {"email": "Bo@example.com", "role": "OMS - Read only"}).json()
    assert made["token"]
    (fields,) = client.call("GET", path).json()["operators"]
    assert (fields["email"], fields["role"], fields["invited"]) == (
        "bo@example.com",
        "OMS - Read only",
        True,
    )
    assert client.call("PATCH", f"{path}/{made['id']}", {"role": "Owner"}).status == 204
    assert client.call("POST", f"{path}/{made['id']}/sessions/end").status == 204
    only = client.call("DELETE", f"{path}/{made['id']}")
    assert only.status == 409
    client.call("POST", path, {"email": "cy@example.com", "role": "Owner"})
    assert client.call("DELETE", f"{path}/{made['id']}").status == 204
    assert client.call("DELETE", f"{path}/{made['id']}").status == 404
    assert client.call("POST", path, {"email": "nobody", "role": "Owner"}).status == 400
    names = {name for name, _ in history(client)}
    assert {"operator-invited", "operator-role-changed", "operator-removed"} <= names


def test_history_of_the_account_is_read_page_by_page(client):
    for on in (True, False, True):
        client.call("PATCH", "/api/ledger/account", {"b2b": on})
    whole = client.call("GET", "/api/ledger/account/events").json()
    assert whole["events"][0]["data"] == {"settings": {"b2b": True}}
    seen, before = [], 2**31 - 1
    while before:
        page = client.call("GET", f"/api/ledger/account/events?before={before}&limit=2").json()
        seen += page["events"]
        before = page["next"]
    assert seen == whole["events"]


@pytest.mark.parametrize("role", ["Owner", "OMS - Read only", "Feed reader"])
def test_attention_tells_what_the_role_may_look_at(client, client_of, role):
    order_id = paid(client)
    for command in ("start-handling", "cancel"):
        client.call("POST", f"/api/oms/pvt/orders/{order_id}/{command}", {})
    fields = client_of(role).call("GET", "/api/ledger/attention")
    assert fields.status == 200
    kinds = {need["kind"] for need in fields.json()["needs"]}
    assert ("cancellations-requested" in kinds) == (role == "Owner"), kinds
