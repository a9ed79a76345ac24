"""Replay, dry run, explain, dead letters and peek over HTTP, for feeds and for hooks."""

import asyncio
import json

import pytest
from sqlalchemy import update

from oms_ledger.notifications.webhook import instant_text as feeds_instant
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import checkpoints
from projections.tables import feed_items
from tests.projections.subscriptions.test_checkpoints import write_orders
from tests.support.purchases import open_account

QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
EVERY = {"filter": {"type": "FromWorkflow", "status": []}, "queue": QUEUE}


@pytest.fixture
def fed(cell, client):
    """A client whose feed has the items of two orders."""
    assert client.call("POST", "/api/orders/feed/config", EVERY).status == 200
    write_orders(cell, 2)
    advance(cell, client)
    return client


def advance(cell, client):
    with cell.database.snapshot() as connection:
        feed = feeds.get(connection, client.headers["X-VTEX-API-AppKey"])
    fields = FeedQueue(cell.database, feed)
    checkpoints.run(cell.database, cell.loader(), fields.subscription, fields)


def retrieved(client):
    return client.call("GET", "/api/orders/feed?maxlot=10").json()


def test_a_feed_is_put_back_and_its_items_come_again_marked(cell, fed):
    first = retrieved(fed)
    handles = {"handles": [item["handle"] for item in first]}
    assert fed.call("POST", "/api/orders/feed", handles).status == 200
    head = cell.store.head()
    answer = fed.call("POST", "/api/ledger/feed/replay", {"since": 0})
    replay = answer.json()
    assert (answer.status, replay) == (200, {"since": 0, "until": head, "job": replay["job"]})
    advance(cell, fed)
    again = retrieved(fed)
    assert [item["eventId"] for item in again] == [item["eventId"] for item in first]
    assert all(item["replayed"] for item in again)
    assert all("replayed" not in item for item in first)
    one = {"orderId": "v1-01", "since": "2020-01-01T00:00:00Z"}
    answer = fed.call("POST", "/api/ledger/feed/replay", one)
    assert answer.json() == {"orderId": "v1-01", "since": 0, "produced": 9}
    missing = fed.call("POST", "/api/ledger/feed/replay", {"orderId": "v404-01"})
    assert missing.status == 404


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("replay", {}, "since"),
        ("replay", {"since": "yesterday"}, "since"),
        ("replay", {"since": -1}, "since"),
        ("replay", {"since": 0, "orderId": 7}, "orderId"),
        ("replay", [], "body"),
        ("dry-run", {}, "since"),
        ("dry-run", {"since": 0, "samples": 1000}, "samples"),
        ("dry-run", {"since": 0, "filter": {"type": "Odd"}}, "filter.type"),
        ("dry-run", {"since": 0, "filter": {"expression": "a ="}}, "filter.expression"),
        ("explain", {}, "orderId"),
        ("dead-letters/requeue", {}, "positions"),
        ("dead-letters/requeue", {"positions": [], "all": True}, "positions"),
        ("dead-letters/requeue", {"positions": ["1"]}, "positions"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_place(fed, path, body, place):
    answer = fed.call("POST", f"/api/ledger/feed/{path}", body)
    assert answer.status == 400
    assert place in answer.json()["error"]["message"]


def test_a_dry_run_streams_its_counts_and_keeps_nothing(cell, fed):
    chosen = {"expression": 'status = "payment-approved"'}
    answer = fed.call(
        "POST", "/api/ledger/feed/dry-run", {"since": 0, "filter": chosen, "samples": 1}
    )
    *_, last = map(json.loads, answer.body.splitlines())
    assert answer.header("content-type") == "application/x-ndjson"
    assert (last["done"], last["matched"], last["failed"]) == (True, 2, 0)
    assert last["head"] == cell.store.head()
    assert sum(len(json.loads(line)["samples"]) for line in answer.body.splitlines()) == 1
    own = fed.call("POST", "/api/ledger/feed/dry-run", {"since": 0, "until": 9})
    assert json.loads(own.body.splitlines()[-1])["head"] == 9
    assert len(retrieved(fed)) == 10


def test_explain_tells_why_and_values_only_to_who_may_see_the_order(cell, fed, client_of):
    requested = {"orderId": "v1-01", "filter": {"expression": "clientProfileData.firstName"}}
    fields = fed.call("POST", "/api/ledger/feed/explain", requested).json()
    assert fields["reads"] == ["clientProfileData.firstName"]
    assert {version["value"] for version in fields["versions"]} == {"Ana"}
    assert [version["notification"] for version in fields["versions"]].count(True) == 1
    reader = client_of("Feed reader")
    assert reader.call("POST", "/api/ledger/feed/explain", requested).status == 403
    own = fed.call("POST", "/api/ledger/feed/explain", {"orderId": "v1-01"}).json()
    assert {v["notification"] for v in own["versions"]} == {False, True}
    assert {v["reason"] for v in own["versions"]} >= {"the status did not change"}
    nothing = reader.call("POST", "/api/ledger/feed/explain", {"orderId": "v1-01"})
    assert (nothing.status, "no feed" in nothing.json()["error"]["message"]) == (404, True)
    assert fed.call("POST", "/api/ledger/feed/explain", {"orderId": "v404-01"}).status == 404


@pytest.mark.guarantee("G51")
def test_replay_explain_and_dry_run_stay_in_the_account(cell, fed, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    other_account = client_of("Owner", "other")
    chosen = {"type": "FromWorkflow", "status": []}
    body = {"orderId": "v1-01", "filter": chosen}
    assert other_account.call("POST", "/api/ledger/feed/explain", body).status == 404
    answer = other_account.call("POST", "/api/ledger/feed/dry-run", {"since": 0, "filter": chosen})
    assert json.loads(answer.body.splitlines()[-1])["evaluated"] == 0
    assert other_account.call("GET", "/api/ledger/feed/dead-letters").json()["deadLetters"] == []
    assert other_account.call("GET", "/api/ledger/feed/items").status == 404


def test_dead_letters_are_listed_inspected_and_requeued(cell, fed):
    with cell.database.writing() as connection:
        connection.execute(update(feed_items).values(produced_at=0))
        assert feeds.dead_letter(connection, cell.clock.micros()) == 18
    page = fed.call("GET", "/api/ledger/feed/dead-letters?limit=10").json()
    assert (page["total"], len(page["deadLetters"])) == (18, 10)
    rest = fed.call("GET", f"/api/ledger/feed/dead-letters?after={page['next']}").json()
    assert (len(rest["deadLetters"]), rest["next"]) == (8, None)
    position = page["deadLetters"][0]["position"]
    letter = fed.call("GET", f"/api/ledger/feed/dead-letters/{position}").json()
    assert (letter["reason"], letter["content"]["order_id"]) == ("retention", letter["orderId"])
    assert fed.call("GET", "/api/ledger/feed/dead-letters/999999").status == 404
    path = "/api/ledger/feed/dead-letters/requeue"
    assert fed.call("POST", path, {"positions": [position]}).json() == {"requeued": 1}
    assert fed.call("POST", path, {"all": True}).json() == {"requeued": 17}
    assert len(retrieved(fed)) == 10


def test_peek_shows_hidden_items_and_hides_nothing(cell, fed):
    taken = retrieved(fed)
    seen = fed.call("GET", "/api/ledger/feed/items?limit=12").json()
    assert len(seen["items"]) == 12
    hidden = [item["eventId"] for item in seen["items"] if item["hiddenUntil"]]
    assert hidden == [item["eventId"] for item in taken]
    assert {item["retrievals"] for item in seen["items"]} == {0, 1}
    more = fed.call("GET", f"/api/ledger/feed/items?after={seen['next']}").json()
    assert (len(more["items"]), more["next"]) == (6, None)
    assert len(retrieved(fed)) == 8
    assert fed.call("GET", "/api/ledger/feed/items?limit=0").status == 400


def test_a_hook_has_the_same_operations(cell, client):
    write_orders(cell, 1)
    chosen = {"type": "FromWorkflow", "status": ["handling"]}
    for path, body in (("dry-run", {"since": 0}), ("explain", {"orderId": "v0-01"})):
        requested = {**body, "filter": chosen}
        assert client.call("POST", f"/api/ledger/hook/{path}", requested).status == 200
        assert client.call("POST", f"/api/ledger/hook/{path}", body).status == 404
    assert client.call("POST", "/api/ledger/hook/replay", {"since": 0}).status == 404
    assert client.call("GET", "/api/ledger/hook/dead-letters").json()["total"] == 0


def test_a_feed_says_until_when_it_stays_without_items(fed, cell):
    with cell.database.snapshot() as connection:
        feed = feeds.get(connection, fed.headers["X-VTEX-API-AppKey"])
    assert feed.expires_at == feed.last_item_at + 345_600_000_000
    expected = feeds_instant(feed.expires_at)
    for path in ("/api/orders/feed/config", "/api/orders/feed?maxlot=10"):
        assert fed.call("GET", path).header("X-Feed-Expires-At") == expected
    while fed.call("GET", "/api/orders/feed?maxlot=10").json():
        pass
    empty = fed.call("GET", "/api/orders/feed?maxlot=10")
    assert (empty.json(), empty.header("X-Feed-Expires-At")) == ([], expected)


def test_a_v2_client_reads_and_commits_the_same_items(fed, client_of):
    answer = fed.call("GET", "/api/oms/pvt/feed/orders/status?maxLot=12")
    items = answer.json()
    assert (len(items), answer.header("Deprecation")) == (12, "true")
    assert set(items[0]) == {"orderId", "status", "dateTime", "commitToken"}
    handles = {"handles": [item["commitToken"] for item in items]}
    assert fed.call("POST", "/api/orders/feed", handles).status == 200
    assert len(fed.call("GET", "/api/ledger/feed/items").json()["items"]) == 6
    assert fed.call("GET", "/api/oms/pvt/feed/orders/status").status == 400
    assert client_of().call("GET", "/api/oms/pvt/feed/orders/status?maxLot=1").status == 404
    assert client_of().call("GET", "/api/orders/feed?maxlot=1").status == 404
    assert client_of().call("POST", "/api/orders/feed", {"handles": ["x"]}).status == 400


@pytest.mark.guarantee("G42")
def test_a_handle_of_a_feed_that_was_deleted_commits_nothing_of_the_next(cell, fed):
    (first, *_) = retrieved(fed)
    assert fed.call("DELETE", "/api/orders/feed/config").status == 200
    assert fed.call("POST", "/api/orders/feed", {"handles": [first["handle"]]}).status == 404
    assert fed.call("POST", "/api/orders/feed/config", EVERY).status == 200
    assert fed.call("POST", "/api/ledger/feed/replay", {"since": 0}).status == 200
    advance(cell, fed)
    assert fed.call("POST", "/api/orders/feed", {"handles": [first["handle"]]}).status == 200
    assert len(retrieved(fed)) == 10
