"""Mails that come in for the aliases of an order: recorded in its conversation, and forwarded."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from html import escape
from typing import Any

from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.notifications.channel import CUSTOMER as TO_CUSTOMER
from oms_ledger.notifications.channel import MAIL
from oms_ledger.orders.conversation.parties import CUSTOMER, takes_mail
from oms_ledger.orders.order import Order
from projections.conversation import messages as recorded
from projections.conversation.messages import RecordedMessage
from projections.outbox import messages as outbox
from projections.outbox.messages import StoredMessage

Json = dict[str, Any]
FORWARD = "forward"
MOST_RECIPIENTS = 100


class NotWritten(Exception):
    """There is nothing to say, and why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail that is to be sent; without `sender` it comes from the deployment's."""

    sender: str
    to: tuple[str, ...]
    reply_to: str
    subject: str
    html: str


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """A mail as it came in; `automatic` ones are recorded and not forwarded."""

    sender: str
    name: str
    to: tuple[str, ...]
    subject: str
    html: str
    message_id: str
    attachments: tuple[str, ...] = ()
    automatic: bool = False

    @property
    def occasion(self) -> str:
        """The id under which the mail is recorded once, however often it comes."""
        fields = self.message_id or json.dumps([self.sender, self.to, self.subject, self.html])
        return f"incoming/{hashlib.sha256(fields.encode()).hexdigest()[:32]}"


def parsed(raw: bytes) -> IncomingMail:
    """A mail out of `message/rfc822`; ValueError where it has no sender or no recipient."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    ((name, sender), *_) = getaddresses([str(message["From"] or "")]) or [("", "")]
    recipients = getaddresses(
        [str(value) for key in ("To", "Cc") for value in message.get_all(key, [])]
    )
    body = message.get_body(("html", "plain"))
    text = str(body.get_content()) if body is not None else ""
    is_html = body is not None and body.get_content_subtype() == "html"
    return checked(
        IncomingMail(
            sender,
            name,
            tuple(address for _, address in recipients if address),
            str(message["Subject"] or ""),
            text if is_html else as_html(text),
            str(message["Message-ID"] or "").strip(),
            tuple(str(part.get_filename() or "attachment") for part in message.iter_attachments()),
            str(message["Auto-Submitted"] or "no").strip().lower() != "no",
        )
    )


def checked(mail: IncomingMail) -> IncomingMail:
    """The mail, if it says from whom and to whom it is; `ValueError` names what is missing."""
    if "@" not in mail.sender:
        raise ValueError("from: expected the address of the sender")
    if not mail.to:
        raise ValueError("to: expected at least one address")
    if len(mail.to) > MOST_RECIPIENTS:
        raise ValueError(f"to: found {len(mail.to)} addresses, expected at most {MOST_RECIPIENTS}")
    return mail


def as_html(text: str) -> str:
    """A plain text as a page of HTML, escaped."""
    lines = "<br>".join(escape(line) for line in text.splitlines())
    return f"<!DOCTYPE html><html><body><p>{lines}</p></body></html>"


def accept(cell: Cell, account: Account, mail: IncomingMail) -> list[str]:
    """Record a mail in the orders whose live aliases it was sent to; the ids of those orders."""
    with cell.database.reading() as connection:
        found = recorded.aliases(connection, account.name, mail.to)
    reached: dict[str, list[tuple[str, str]]] = {}
    for alias, order_id, party in found:
        reached.setdefault(order_id, []).append((alias, party))
    taken = []
    for order_id, recipients in reached.items():
        order = cell.loader().load(order_stream(account.name, order_id)).state
        if isinstance(order, Order) and order.erased_at is None and takes_mail(order):
            with cell.database.writing() as connection:
                _record(connection, cell, order, mail, recipients)
            taken.append(order_id)
    return taken


def _record(
    connection: Connection,
    cell: Cell,
    order: Order,
    mail: IncomingMail,
    recipients: Sequence[tuple[str, str]],
) -> None:
    at = cell.clock.micros()
    person = order.placed.client_profile
    own = {str(person.get("email") or "").lower()}
    own |= {alias for alias, party in recipients if party == CUSTOMER}
    from_customer = mail.sender.lower() in own
    content = {
        "subject": " ".join(mail.subject.split()),
        "html": mail.html,
        "from": {
            "alias": "",
            "mask": 0,
            "email": mail.sender,
            "name": mail.name,
            "role": "Customer" if from_customer else "null",
        },
        "to": [_party(order, alias, party) for alias, party in recipients],
        "attachments": list(mail.attachments),
    }
    known = recorded.occasion_of(
        connection, cell.encryption, order.account, order.order_id, mail.occasion
    )
    if known is not None:
        return
    entry = RecordedMessage(mail.occasion, at, content)
    recorded.add(connection, cell.encryption, order.account, order.order_id, entry)
    if not mail.automatic and cell.settings.smtp_url is not None:
        outbox.enqueue(connection, [_forward(order, mail.occasion, at)])


def _party(order: Order, alias: str, party: str) -> Json:
    person = order.placed.client_profile
    if party != CUSTOMER:
        name = order.seller_name or order.account
        return {"alias": alias, "mask": 0, "email": "", "name": name, "role": "null"}
    named = [str(person.get(key) or "") for key in ("firstName", "lastName")]
    return {
        "alias": alias,
        "mask": 0,
        "email": str(person.get("email") or ""),
        "name": " ".join(filter(None, named)),
        "role": "Customer",
    }


def _forward(order: Order, occasion: str, at: int) -> Json:
    stream = order_stream(order.account, order.order_id)
    name = f"{stream}\x1f{FORWARD}\x1f{occasion}"
    return {
        "id": hashlib.sha256(name.encode()).hexdigest()[:32],
        "channel": MAIL.name,
        "account": order.account,
        "recipient": TO_CUSTOMER,
        "ordering_key": stream,
        "position": at,
        "number": 0,
        "order_id": order.order_id,
        "version": 0,
        "kind": FORWARD,
        "key": occasion,
        "body": b"{}",
        "state": outbox.WAITING,
        "produced_at": at,
        "since": at,
        "due_at": at,
    }


def forwarded(cell: Cell, message: StoredMessage) -> Envelope:
    """What a forwarded mail says, to the real addresses of those it was written to."""
    with cell.database.snapshot() as connection:
        found = recorded.occasion_of(
            connection, cell.encryption, message.account, message.order_id, message.key
        )
    if found is None or found.content is None:
        raise NotWritten("the person was erased")
    content = found.content
    account = cell.loader().load(order_stream(message.account, "")).state
    assert isinstance(account, Account)
    store = str(account.setting("mail_from")) or cell.settings.mail_from
    real = tuple(
        party["email"] if party["role"] == "Customer" else store for party in content["to"]
    )
    sender = content["from"]
    reply_to = content["to"][0]["alias"] if sender["role"] == "Customer" else sender["email"]
    return Envelope("", tuple(filter(None, real)), reply_to, content["subject"], content["html"])
