"""Clients of placed orders as documents of `CL` and `AD`, and their erasure."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.masterdata import actions, outbox
from oms_ledger.services.privacy.erase import erase
from oms_ledger.services.privacy.steps import Person
from tests.acceptance.test_order_life import ORDERS, paid
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle

BASE = "/api/dataentities"


def found(client, entity, query=""):
    answer = client.call("GET", f"{BASE}/{entity}/search?_fields=_all&{query}")
    assert answer.status == 200, answer.body
    return answer.json()


def test_placed_orders_fill_profiles_and_addresses(client, cell):
    order = client.call("GET", f"{ORDERS}/{paid(client)}").json()
    person, address = order["clientProfileData"], order["shippingData"]["address"]
    asyncio.run(settle(cell))
    (profile,) = found(client, "CL")
    assert profile["firstName"] == person["firstName"]
    assert profile["id"] == profile["userId"] == person["userProfileId"]
    assert profile["createdBy"] == "checkout"
    (place,) = found(client, "AD", f"userId={profile['userId']}")
    assert (place["street"], place["city"]) == (address["street"], address["city"])
    assert place["addressName"] == address["addressId"]
    (again,) = found(client, "AD", f"_where=userId={profile['id']}")
    assert again == place
    client.call("PATCH", f"{BASE}/CL/documents/{profile['id']}", {"lastName": "Other"})
    paid(client)
    asyncio.run(settle(cell))
    assert len(found(client, "CL")) == 1
    assert len(found(client, "AD")) == 1
    assert found(client, "CL")[0]["lastName"] == person["lastName"]
    assert len(client.call("GET", f"{BASE}/CL/documents/{profile['id']}/versions").json()) == 3


@pytest.mark.guarantee("G45")
def test_profiles_wait_for_a_database_that_is_away_as_long_as_it_is(client, cell, monkeypatch):
    """Ten seconds, and not the ten minutes after which a trigger tries a failed action again."""
    unavailable = OperationalError("away", None, RuntimeError())
    clock = set_clock(cell, cell.clock.now())

    async def away(*_):
        raise unavailable

    paid(client)
    monkeypatch.setattr(outbox, "perform", away)
    asyncio.run(settle(cell))
    assert found(client, "CL") == []
    monkeypatch.setattr(outbox, "perform", actions.perform)
    clock.at += timedelta(seconds=10)
    asyncio.run(settle(cell))
    assert len(found(client, "CL")) == 1


def test_accounts_may_keep_no_profiles(client, cell):
    fields = {"profiles_from_orders": False}
    change = [AccountSettingsChanged(fields)]
    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lambda _: change))
    paid(client)
    asyncio.run(settle(cell))
    assert found(client, "CL") == []


@pytest.mark.guarantee("G56")
def test_erasing_a_person_deletes_profiles_with_their_versions(client, cell):
    order_id = paid(client)
    asyncio.run(settle(cell))
    (profile,) = found(client, "CL")
    email = asyncio.run(cell.ledger.order(ACCOUNT, order_id)).placed.client_profile["email"]
    assert profile["email"] == email
    person = Person("email", email)
    asyncio.run(
        erase(cell, CommandContext(ACCOUNT, "test"), person, dry_run=False, include_open=True)
    )
    assert found(client, "CL") == []
    assert found(client, "AD") == []
    assert client.call("GET", f"{BASE}/CL/documents/{profile['id']}/versions").json() == []


@pytest.mark.guarantee("G56")
def test_documents_that_hold_a_name_are_named_and_deleted_on_request(client):
    held = {
        "a": {"email": "ANA@x.com"},
        "b": {"deep": [{"who": "ana@x.com"}]},
        "c": {"email": "ana@x.com.br", "text": "ana@x.com wrote", "document": "987.654.321-00"},
        "d": {"document": "123.456.789-09"},
        "e": {"document": 12345678909},
    }
    for name, body in held.items():
        assert client.call("PUT", f"{BASE}/E/documents/{name}", body).status == 204

    def erase_by(**body):
        answer = client.call("POST", "/api/ledger/erasures", body)
        assert answer.status == 200, answer.body
        return answer.json()

    def left():
        return {one["id"] for one in found(client, "E")}

    dry = erase_by(email="ana@X.com", includeDocuments=True)
    named = [{"entity": "E", "id": one} for one in "ab"]
    assert (dry["documents"], dry["documentsErased"]) == (named, 0)
    kept = erase_by(email="ana@x.com", dryRun=False)
    assert (kept["documents"], kept["documentsErased"], left()) == ([], 0, set(held))
    gone = erase_by(email="ana@x.com", dryRun=False, includeDocuments=True)
    assert (gone["documentsErased"], left()) == (2, {"c", "d", "e"})
    assert client.call("GET", f"{BASE}/E/documents/a/versions").json() == []
    gone = erase_by(document="12345678909", dryRun=False, includeDocuments=True)
    assert (gone["documentsErased"], left()) == (2, {"c"})
