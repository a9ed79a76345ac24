"""What the ledger says besides: history with differences, time travel, and why not."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms_ledger.orders.documents.history import changes
from tests.acceptance.test_order_life import ORDERS, invoice, paid

LEDGER = "/api/ledger/orders"


def patched(document, operations):
    """The document after JSON Patch operations, by the letter of RFC 6902."""
    document = copy.deepcopy(document)
    for operation in operations:
        *way, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")
        ][1:] or [None]
        if last is None:
            document = operation["value"]
            continue
        inside = document
        for part in way:
            inside = inside[int(part)] if isinstance(inside, list) else inside[part]
        key = int(last) if isinstance(inside, list) else last
        match operation["op"]:
            case "remove":
                del inside[key]
            case "add" if isinstance(inside, list):
                inside.insert(key, operation["value"])
            case _:
                inside[key] = operation["value"]
    return document


documents = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "~1", "/"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "~", "/", ""]), inner, max_size=4)
    ),
)


@given(documents, documents)
def test_the_changes_between_two_documents_make_one_into_the_other(before, after):
    assert repr(patched(before, changes(before, after))) == repr(after) or (
        patched(before, changes(before, after)) == after
    )


def story(client):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("700", "a"))
    client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("1300", "b"))
    return order_id


@pytest.mark.guarantee("G31")
@pytest.mark.parametrize(("shape", "url"), [("oms", ORDERS), ("pii", "/api/orders/pvt/document")])
def test_the_history_walked_page_by_page_leads_to_the_order_as_it_is(client, shape, url):
    order_id = story(client)
    document: dict[str, Any] = {}
    after, versions = 0, []
    while after is not None:
        page = client.call(
            "GET", f"{LEDGER}/{order_id}/events?after={after}&limit=4&document={shape}"
        ).json()
        assert after == 0 or len(page["events"]) > 0
        for event in page["events"]:
            document = patched(document, event["changes"])
            versions.append(event["version"])
            as_of = client.call(
                "GET", f"{LEDGER}/{order_id}?version={event['version']}&document={shape}"
            )
            assert as_of.json() == document
            assert as_of.header("X-Ledger-Position") == str(event["position"])
        after = page["next"]
    assert versions == list(range(1, page["versions"] + 1))
    assert client.call("GET", f"{url}/{order_id}").json() == document
    assert client.call("GET", f"{LEDGER}/{order_id}?document={shape}").json() == document


def test_an_entry_says_who_did_what_and_why(client):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling", x_request_id="req-7")
    events = client.call("GET", f"{LEDGER}/{order_id}/events").json()["events"]
    last = events[-1]
    assert (last["name"], last["status"]) == ("handling-started", "handling")
    assert (last["actor"], last["cause"]) == (client.headers["X-VTEX-API-AppKey"], "req-7")
    assert {"op": "replace", "path": "/status", "value": "handling", "was": "start-handling"} in (
        last["changes"]
    )
    assert events[0]["data"]["clientProfile"]["email"]
    assert events[0]["data"]["items"][0]["price"] == 2000


def test_an_order_can_be_read_as_of_an_instant(client):
    order_id = story(client)
    events = client.call("GET", f"{LEDGER}/{order_id}/events").json()["events"]
    handled = next(event for event in events if event["name"] == "handling-started")
    for at in (handled["at"], handled["at"].replace("Z", "+00:00").replace("+", "%2B")):
        answer = client.call("GET", f"{LEDGER}/{order_id}?at={at}")
        assert answer.json()["status"] == "handling"
    assert client.call("GET", f"{LEDGER}/{order_id}?at=2020-01-01").status == 404
    assert client.call("GET", f"{LEDGER}/{order_id}?at=2999-01-01").json()["status"] == "invoiced"


@pytest.mark.guarantee("G55", "G53")
@pytest.mark.parametrize(
    "query",
    [
        "?version=0",
        "?version=-1",
        "?version=99",
        "?version=x",
        "?version=99999999999999999999",
        "?version=1&at=2020-01-01",
        "?at=yesterday",
        "?at=",
        "?document=xml",
        "/events?after=99",
        "/events?after=-1",
        "/events?after=1e3",
        "/events?limit=0",
        "/events?limit=201",
    ],
)
def test_forged_versions_instants_and_pages_are_refused(client, query):
    answer = client.call("GET", f"{LEDGER}/{paid(client)}{query}")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")


def test_what_is_not_there_is_not_found(client, client_of):
    order_id = paid(client)
    for path in ("none-01", "none-01/events", "none-01/actions"):
        assert client.call("GET", f"{LEDGER}/{path}").status == 404
    reader = client_of("IntegrationProfile - Fulfillment Gateway")
    assert reader.call("GET", f"{LEDGER}/{order_id}").status == 200


def test_an_action_the_key_may_not_do_names_the_resource_it_lacks(client, client_of):
    reader = client_of("OMS - Read only")
    fields = reader.call("GET", f"{LEDGER}/{paid(client)}/actions").json()["actions"]
    assert {action["refusal"]["status"] for action in fields} == {403}
    assert (
        "Cancel order" in next(a for a in fields if a["command"] == "cancel")["refusal"]["message"]
    )
