"""Mails to the customers of orders, the conversation that keeps them, and what comes in (07 §1)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.conversation import texts
from tests.acceptance.test_order_life import ORDERS, invoice, paid, place
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle
from tests.support.smtp_sink import SmtpSink

TRACKED = {"trackingNumber": "TR1", "trackingUrl": "https://carrier.example/TR1"}


def mailing(cell, sink):
    settings = replace(cell.settings, smtp_url=sink.url, mail_from="Store <store@example.com>")
    object.__setattr__(cell, "settings", settings)


def choose(cell, **settings):
    context = CommandContext(ACCOUNT, "test")
    asyncio.run(cell.ledger.change_account(context, lambda _: [AccountSettingsChanged(settings)]))


def conversation(client, order_id):
    answer = client.call("GET", f"{ORDERS}/{order_id}/conversation-message")
    assert answer.status == 200, answer.body
    return answer.json()


def mails(client, order_id):
    """By template the states of an order's mails."""
    answer = client.call("GET", f"/api/ledger/outbox?channel=mail&orderId={order_id}")
    assert answer.status == 200, answer.body
    return {one["key"]: one["state"] for one in answer.json()["list"]}


def addresses(client, order_id):
    customer = client.call("GET", f"{ORDERS}/{order_id}").json()["clientProfileData"]["email"]
    first = conversation(client, order_id)[0]
    return customer, first["to"][0]["emailAlias"]


@pytest.mark.guarantee("G37")
def test_each_turn_is_mailed_once_under_its_published_template(cell, client):
    with SmtpSink() as sink:
        mailing(cell, sink)
        order_id = paid(client)
        body = invoice(**TRACKED)
        assert client.call("POST", f"{ORDERS}/{order_id}/invoice", body).status == 200
        news = {
            "isDelivered": True,
            "events": [{"date": "2026-01-03", "description": "left", "city": "Rio", "state": "RJ"}],
        }
        tracking = f"{ORDERS}/{order_id}/invoice/1%2F2%20%23a/tracking"
        for _ in range(2):
            assert client.call("PUT", tracking, news).status == 200
        for _ in range(2):
            asyncio.run(settle(cell))
        said = mails(client, order_id)
        assert {key.partition("/")[0] for key in said} == {
            texts.NEW_ORDER,
            texts.PAYMENT_PENDING,
            texts.PAYMENT_APPROVED,
            texts.ORDER_INVOICED,
            texts.ORDER_SHIPPED,
            texts.SHIPPING_UPDATE,
            texts.SHIPPING_FINISHED,
        }
        assert len(said) == 7
        subjects = [one.message["Subject"] for one in sink.mails]
        assert len(subjects) == len(set(subjects)) == 6
        customer, _ = addresses(client, order_id)
        assert all(one.recipients == [customer] for one in sink.mails)
        assert len({one.message["Message-ID"] for one in sink.mails}) == 6
        shown = conversation(client, order_id)
        assert sorted(one["subject"] for one in shown) == sorted(subjects)
        assert any("left, Rio, RJ" in one["body"] for one in shown)


def test_a_customer_is_reminded_once_of_a_payment_that_does_not_come(cell, client):
    clock = set_clock(cell, cell.clock.now())
    order_id = place(client).json()["orders"][0]["orderId"]
    group = order_id.rpartition("-")[0]
    transaction = client.call("GET", f"/api/checkout/pub/orders/order-group/{group}").json()
    (payment,) = transaction[0]["paymentData"]["transactions"]
    slip = [{"paymentSystem": 6, "value": 2000}]
    url = f"/api/payments/transactions/{payment['transactionId']}/payments"
    assert client.call("POST", url, slip).status == 201
    client.call("POST", f"/api/checkout/pub/gatewayCallback/{group}/", {})
    assert client.call("GET", f"{ORDERS}/{order_id}").json()["status"] == "payment-pending"
    asyncio.run(settle(cell))
    assert mails(client, order_id)[texts.PAYMENT_PENDING] == "pending"
    clock.at += timedelta(hours=49)
    asyncio.run(settle(cell))
    assert mails(client, order_id)[texts.PAYMENT_PENDING] == "delivered"
    pending = [one for one in conversation(client, order_id) if "pending" in one["subject"]]
    assert len(pending) == 1


def test_who_paid_is_not_reminded(cell, client):
    clock = set_clock(cell, cell.clock.now())
    order_id = paid(client)
    clock.at += timedelta(hours=49)
    asyncio.run(settle(cell))
    assert mails(client, order_id)[texts.PAYMENT_PENDING] == "skipped"


