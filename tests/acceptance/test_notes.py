"""Notes beside an order, over HTTP."""

import asyncio
import json

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.privacy.erase import erase
from oms_ledger.services.privacy.steps import Person
from tests.acceptance.test_order_life import paid
from tests.support.purchases import ACCOUNT

NOTES = "/api/do/notes"


def note(target="v1-01", description="call back", **more):
    return {
        "target": {"id": target, "type": "order", "url": f"/orders/{target}"},
        "domain": "oms",
        "description": description,
        **more,
    }


def settings(cell, **values):
    asyncio.run(
        cell.ledger.change_account(
            CommandContext(ACCOUNT, "test"), lambda _: [AccountSettingsChanged(values)]
        )
    )


def listed(client, target="v1-01", query=""):
    answer = client.call("GET", f"{NOTES}?target.id={target}{query}")
    assert answer.status == 200, answer.body
    return answer.json()


def test_note_is_answered_as_published(client):
    author = {"id": "7", "name": "Mario Smith"}
    sent = note(description='{"json": "€ <b>"}', createdBy=author)
    answer = client.call("POST", f"{NOTES}/?target.id=v1-01", sent)
    assert answer.status == 200, answer.body
    fields = answer.json()
    key = client.headers["X-VTEX-API-AppKey"]
    assert fields["createdBy"] == {"id": "7", "name": "Mario Smith", "email": None, "key": key}
    assert (fields["description"], fields["target"]) == (sent["description"], sent["target"])
    assert len(fields["id"]) == 32
    assert fields["id"] == fields["id"].upper()
    assert len(fields["owner"]) == 32
    assert fields["creationDate"] == fields["lastUpdate"]
    assert fields["creationDate"].endswith("Z")
    assert client.call("GET", f"{NOTES}/{fields['id']}").json() == fields
    assert client.call("GET", f"/{ACCOUNT}/do/notes/{fields['id']}").json() == fields
    assert listed(client)["items"] == [fields]


def test_unnamed_author_is_the_key(client):
    fields = client.call("POST", NOTES, note()).json()
    key = client.headers["X-VTEX-API-AppKey"]
    assert fields["createdBy"] == {"id": key, "name": None, "email": None, "key": key}
    forged = note(createdBy={"id": "x", "key": "other", "email": "x@x.com"})
    fields = client.call("POST", NOTES, forged).json()
    assert fields["createdBy"] == {"id": "x", "name": None, "email": None, "key": key}


@pytest.mark.guarantee("G37")
def test_every_note_is_listed_newest_first(client):
    for at in range(35):
        assert client.call("POST", NOTES, note(description=str(at))).status == 200
    assert client.call("POST", NOTES, note("other-01")).status == 200
    first, second = listed(client), listed(client, query="&page=2")
    assert first["paging"] == {"page": 1, "perPage": 30, "total": 35, "pages": 2}
    fields = [one["description"] for one in first["items"] + second["items"]]
    assert fields == [str(at) for at in reversed(range(35))]
    assert first["piiHidden"] is False
    assert listed(client, query="&page=9")["items"] == []
    assert listed(client, query="&perPage=31")["paging"]["perPage"] == 30
    assert listed(client, query="&page=0&perpage=2")["paging"]["perPage"] == 2


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {**note(), "target": None},
        {**note(), "domain": None},
        note(description=""),
        note(description="x" * 2001),
        note(description=7),
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_bad_notes_are_400_and_not_kept(client, body):
    answer = client.call("POST", NOTES, body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")
    assert listed(client)["items"] == []


def test_longest_note_counts_characters(client):
    assert client.call("POST", NOTES, note(description="😀" * 2000)).status == 200


@pytest.mark.parametrize("query", ["", "?target.id=", "?target.id=v1-01&page=x"])
def test_bad_lists_are_400(client, query):
    assert client.call("GET", NOTES + query).status == 400


def test_unknown_and_foreign_notes_are_404(client, client_of, cell):
    fields = client.call("POST", NOTES, note()).json()
    answer = client.call("GET", f"{NOTES}/none")
    assert (answer.status, answer.json()["error"]["message"]) == (404, "Note none not found")
    for method in ("PUT", "DELETE", "PATCH"):
        assert client.call(method, f"{NOTES}/{fields['id']}").status == 405


def test_repeated_request_writes_one_note(client):
    answers = [client.call("POST", NOTES, note(), Idempotency_Key="k1") for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert answers[1].header("idempotent-replayed") == "true"
    assert listed(client)["paging"]["total"] == 1
    other = client.call("POST", NOTES, note(description="else"), Idempotency_Key="k1")
    assert other.status == 422


def test_account_may_limit_notes(client, cell):
    settings(cell, notes_per_order=2)
    asyncio.run(asyncio.sleep(0))
    answers = [client.call("POST", NOTES, note()).status for _ in range(3)]
    assert answers == [200, 200, 400]


def test_pii_masks_until_a_reason_is_given(client, cell):
    settings(cell, pii=True)
    order_id = paid(client)
    fields = client.call(
        "POST", NOTES, note(order_id, "Ana called", createdBy={"id": "1", "name": "Bob"})
    ).json()
    masked = client.call("GET", f"{NOTES}/{fields['id']}").json()
    assert masked["description"] == "A** c*****"
    assert masked["createdBy"]["name"] == "B**"
    page = listed(client, order_id)
    assert page["piiHidden"] is True
    assert page["items"][0]["description"] == "A** c*****"
    page = listed(client, order_id, "&reason=data-validation")
    assert page["piiHidden"] is False
    assert page["items"][0]["description"] == "Ana called"
    order = asyncio.run(cell.ledger.order(ACCOUNT, order_id))
    assert order is not None
    names = [row.name for row in cell.store.stream(f"{ACCOUNT}/{order_id}")]
    assert names[-1] == "personal-data-disclosed"


@pytest.mark.guarantee("G56")
def test_erasing_a_person_blanks_notes(client, cell):
    order_id = paid(client)
    client.call("POST", NOTES, note(order_id, "Ana wants red"))
    client.call("POST", NOTES, note("other-01", "stays"))
    email = asyncio.run(cell.ledger.order(ACCOUNT, order_id)).placed.client_profile["email"]
    asyncio.run(
        erase(
            cell,
            CommandContext(ACCOUNT, "test"),
            Person("email", email),
            dry_run=False,
            include_open=True,
        )
    )
    assert listed(client, order_id)["items"][0]["description"] == "(erased)"
    assert listed(client, "other-01")["items"][0]["description"] == "stays"
