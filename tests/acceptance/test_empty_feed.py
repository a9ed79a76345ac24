"""A client that polls when nothing is there, and commits what is there no more."""

QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
EVERY = {"filter": {"type": "FromWorkflow", "status": []}, "queue": QUEUE}
FEED = "/api/orders/feed"


def test_an_empty_feed_is_an_empty_list_and_no_feed_is_not_found(client):
    assert client.call("GET", f"{FEED}?maxlot=10").status == 404
    assert client.call("POST", f"{FEED}/config", EVERY).status == 200
    answer = client.call("GET", f"{FEED}?maxlot=10")
    assert (answer.status, answer.json()) == (200, [])