def test_a_template_replaces_the_text_and_what_was_said_stays(cell, client):
    template = {
        "subject": "Order {{orderId}}",
        "html": "<b>{{clientProfileData.firstName}}</b> {{_accountInfo.AccountName}}",
    }
    url = f"/api/ledger/mail-templates/{texts.NEW_ORDER}"
    assert client.call("PUT", url, template).status == 204
    order_id = paid(client)
    before = conversation(client, order_id)
    assert before[0]["subject"] == f"Order {order_id}"
    assert before[0]["body"].endswith(ACCOUNT)
    assert client.call("PUT", url, {"subject": "x", "html": "y"}).status == 204
    assert conversation(client, order_id) == before


def test_what_is_switched_off_is_neither_sent_nor_recorded(cell, client):
    choose(cell, mail_off=f"{texts.NEW_ORDER}, {texts.PAYMENT_APPROVED}")
    order_id = paid(client)
    asyncio.run(settle(cell))
    assert conversation(client, order_id) == []
    assert mails(client, order_id)[texts.NEW_ORDER] == "skipped"


@pytest.mark.guarantee("G56")
def test_erasing_a_person_empties_what_was_said_and_keeps_that_it_was(cell, client):
    order_id = paid(client)
    customer, _ = addresses(client, order_id)
    count = len(conversation(client, order_id))
    erasure = {"email": customer, "dryRun": False, "includeOpen": True}
    assert client.call("POST", "/api/ledger/erasures", erasure).status == 200
    said = conversation(client, order_id)
    assert len(said) == count > 0
    assert {(one["body"], one["firstWords"], str(one["to"])) for one in said} == {("", "", "[]")}


def test_soft_aliases_show_the_name_of_the_customer(cell, client):
    choose(cell, conversation_mask="soft")
    order_id = paid(client)
    customer, alias = addresses(client, order_id)
    local, _, domain = customer.rpartition("@")
    assert alias.startswith(f"{local}@{domain}-")
    assert alias.endswith(f".ct.{ACCOUNT}.com")
    assert conversation(client, order_id)[0]["to"][0]["aliasMaskType"] == 1


def test_a_mail_of_a_trigger_stands_in_the_conversation_of_its_order(cell, client):
    action = {
        "type": "email",
        "to": ["{!clientProfileData.email}"],
        "subject": "Invoice of {!orderId}",
        "body": "<p>done</p>",
    }
    trigger = {"name": "t", "condition": "status=invoiced", "action": action}
    body = {"properties": {}, "v-triggers": [trigger]}
    assert client.call("PUT", "/api/dataentities/orders/schemas/erp", body).status == 200
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice()).status == 200
    asyncio.run(settle(cell))
    customer, alias = addresses(client, order_id)
    (said,) = [one for one in conversation(client, order_id) if one["body"] == "<p>done</p>"]
    assert said["subject"] == f"Invoice of {order_id}"
    assert (said["to"][0]["email"], said["to"][0]["emailAlias"]) == (customer, alias)


