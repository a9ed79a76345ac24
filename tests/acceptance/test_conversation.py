"""What is written about an order: messages to its customer, lines in its log, labels."""

import asyncio
import re

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from tests.acceptance.test_order_life import (
    ORDERS,
    drain,
    invoice,
    paid,
)
from tests.support.purchases import ACCOUNT


def conversation(client, order_id):
    answer = client.call("GET", f"{ORDERS}/{order_id}/conversation-message")
    assert answer.status == 200, answer.body
    return answer.json()


def choose(cell, **settings):
    asyncio.run(
        cell.ledger.change_account(
            CommandContext(ACCOUNT, "test"), lambda _: [AccountSettingsChanged(settings)]
        )
    )


def test_a_message_goes_out_at_each_turn_of_an_orders_life_and_the_last_is_in_its_document(client):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice())
    fields = conversation(client, order_id)
    assert [one["date"] for one in fields] == sorted(one["date"] for one in fields)
    assert len(fields) == 3
    first = fields[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dt\d\d-\d\d-\d\d_[0-9a-f]{32}", first["id"])
    assert list(first) == [
        "id",
        "from",
        "to",
        "subject",
        "firstWords",
        "body",
        "hasAttachment",
        "attachmentNames",
        "date",
        "templateKey",
    ]
    assert first["templateKey"] == "vtexcommerce-new-order"
    assert first["to"][0]["conversationRelatedTo"] == order_id
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    assert document["lastMessage"] in fields[-1]["body"]
    assert len(document["lastMessage"]) <= 140
    assert first["to"][0]["email"] == document["clientProfileData"]["email"]
    assert first["to"][0]["emailAlias"] == document["followUpEmail"]
    assert conversation(client, order_id) == fields
    row = client.call("GET", f"{ORDERS}?q={order_id}").json()["list"][0]
    assert row["lastMessageUnread"] == document["lastMessage"]


def test_an_order_keeps_the_templates_of_the_day_it_was_placed(cell, client):
    choose(cell, mail_created="Welcome|Dear {name}, {order_id} is <b>ours</b> now {x}")
    order_id = paid(client)
    choose(cell, mail_created="Other|Other")
    first = conversation(client, order_id)[0]
    assert first["subject"] == "Welcome"
    assert f"{order_id} is &lt;b&gt;ours&lt;/b&gt; now {{x}}" in first["body"]


def test_where_personal_data_is_masked_messages_are_too(cell, client):
    order_id = paid(client)
    open_text = conversation(client, order_id)
    choose(cell, pii=True)
    hidden = conversation(client, order_id)
    name = open_text[0]["to"][0]["name"].split()[0]
    assert name in open_text[0]["body"]
    assert name not in str(hidden)
    assert open_text[0]["to"][0]["email"] not in str(hidden)


@pytest.mark.parametrize("keys", [("source", "message"), ("Source", "Message")])
def test_a_line_in_the_log_is_in_the_history_and_leaves_the_document_alone(cell, client, keys):
    order_id = paid(client)
    before = client.call("GET", f"/api/orders/pvt/document/{order_id}").body
    fields = dict(zip(keys, ("ERP", "exported as 77"), strict=True))
    assert client.call("POST", f"{ORDERS}/{order_id}/interactions", fields).status == 200
    assert client.call("GET", f"/api/orders/pvt/document/{order_id}").body == before
    row = cell.store.stream(order_stream(ACCOUNT, order_id))[-1]
    assert (row.name, row.actor) == ("interaction-logged", client.headers["X-VTEX-API-AppKey"])
    assert b"exported" not in row.body


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"source": "x"},
        {"source": "", "message": "x"},
        {"source": "x", "message": "y" * 10_001},
    ],
)
def test_a_line_without_source_or_text_is_refused(client, body):
    order_id = paid(client)
    answer = client.call("POST", f"{ORDERS}/{order_id}/interactions", body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("en-GB,en;q=0.8", "Ready for handling"),
        ("pt-BR", "Pronto para o manuseio"),
        ("es-AR", "Listo para preparación"),
        ("fr", "Ready for handling"),
    ],
)
def test_the_status_is_described_in_three_languages(client, language, label):
    order_id = paid(client)
    fields = client.call("GET", f"{ORDERS}/{order_id}", accept_language=language).json()
    assert fields["statusDescription"] == label


@pytest.mark.guarantee("G40")
def test_a_line_in_the_log_makes_no_item_for_it_changes_no_document(cell, client):
    every = {
        "filter": {
            "type": "FromOrders",
            "expression": "status = 'ready-for-handling'",
            "disableSingleFire": True,
        },
        "queue": {"visibilityTimeoutInSeconds": 60, "MessageRetentionPeriodInSeconds": 345600},
    }
    assert client.call("POST", "/api/orders/feed/config", every).status == 200
    order_id = paid(client)
    drain(cell, client)
    before = client.call("GET", "/api/orders/feed/config").json()["quantity"]
    fields = {"source": "ERP", "message": "hello"}
    assert client.call("POST", f"{ORDERS}/{order_id}/interactions", fields).status == 200
    drain(cell, client)
    assert client.call("GET", "/api/orders/feed/config").json()["quantity"] == before > 0
