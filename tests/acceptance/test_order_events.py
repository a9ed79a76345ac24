"""An order's events newest first, one of them, the changes between versions, and who got."""

from projections.notifications import feeds
from projections.subscriptions import checkpoints
from tests.acceptance.test_history import LEDGER, patched, story

LAST = 2**31 - 1


def test_events_newest_first_are_those_of_the_other_way(client):
    order_id = story(client)
    forwards = client.call("GET", f"{LEDGER}/{order_id}/events").json()["events"]
    seen, before = [], LAST
    while before:
        page = client.call("GET", f"{LEDGER}/{order_id}/events?before={before}&limit=3").json()
        seen += page["events"]
        before = page["next"]
    assert seen == forwards[::-1]


def test_events_without_changes_lack_nothing_else(client):
    order_id = story(client)
    whole = client.call("GET", f"{LEDGER}/{order_id}/events").json()["events"]
    bare = client.call("GET", f"{LEDGER}/{order_id}/events?changes=false").json()["events"]
    assert bare == [{k: v for k, v in one.items() if k != "changes"} for one in whole]
    both = client.call("GET", f"{LEDGER}/{order_id}/events?after=1&before=3")
    assert both.status == 400


def test_one_event_has_its_changes(client):
    order_id = story(client)
    events = client.call("GET", f"{LEDGER}/{order_id}/events").json()["events"]
    for event in events:
        fields = client.call("GET", f"{LEDGER}/{order_id}/events/{event['version']}").json()
        assert fields == {"orderId": order_id, "versions": len(events), **event}
    assert client.call("GET", f"{LEDGER}/{order_id}/events/{len(events) + 1}").status == 404
    assert client.call("GET", f"{LEDGER}/{order_id}/events/0").status == 404


def test_changes_between_any_two_versions_make_one_into_the_other(client):
    order_id = story(client)
    last = client.call("GET", f"{LEDGER}/{order_id}/events").json()["versions"]
    for since in (1, 3, last):
        one, other = (
            client.call("GET", f"{LEDGER}/{order_id}?version={v}").json() for v in (since, last)
        )
        fields = client.call("GET", f"{LEDGER}/{order_id}/changes?from={since}").json()
        assert (fields["since"], fields["until"]) == (since, last)
        assert patched(one, fields["changes"]) == other
    assert client.call("GET", f"{LEDGER}/{order_id}/changes?from={last + 1}").status == 400


def test_stream_backwards_is_filtered_and_says_how_far_it_looked(client):
    story(client)
    story(client)
    whole = client.call("GET", "/api/ledger/events?limit=1000").json()["events"]
    seen, before = [], 2**60
    while before:
        page = client.call("GET", f"/api/ledger/events?before={before}&limit=7").json()
        seen += page["events"]
        before = page["next"]
    assert seen == whole[::-1]
    named = client.call("GET", f"/api/ledger/events?before={2**60}&name=invoice-issued").json()
    wanted = [one for one in whole[::-1] if one["name"] == "invoice-issued"]
    assert (named["events"], named["searchedTo"], named["next"]) == (wanted, 0, None)
    moved = client.call("GET", f"/api/ledger/events?before={2**60}&status=handling").json()
    assert {one["status"] for one in moved["events"]} == {"handling"}
    cause = whole[-1]["cause"]
    caused = client.call("GET", f"/api/ledger/events?before={2**60}&cause={cause}").json()
    assert {one["cause"] for one in caused["events"]} == {cause}


def test_an_order_tells_what_its_feed_has_of_it(client, cell):
    queue = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345600}
    every = {"type": "FromWorkflow", "status": ["handling"]}
    feed = {"filter": every, "queue": queue}
    assert client.call("POST", "/api/orders/feed/config", feed).status == 200
    order_id = story(client)
    advance(cell, client)
    (fields,) = client.call("GET", f"{LEDGER}/{order_id}/deliveries").json()["deliveries"]
    assert (fields["kind"], fields["event"], fields["status"]) == (
        "feed",
        "handling-started",
        "handling",
    )
    assert (fields["state"], fields["attempts"], fields["until"]) == ("waiting", 0, None)
    items = client.call("GET", "/api/orders/feed?maxlot=10").json()
    (fields,) = client.call("GET", f"{LEDGER}/{order_id}/deliveries").json()["deliveries"]
    assert fields["state"] == "hidden"
    handles = {"handles": [item["handle"] for item in items]}
    client.call("POST", "/api/orders/feed", handles)
    assert client.call("GET", f"{LEDGER}/{order_id}/deliveries").json()["deliveries"] == []


def advance(cell, client):
    """Let the feeds of the account catch up."""
    with cell.database.snapshot() as connection:
        fields = feeds.destinations(connection, cell.database, "acme")
    for one in fields:
        checkpoints.run(cell.database, cell.loader(), one.subscription, one)


def test_anything_is_found_by_its_text(client):
    order_id = story(client)
    document = client.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
    events = client.call("GET", f"{LEDGER}/{order_id}/events").json()["events"]
    texts = {
        order_id: "order",
        document["sequence"]: "sequence",
        document["clientProfileData"]["email"].upper(): "email",
        document["orderGroup"]: "group",
        document["items"][0]["id"]: "sku",
        document["packageAttachment"]["packages"][0]["invoiceNumber"]: "invoice",
        events[-1]["cause"]: "request",
    }
    for text, kind in texts.items():
        hits = client.call("GET", f"/api/ledger/find?q={text}").json()["hits"]
        assert kind in {hit["kind"] for hit in hits}, (text, hits)
        assert {hit["orderId"] for hit in hits} == {order_id}
    position = events[-1]["position"]
    hits = client.call("GET", f"/api/ledger/find?q={position}").json()["hits"]
    assert {"kind": "event", "orderId": order_id, "position": position} in hits
    assert client.call("GET", "/api/ledger/find?q=nobody").json()["hits"] == []


def test_a_person_is_shown_as_a_hash_and_found_by_it(client, cell):
    order_id = story(client)
    email = client.call("GET", f"/api/oms/pvt/orders/{order_id}").json()["clientProfileData"]
    fields = client.call("POST", "/api/ledger/people", {"email": email["email"]}).json()
    assert fields["orders"] == 1
    listed = client.call("GET", f"/api/oms/pvt/orders?person={fields['person']}").json()
    assert [row["orderId"] for row in listed["list"]] == [order_id]
    assert client.call("GET", "/api/oms/pvt/orders?person=0").json()["list"] == []
    unknown = client.call("POST", "/api/ledger/people", {"document": "1"}).json()
    assert unknown["orders"] == 0
    assert client.call("POST", "/api/ledger/people", {}).status == 400
    (row,) = [row for row in cell.store.stream("acme/") if fields["person"] in str(bytes(row.body))]
    assert row.name == "person-looked-up"
    assert email["email"] not in str(bytes(row.body))
