"""VTEX DO tasks: opened and closed as orders go on, worked on by people, over HTTP."""

import asyncio

import pytest

from oms_ledger.cli.maintenance import rebuild_view
from oms_ledger.desk.tasks import STATUSES
from oms_ledger.services.outbox.outcomes import PermanentFailure
from projections.desk import tasks
from tests.acceptance.test_order_life import ORDERS, invoice, paid
from tests.acceptance.test_partners import PLACE, fulfillment
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle
from tests.support.sales import (
    SHOP,
    STORE,
    open_accounts,
    sell,
)
from workers.outbox import dispatcher

TASKS = "/api/do/tasks"
NEW = {
    "target": [{"id": "v964735bdev-01", "type": "order", "url": "/orders/v964735bdev-01"}],
    "domain": "oms",
    "context": "Marketplace",
    "name": "pricing",
    "priority": "Critical",
    "surrogateKey": "5052243-0",
    "description": "This task is important",
    "dueDate": "2024-05-01",
    "assignee": {"id": None, "name": "Blake Smith", "email": "Blake.Smith@email.com"},
    "followers": [{"id": None, "name": None, "email": "celaena.sardothien@email.com"}],
    "parentTaskId": None,
}


def listed(client, query=""):
    answer = client.call("GET", f"{TASKS}?{query}")
    assert answer.status == 200, answer.body
    return answer.json()["items"]


def of_order(client, order_id):
    return [(one["name"], one["status"]) for one in listed(client, f"target.id={order_id}")]


def act(client, order_id, what, body=None):
    answer = client.call("POST", f"{ORDERS}/{order_id}/{what}", body or {})
    assert answer.status in (200, 204), answer.body


# Opened by the flow


def deny(client, order_id):
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    fields = {
        "cancellationRequestId": document["cancellationRequests"][-1]["id"],
        "denyReason": "it is packed",
    }
    url = f"/api/orders/pvt/document/{order_id}/deny-cancellation-request"
    assert client.call("POST", url, fields).status == 200


