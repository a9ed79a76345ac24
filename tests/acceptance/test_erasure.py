"""A person is erased: afterwards nothing of any process shows who it was."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from oms_ledger.cell import Cell
from oms_ledger.cli.imports import import_file
from oms_ledger.cli.maintenance import rebuild_view
from oms_ledger.eventstore.integrity import verify
from oms_ledger.eventstore.tables import metadata
from oms_ledger.services.jobs import runner
from oms_ledger.services.privacy.steps import catch_up
from oms_ledger.web import build
from projections.subscriptions.views import VIEWS
from tests.acceptance.test_order_life import (
    EVERY,
    ORDERS,
    drain,
    invoice,
)
from tests.support.client import Client
from tests.support.purchases import open_account, purchase

ERASURES = "/api/ledger/erasures"
EMAIL, DOCUMENT = "canary@mail.example", "987.654.321-00"
# What says of the person, as typed and as it is found elsewhere.
CANARIES = ("canary", "98765432100", DOCUMENT)


def of_the_person(**more):
    """A placement that says of the person wherever it can."""
    body = purchase()
    body["clientProfileData"] |= {
        "email": EMAIL,
        "firstName": "Canary-first",
        "lastName": "Canary-last",
        "document": DOCUMENT,
        "phone": "+55-canary",
        "corporateName": "Canary-corp",
    }
    body["shippingData"]["address"] |= {
        "receiverName": "Canary-receiver",
        "street": "Canary-street",
        "postalCode": "canary-zip",
        "complement": "canary-complement",
        "reference": "canary-reference",
    }
    body["openTextField"] = "canary-note"
    body["customData"] = {"customApps": [{"id": "a", "major": 1, "fields": {"f": "canary-field"}}]}
    engraved = [{"name": "Engraving", "content": {"text": "canary-engraving"}}]
    service = {"id": 1, "name": "Wrap", "type": "Gift", "price": 0, "quantity": 1}
    body["items"][0] |= {
        "attachments": engraved,
        "bundleItems": [{**service, "attachments": engraved}],
    }
    body["marketingData"] = {"utmSource": "canary-source", "utmipart": "canary-part"}
    body["giftRegistryData"] = {"giftRegistryId": "1", "description": "canary-registry"}
    body["invoiceData"] = {"userPaymentInfo": {"paymentMethods": ["canary-method"]}}
    return {**body, **more}


def paid(client, body):
    client = replace(client, conforming=False)  # the examples have neither attachments nor services
    answer = client.call("PUT", "/api/checkout/pub/orders?sc=1", body)
    assert answer.status == 201, answer.body
    fields = answer.json()
    (transaction,) = fields["transactionData"]["merchantTransactions"]
    card = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]
    url = f"/api/payments/transactions/{transaction['transactionId']}/payments"
    assert client.call("POST", url, card).status == 201
    group = fields["orders"][0]["orderGroup"]
    assert client.call("POST", f"/api/checkout/pub/gatewayCallback/{group}/", {}).status == 204
    return fields["orders"][0]["orderId"]


def delivered(client):
    order_id = paid(client, of_the_person())
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice()).status == 200
    return order_id


def canceled(client):
    order_id = paid(client, of_the_person())
    url = f"{ORDERS}/{order_id}/cancel"
    for _ in range(2):
        client.call("POST", url, {"reason": "canary-reason", "requestedByUser": True})
    assert client.call("GET", f"{ORDERS}/{order_id}").json()["status"] == "canceled"
    return order_id


@pytest.fixture
def other(cell, client):
    """Another web process."""
    its = Cell(cell.settings, cell.clock)
    yield Client(build(its), client.headers)
    its.close()


def readings(order_id, versions):
    yield f"{ORDERS}/{order_id}"
    yield f"/api/orders/pvt/document/{order_id}"
    yield f"/api/ledger/orders/{order_id}"
    for shape in ("oms", "pii"):
        yield f"/api/ledger/orders/{order_id}/events?document={shape}&limit=200"
        for version in range(1, versions + 1):
            yield f"/api/ledger/orders/{order_id}?version={version}&document={shape}"
    yield ORDERS
    yield f"{ORDERS}?q={EMAIL}"
    yield f"{ORDERS}?q=canary"
    yield "/api/ledger/events?limit=1000"
    yield "/api/orders/feed?maxlot=10"


def versions_of(client, order_id):
    return client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]


def shown(client, orders):
    """The places where the person still shows."""
    urls = {url for one in orders for url in readings(one, versions_of(client, one))}
    places = []
    for url in sorted(urls):
        answer = client.call("GET", url)
        assert answer.status == 200 or "feed" in url, (url, answer.body)
        if any(canary in answer.body.decode().lower() for canary in CANARIES):
            places.append(url)
    return places


def stored(cell):
    """Tables and columns whose values tell of the person, whatever they are for."""
    places = set()
    with cell.database.snapshot() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for column, value in row._mapping.items():
                    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    if any(canary in text.lower() for canary in CANARIES):
                        places.add(f"{table.name}.{column}")
    return places


def line(item):
    """What stays of a line: all but what was written for the person."""
    assert [one["id"] for one in item["bundleItems"]] == [1], "a service is paid, and stays"
    return {k: v for k, v in item.items() if k not in ("attachments", "bundleItems")}


def everything_read(client, orders):
    """Fills every cache that a process has."""
    assert len(shown(client, orders)) > 10


@pytest.mark.guarantee("G56")
def test_an_erased_person_is_shown_nowhere_and_the_ledger_verifies(cell, client, other):
    assert client.call("POST", "/api/orders/feed/config", EVERY).status == 200
    orders = [delivered(client), canceled(client)]
    for view in VIEWS:
        catch_up(cell, view)
    everything_read(client, orders)
    everything_read(other, orders)
    assert stored(cell)
    before = {one: client.call("GET", f"{ORDERS}/{one}").json() for one in orders}

    answer = client.call("POST", ERASURES, {"email": EMAIL.upper(), "dryRun": False})
    assert (answer.status, answer.json()["erased"]) == (200, 2), answer.body

    drain(cell, client)
    assert stored(cell) == set()
    for process in (other, client):
        assert shown(process, orders) == []
    assert list(verify(cell.store, cell.store.head()))[-1] == cell.store.head()
    for one in orders:
        now = other.call("GET", f"{ORDERS}/{one}").json()
        for kept in ("status", "value", "totals", "sequence", "creationDate"):
            assert now[kept] == before[one][kept]
        assert [line(item) for item in now["items"]] == [
            line(item) for item in before[one]["items"]
        ]
        events = other.call("GET", f"/api/ledger/orders/{one}/events").json()["events"]
        assert events[-1]["name"] == "person-erased"
        assert events[-1]["data"]["erasureId"] == answer.json()["id"]

    for view in VIEWS:
        rebuild_view(cell, view)
    assert stored(cell) == set()


@pytest.mark.guarantee("G56")
def test_an_error_that_repeated_the_person_is_taken_out(cell, client):
    """A filter that fails on the e-mail says so to the operator, with the e-mail."""
    filter = {"type": "FromOrders", "expression": "$number(clientProfileData.lastName) > 1"}
    body = {**EVERY, "filter": filter}
    assert client.call("POST", "/api/orders/feed/config", body).status == 200
    delivered(client)
    drain(cell, client)
    assert "filter_stats.last_failure" in stored(cell)
    assert client.call("POST", ERASURES, {"email": EMAIL, "dryRun": False}).json()["erased"] == 1
    assert stored(cell) == set()


@pytest.mark.guarantee("G56")
def test_an_export_that_was_made_before_is_gone(cell, client):
    delivered(client)
    requested = client.call("POST", "/api/ledger/exports", {"format": "jsonl"})
    assert requested.status == 202, requested.body
    export = requested.json()["id"]
    while asyncio.run(runner.carry_on(cell, export)):
        pass
    url = f"/api/ledger/exports/{export}/download"
    assert "canary" in client.call("GET", url).body.decode().lower()
    assert client.call("POST", ERASURES, {"email": EMAIL, "dryRun": False}).json()["erased"] == 1
    assert client.call("GET", url).status == 404


@pytest.mark.guarantee("G56")
def test_the_bytes_on_disk_tell_nothing_either(cell, client):
    if not cell.database.sqlite:
        return  # PostgreSQL's dead rows go with a vacuum, as docs/how-to/restore.md says
    delivered(client)
    for view in VIEWS:
        catch_up(cell, view)
    assert client.call("POST", ERASURES, {"email": EMAIL, "dryRun": False}).json()["erased"] == 1
    folder = Path(cell.database.path).parent
    files = [path for path in folder.glob("ledger.sqlite3*") if path.is_file()]
    fields = b"".join(path.read_bytes() for path in files).lower()
    assert [canary for canary in CANARIES if canary.encode() in fields] == []


@pytest.mark.guarantee("G56")
def test_a_dry_run_tells_and_changes_nothing(cell, client):
    closed, open_ = delivered(client), paid(client, of_the_person())
    head = cell.store.head()
    answer = client.call("POST", ERASURES, {"document": "98765432100"}).json()
    assert (answer["dryRun"], answer["id"], answer["erased"]) == (True, None, 0)
    outcomes = {one["orderId"]: one["outcome"] for one in answer["orders"]}
    assert outcomes == {closed: "would be erased", open_: "open"}
    assert cell.store.head() == head


@pytest.mark.guarantee("G56")
def test_an_open_order_is_left_alone_unless_the_request_includes_it(client, other):
    order_id = paid(client, of_the_person())
    requested = {"document": DOCUMENT, "dryRun": False}
    answer = client.call("POST", ERASURES, requested).json()
    assert (answer["erased"], answer["open"]) == (0, 1)
    assert shown(other, [order_id])
    answer = client.call("POST", ERASURES, {**requested, "includeOpen": True}).json()
    assert (answer["erased"], answer["open"]) == (1, 0)
    assert shown(other, [order_id]) == []


@pytest.mark.guarantee("G56")
def test_repeated_it_finds_nothing_and_a_new_order_of_the_person_is_found(cell, client):
    delivered(client)
    requested = {"email": EMAIL, "dryRun": False}
    assert client.call("POST", ERASURES, requested).json()["erased"] == 1
    head = cell.store.head()
    again = client.call("POST", ERASURES, requested).json()
    assert (again["found"], again["erased"]) == (0, 0)
    assert [row.name for row in cell.store.page(head, 10)] == [
        "job-started",
        "tokens-ended",
    ]  # those since
    delivered(client)
    assert client.call("POST", ERASURES, requested).json()["erased"] == 1


@pytest.mark.guarantee("G56")
def test_nothing_new_is_kept_of_who_was_erased(cell, client, other):
    """Also by a process that still has the order as it was, and the key that is gone."""
    order_id = paid(client, of_the_person())
    other.call("POST", f"{ORDERS}/{order_id}/start-handling")  # the other process has it now
    requested = {"email": EMAIL, "dryRun": False, "includeOpen": True}
    assert client.call("POST", ERASURES, requested).json()["erased"] == 1
    reason = {"reason": "canary-reason", "requestedByUser": True}
    assert other.call("POST", f"{ORDERS}/{order_id}/cancel", reason).status == 200
    for view in VIEWS:
        catch_up(cell, view)
    assert stored(cell) == set()
    assert shown(other, [order_id]) == []
    assert list(verify(cell.store, cell.store.head()))[-1] == cell.store.head()


@pytest.mark.guarantee("G51", "G56")
def test_only_the_accounts_own_orders_are_erased(client, client_of, cell):
    asyncio.run(open_account(cell.ledger, name="other"))
    order_id = delivered(client)
    other_account = client_of("Owner", "other")
    answer = other_account.call("POST", ERASURES, {"email": EMAIL, "dryRun": False}).json()
    assert answer["found"] == 0
    assert shown(client, [order_id])


@pytest.mark.guarantee("G56")
def test_an_imported_order_is_erased_as_one_that_was_placed_here(cell, client, other, tmp_path):
    document = client.call("GET", f"{ORDERS}/{canceled(client)}").json()
    document["orderId"] = "9999-01"
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(document))
    asyncio.run(import_file(cell, "acme", file))
    answer = client.call("POST", ERASURES, {"email": EMAIL, "dryRun": False}).json()
    assert answer["erased"] == 2
    assert stored(cell) == set()
    assert shown(other, ["9999-01"]) == []


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        {"email": EMAIL, "document": DOCUMENT},
        {"email": ""},
        {"email": 7},
        {"email": EMAIL, "dryRun": "no"},
        {"email": "x" * 255},
    ],
)
def test_an_erasure_that_is_not_clear_is_refused(client, body):
    answer = client.call("POST", ERASURES, body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")
