"""What clients hear of an account that moves to another cell."""

import asyncio

import pytest

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.hosting import ARRIVING, LEAVING, LIVE
from projections.notifications import feeds
from projections.outbox import claims, messages
from projections.subscriptions import batch, checkpoints
from tests.support.purchases import ACCOUNT, place_paid
from workers.outbox import dispatcher

EVERY = {
    "filter": {"type": "FromWorkflow", "status": []},
    "queue": {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600},
}
FEED = "/api/orders/feed"


def become(cell, state):
    with cell.database.writing() as connection:
        hosting.set_state(connection, ACCOUNT, state)


def test_a_write_is_to_be_repeated_and_a_read_is_answered(cell, client):
    asyncio.run(place_paid(cell.ledger, "v1-01"))
    become(cell, LEAVING)
    answer = client.call("POST", "/api/oms/pvt/orders/v1-01/start-handling")
    assert (answer.status, answer.header("Retry-After")) == (503, "1")
    assert answer.json()["error"]["code"] == "OMS503"
    assert client.call("GET", "/api/oms/pvt/orders/v1-01").status == 200
    become(cell, LIVE)
    assert client.call("POST", "/api/oms/pvt/orders/v1-01/start-handling").status == 204


@pytest.fixture
def fed(cell, client):
    assert client.call("POST", f"{FEED}/config", EVERY).status == 200
    asyncio.run(place_paid(cell.ledger, "v1-01"))
    with cell.database.snapshot() as connection:
        sinks = feeds.destinations(connection, cell.database, ACCOUNT)
    batch.run_batch(cell.database, cell.loader(), sinks)
    return client


def test_a_feed_rests(cell, fed):
    (first, *_) = fed.call("GET", f"{FEED}?maxlot=1").json()
    become(cell, LEAVING)
    assert fed.call("GET", f"{FEED}?maxlot=10").json() == []
    commit = {"handles": [first["handle"]]}
    answer = fed.call("POST", FEED, commit)
    assert (answer.status, answer.header("Retry-After")) == (503, "1")
    become(cell, LIVE)
    assert fed.call("POST", FEED, commit).status == 200
    assert fed.call("POST", FEED, commit).status == 200
    left = fed.call("GET", f"{FEED}?maxlot=10").json()
    assert left
    assert first["eventId"] not in {one["eventId"] for one in left}


def test_what_is_sent_rests(cell, app):
    asyncio.run(place_paid(cell.ledger, "v1-01"))
    assert dispatcher.evaluate(cell, cell.loader())
    with cell.database.snapshot() as connection:
        assert claims.due(connection, cell.clock.micros())
    become(cell, LEAVING)
    with cell.database.snapshot() as connection:
        assert claims.due(connection, cell.clock.micros()) == []
    assert dispatcher.claim(cell, 10) == []
    become(cell, LIVE)
    assert dispatcher.claim(cell, 10)


def test_what_follows_from_events_of_another_cell_is_not_sent_again(cell, app):
    """It is brought along: whoever reads the events makes none of it, now or later."""
    asyncio.run(place_paid(cell.ledger, "v1-01"))
    become(cell, ARRIVING)
    with cell.database.writing() as connection:
        assert hosting.brought(connection)[ACCOUNT] > cell.store.head()
        hosting.set_state(connection, ACCOUNT, LIVE, arrived_until=cell.store.head())
    assert dispatcher.evaluate(cell, cell.loader())
    assert dispatcher.claim(cell, 10) == []
    with cell.database.writing() as connection:  # read once more, as another cell's they are not
        hosting.set_state(connection, ACCOUNT, LIVE, arrived_until=0)
        checkpoints.drop(connection, messages.SUBSCRIPTION)
        checkpoints.create(connection, messages.SUBSCRIPTION, 0)
    assert dispatcher.evaluate(cell, cell.loader())
    assert dispatcher.claim(cell, 10)