ENDS = {
    "confirmed": lambda client, order_id: act(client, order_id, "cancel"),
    "denied": deny,
    "invoiced": lambda client, order_id: act(client, order_id, "invoice", invoice()),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_requested_cancellation_is_a_task_until_it_is_decided(client, end):
    order_id = paid(client)
    assert of_order(client, order_id) == []
    act(client, order_id, "cancel", {"reason": "a reason that nobody else is told"})
    (task,) = listed(client, f"target.id={order_id}&status=open")
    assert (task["name"], task["domain"]) == ("oms.cancellationRequested", "oms")
    assert task["target"][0]["type"] == "order"
    assert task["translateMapping"]["pt"]
    assert "nobody else" not in str(task)
    ENDS[end](client, order_id)
    assert of_order(client, order_id) == [("oms.cancellationRequested", "Closed")]
    assert listed(client, f"target.id={order_id}&status=-Closed") == []
    history = client.call("GET", f"{TASKS}/{task['id']}").json()["history"]
    assert [line["status"] for line in history] == ["Open", "Closed"]
    assert {line["by"] for line in history} == {client.headers["X-VTEX-API-AppKey"]}


def test_a_second_request_after_a_denial_is_a_task_of_its_own(client):
    order_id = paid(client)
    for _ in range(2):
        act(client, order_id, "cancel")
        deny(client, order_id)
    found = listed(client, f"target.id={order_id}")
    assert [one["status"] for one in found] == ["Closed", "Closed"]
    assert len({one["surrogateKey"] for one in found}) == 2


def test_a_price_divergence_is_a_task_until_a_person_takes_it(client):
    assert client.call("POST", PLACE, fulfillment("9", 2900, isCreatedAsync=True)).status == 200
    assert of_order(client, "MKP-9") == [("oms.priceDivergence", "Open")]
    by_hand = "/api/ledger/orders/MKP-9/authorize-fulfillment"
    assert client.call("POST", by_hand).status == 200
    assert of_order(client, "MKP-9") == [("oms.priceDivergence", "Closed")]


def test_a_dead_call_to_a_partner_is_a_task_that_opens_again_when_it_fails_again(
    cell, app, client_of, monkeypatch
):
    asyncio.run(open_accounts(cell, STORE, SHOP))
    store = client_of(account=STORE)

    async def broken(cell, message):
        raise PermanentFailure("the line is dead")

    good = dispatcher.HANDLERS["place-fulfillment"]
    monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", broken)

    async def story():
        order_id = await sell(cell)
        await settle(cell)
        return order_id

    order_id = asyncio.run(story())
    assert of_order(store, order_id) == [("oms.partnerCallFailed", "Open")]
    (task,) = listed(store)
    assert "the line is dead" not in str(task)
    (dead,) = store.call("GET", "/api/ledger/outbox?state=dead").json()["list"]
    for handler, expected in ((broken, "Open"), (good, "Closed")):
        monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", handler)
        assert store.call("POST", f"/api/ledger/outbox/{dead['id']}/resume").status == 200
        assert of_order(store, order_id) == [("oms.partnerCallFailed", "Closed")]
        asyncio.run(settle(cell))
        assert of_order(store, order_id) == [("oms.partnerCallFailed", expected)]
    assert listed(client_of(account=SHOP)) == []


@pytest.mark.parametrize(
    ("kind", "name"), [("refund", "oms.refundFailed"), ("settle", "oms.workflowIsInError")]
)
def test_a_gateway_that_refuses_for_good_is_a_task(cell, client, monkeypatch, kind, name):
    async def broken(cell, message):
        raise PermanentFailure("no")

    monkeypatch.setitem(dispatcher.HANDLERS, kind, broken)
    order_id = paid(client)
    act(client, order_id, "invoice", invoice())
    act(client, order_id, "invoice", invoice(number="back", type="Input"))
    asyncio.run(settle(cell))
    assert client.call("GET", f"{ORDERS}/{order_id}").json()["workflowIsInError"] is True
    assert of_order(client, order_id) == [(name, "Open")]
    dead = client.call("GET", "/api/ledger/outbox?state=dead").json()["list"]
    skip = {"reason": "paid by hand"}
    assert client.call("POST", f"/api/ledger/outbox/{dead[0]['id']}/skip", skip).status == 200
    assert of_order(client, order_id) == [(name, "Closed")]


def test_entries_that_are_read_again_change_nothing_that_people_did_since(cell, client):
    order_id = paid(client)
    act(client, order_id, "cancel")
    act(client, order_id, "cancel")
    (task,) = listed(client, f"target.id={order_id}")
    url = f"{TASKS}/{task['id']}"
    assert client.call("PUT", url, {"status": "Open"}).status == 200
    assert client.call("POST", f"{url}/comments", {"text": "call the customer"}).status == 200
    before = client.call("GET", url).json()
    rebuild_view(cell, tasks.SUBSCRIPTION)
    assert client.call("GET", url).json() == before
    assert [line.get("status", line.get("comment")) for line in before["history"]] == [
        *("Open", "Closed", "Open", "call the customer")
    ]


# Worked on by people


def test_a_task_is_created_once_by_its_surrogate_key_and_answered_as_it_was_sent(client):
    first = client.call("POST", TASKS, NEW)
    assert first.status == 200
    fields = first.json()
    assert {key: fields[key] for key in NEW if key not in ("assignee", "followers")} == {
        key: NEW[key] for key in NEW if key not in ("assignee", "followers")
    }
    assert fields["assignee"]["email"] == "Blake.Smith@email.com"
    assert (fields["status"], fields["comments"]) == ("Open", [])
    assert fields["createdBy"]["key"] == client.headers["X-VTEX-API-AppKey"]
    again = client.call("POST", TASKS, {**NEW, "name": "another"})
    assert (again.status, again.json()) == (200, fields)
    for _ in range(2):
        assert client.call("POST", TASKS, {**NEW, "surrogateKey": None}).status == 200
    assert len(listed(client)) == 3
    for before in ("/do", f"/{ACCOUNT}/do", f"/{ACCOUNT}/api/do"):
        assert client.call("GET", f"{before}/tasks/{fields['id']}").json() == fields
    assert client.call("GET", "/another/do/tasks").status == 404


def test_status_and_comments_are_kept_with_who_and_when(client, client_of):
    url = f"{TASKS}/{client.call('POST', TASKS, NEW).json()['id']}"
    other = client_of("OMS - Full access")
    assert other.call("POST", f"{url}/comments", {"text": "<b>why</b>"}).status == 200
    assert other.call("PUT", url, {"status": "in progress"}).status == 200
    fields = other.call("PUT", url, {"status": "InProgress"}).json()  # the same again: no line
    assert (fields["status"], fields["comments"]) == ("InProgress", ["<b>why</b>"])
    assert [
        (line["by"], line.get("comment"), line.get("status")) for line in fields["history"]
    ] == [
        (client.headers["X-VTEX-API-AppKey"], None, "Open"),
        (other.headers["X-VTEX-API-AppKey"], "<b>why</b>", None),
        (other.headers["X-VTEX-API-AppKey"], None, "InProgress"),
    ]
    assert all(line["date"].endswith("Z") for line in fields["history"])
    for status in STATUSES:
        assert client.call("PUT", url, {"status": status}).json()["status"] == status


def test_tasks_are_listed_by_assignee_target_context_and_status_in_pages(client):
    for number in range(12):
        who = {"email": f"{'blake' if number % 2 else 'ana'}@email.com"}
        target = [{"id": f"v{number}-01", "type": "order", "url": ""}]
        sent = {**NEW, "surrogateKey": str(number), "assignee": who, "target": target}
        fields = client.call(
            "POST", TASKS, {**sent, "context": "Fulfillment" if number > 9 else "x"}
        )
        if number < 3:
            url = f"{TASKS}/{fields.json()['id']}"
            assert client.call("PUT", url, {"status": "Closed"}).status == 200
    keys = {
        "assignee.email=BLAKE@email.com": ["11", "9", "7", "5", "3", "1"],
        "assignee.email=ana@email.com&status=open": ["10", "8", "6", "4"],
        "status=closed": ["2", "1", "0"],
        "target.id=v4-01": ["4"],
        "context=fulfillment&page=1&perPage=10&status=-Closed": ["11", "10"],
        "status=shipped": [],
        "page=2": ["1", "0"],
        "page=3&perPage=4": ["3", "2", "1", "0"],
    }
    for query, expected in keys.items():
        assert [one["surrogateKey"] for one in listed(client, query)] == expected, query
    paging = client.call("GET", f"{TASKS}?perPage=5").json()["paging"]
    assert paging == {"page": 1, "perPage": 5, "total": 12, "pages": 3}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "fields"),
    [
        ("POST", "", {**NEW, "target": []}, 400, "target"),
        ("POST", "", {**NEW, "assignee": {"name": "x"}}, 400, "assignee.email"),
        ("POST", "", {**NEW, "description": "x" * 2001}, 400, "description"),
        ("POST", "", [NEW], 400, "expected an object"),
        ("PUT", "/none", {"status": "Done"}, 400, "Awaiting"),
        ("PUT", "/none", {"status": "Open"}, 404, "none"),
        ("GET", "/none", None, 404, "none"),
        ("POST", "/none/comments", {"text": "x"}, 404, "none"),
        ("POST", "/none/comments", {"text": ""}, 400, "text"),
        ("GET", "?perPage=101", None, 400, "perPage"),
        ("GET", "?page=x", None, 400, "page"),
    ],
)
def test_what_is_no_task_is_refused_and_says_why(client, method, path, body, status, fields):
    answer = client.call(method, TASKS + path, body)
    assert answer.status == status
    assert fields in answer.json()["error"]["message"]
    assert listed(client) == []