class TestIncoming:
    URL = "/api/ledger/mail/incoming"

    def test_a_mail_to_an_alias_is_recorded_once_and_forwarded(self, cell, client):
        with SmtpSink() as sink:
            mailing(cell, sink)
            order_id = paid(client)
            asyncio.run(settle(cell))
            customer, alias = addresses(client, order_id)
            sent, count = len(sink.mails), len(conversation(client, order_id))
            mail = {
                "from": "seller@example.com",
                "to": [alias.upper(), "x@example.com"],
                "subject": "Your mug",
                "text": "is <here>",
                "messageId": "<1@x>",
                "attachments": [{"name": "mug.png"}],
            }
            for _ in range(2):
                answer = client.call("POST", self.URL, mail)
                assert (answer.status, answer.json()) == (202, {"orders": [order_id]})
            said = conversation(client, order_id)
            assert len(said) == count + 1
            last = said[-1]
            assert last["attachmentNames"] == ["mug.png"]
            assert last["hasAttachment"]
            assert last["from"]["role"] == "null"
            assert "&lt;here&gt;" in last["body"]
            asyncio.run(settle(cell))
            (forwarded,) = sink.mails[sent:]
            assert forwarded.recipients == [customer]

    def test_a_customer_writes_to_the_store_as_a_mail_program_does(self, cell, client):
        with SmtpSink() as sink:
            mailing(cell, sink)
            order_id = paid(client)
            asyncio.run(settle(cell))
            customer, _ = addresses(client, order_id)
            sent = len(sink.mails)
            message = EmailMessage()
            message["From"] = f"Ana <{customer}>"
            message["To"] = sink.mails[0].message["Reply-To"]
            message["Subject"] = "Olá"
            message["Message-ID"] = "<2@x>"
            message.set_content("where is it?")
            answer = client.call(
                "POST", self.URL, bytes(message), **{"Content-Type": "message/rfc822"}
            )
            assert answer.json() == {"orders": [order_id]}
            last = conversation(client, order_id)[-1]
            assert (last["subject"], last["from"]["role"]) == ("Olá", "Customer")
            asyncio.run(settle(cell))
            (forwarded,) = sink.mails[sent:]
            assert forwarded.recipients == ["store@example.com"]

    def test_an_answering_machine_is_recorded_and_not_forwarded(self, cell, client):
        with SmtpSink() as sink:
            mailing(cell, sink)
            order_id = paid(client)
            asyncio.run(settle(cell))
            _, alias = addresses(client, order_id)
            sent = len(sink.mails)
            message = EmailMessage()
            message["From"], message["To"] = "a@example.com", alias
            message["Auto-Submitted"] = "auto-replied"
            message.set_content("away")
            answer = client.call(
                "POST", self.URL, bytes(message), **{"Content-Type": "message/rfc822"}
            )
            assert answer.status == 202
            asyncio.run(settle(cell))
            assert sink.mails[sent:] == []

    def test_an_alias_ends_with_its_order(self, cell, client):
        order_id = paid(client)
        _, alias = addresses(client, order_id)
        assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice()).status == 200
        mail = {"from": "a@example.com", "to": [alias], "text": "late"}
        answer = client.call("POST", self.URL, mail)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "OMS404")

    @pytest.mark.parametrize(
        "mail",
        [
            {"to": ["a@example.com"]},
            {"from": "nobody", "to": ["a@example.com"]},
            {"from": "a@example.com", "to": []},
            {"from": "a@example.com", "to": "a@example.com"},
        ],
    )
    def test_what_is_no_mail_is_refused(self, client, mail):
        answer = client.call("POST", self.URL, mail)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")

    def test_of_ten_thousand_recipients_the_first_hundred_are_looked_at(self, client):
        order_id = paid(client)
        _, alias = addresses(client, order_id)
        others = [f"u{number}@example.com" for number in range(10_000)]
        rfc822 = {"Content-Type": "message/rfc822"}
        for to, status in (([*others[:99], alias, *others], 202), ([*others, alias], 404)):
            text = f"From: a@example.com\r\nTo: {', '.join(to)}\r\n\r\nall of you"
            assert client.call("POST", self.URL, text.encode(), **rfc822).status == status
            mail = {"from": "a@example.com", "to": to, "text": None, "messageId": None}
            assert client.call("POST", self.URL, mail).status == status

    @pytest.mark.parametrize(
        ("headers", "body", "shown"),
        [
            (b"Content-Type: text/plain; charset=x-unknown", b"ol\xc3\xa1", "olá"),
            (b"Content-Type: text/plain; charset=\x00utf-8", b"hi", "hi"),
            (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64", b"!!!", ""),
            (b"Content-Type: multipart/mixed; boundary=b", b"--c\r\n\r\nhi", ""),
            (b"Subject: =?utf-8?b?!!!?=", b"hi", "hi"),
            (b"Cc: list: d@x, e@y;, <@>, a@[", b"hi", "hi"),
            (b"Content-Type: text/html; charset=iso-8859-1", b"<b>\xe1</b>", "<b>á</b>"),
            (b"Subject: \xe1\xff", b"\xe1", "\ufffd"),
            (
                b"Content-Type: multipart/mixed; boundary=b",
                b"--b\r\n\r\nhi\r\n--b\r\nContent-Disposition: attachment; filename*0=a; "
                b"filename*x=b\r\n\r\nz\r\n--b--",
                "hi",
            ),
        ],
    )
    def test_a_broken_mail_is_taken_as_text(self, client, headers, body, shown):
        order_id = paid(client)
        _, alias = addresses(client, order_id)
        named = b"From: =?utf-8?q?Souza=2C_Ana?= <a@example.com>\r\nTo: " + alias.encode()
        raw = b"\r\n".join((named, headers, b"", body))
        for _ in range(2):  # without an id it is known by what it says
            answer = client.call("POST", self.URL, raw, **{"Content-Type": "message/rfc822"})
            assert (answer.status, answer.json()) == (202, {"orders": [order_id]})
        last, before = conversation(client, order_id)[-1], conversation(client, order_id)[:-1]
        assert last["from"]["name"] == "Souza, Ana"
        assert shown in last["body"]
        assert all(one["from"]["email"] != "a@example.com" for one in before)

    def test_a_mail_with_nul_is_refused(self, client):
        raw = b"From: a@example.com\r\nTo: b@example.com\r\n\r\nh\0i"
        answer = client.call("POST", self.URL, raw, **{"Content-Type": "message/rfc822"})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")