@pytest.mark.guarantee("G51")
def test_a_task_is_of_one_account(cell, client, client_of):
    fields = client.call("POST", TASKS, NEW).json()
    asyncio.run(open_accounts(cell, "other"))
    other_account = client_of(account="other")
    url = f"{TASKS}/{fields['id']}"
    assert listed(other_account) == []
    assert other_account.call("GET", url).status == 404
    assert other_account.call("PUT", url, {"status": "Closed"}).status == 404
    assert other_account.call("POST", f"{url}/comments", {"text": "x"}).status == 404
    assert other_account.call("POST", TASKS, NEW).json()["id"] != fields["id"]
    assert client.call("GET", url).json() == fields


@pytest.mark.guarantee("G56")
def test_what_was_written_about_an_erased_persons_order_is_taken_out(client):
    order_id = paid(client)
    act(client, order_id, "invoice", invoice())
    target = [{"id": order_id, "type": "order", "url": ""}]
    sent = {**NEW, "target": target, "description": "Ana asks", "metadata": {"phone": "1"}}
    url = f"{TASKS}/{client.call('POST', TASKS, sent).json()['id']}"
    assert client.call("POST", f"{url}/comments", {"text": "Ana called"}).status == 200
    email = client.call("GET", f"{ORDERS}/{order_id}").json()["clientProfileData"]["email"]
    erasure = {"email": email, "dryRun": False}
    assert client.call("POST", "/api/ledger/erasures", erasure).json()["erased"] == 1
    fields = client.call("GET", url).json()
    assert "Ana" not in str(fields)
    assert (fields["comments"], fields["description"], fields["metadata"]) == (
        *(["(erased)"], "(erased)", None),
    )


# Found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=PRICING", True),
        ("q=blake%20sm", True),
        ("q=Blake.Smith@", True),
        ("q=élan%20VITAL%20100%25", True),
        ("q=elan", False),
        ("q=nothing_", False),
        ("surrogateKey=5052243-0", True),
        ("surrogateKey=5052243", False),
        ("q=pricing&surrogateKey=5052243-0&status=-Closed", True),
    ],
)
def test_tasks_are_found_by_words_and_by_their_key(client, query, found):
    task = client.call("POST", TASKS, NEW).json()["id"]
    client.call("POST", f"{TASKS}/{task}/comments", {"text": "Élan vital 100%"})
    client.call("POST", TASKS, {**NEW, "surrogateKey": "x", "name": "y", "assignee": None})
    assert [one["id"] for one in listed(client, query)] == [task] * found
