"""Mails that come in for the aliases of an order: recorded in its conversation, and forwarded."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
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
    """A mail out of `message/rfc822`; ValueError where it has no sender or no recipient.

    Read by the older of Python's parsers, which takes broken structures, headers and encodings for
    text instead of failing.
    """
    message = message_from_bytes(raw, policy=policy.compat32)
    name, sender = addresses([message["From"] or ""])[0]
    recipients = addresses([one for key in ("To", "Cc") for one in message.get_all(key, [])])
    html, plain = _body(message, "text/html"), _body(message, "text/plain")
    return checked(
        IncomingMail(
            sender,
            name,
            tuple(address for _, address in recipients if address),
            _text(message["Subject"]),
            as_html(plain or "") if html is None else html,
            _text(message["Message-ID"]),
            tuple(_text(_file_name(part)) for part in message.walk() if _is_attachment(part)),
            (_text(message["Auto-Submitted"]) or "no").lower() != "no",
        )
    )


def addresses(headers: Sequence[object]) -> list[tuple[str, str]]:
    """Names and addresses that stand in headers; one that is empty where there is none."""
    found = getaddresses([str(header) for header in headers])
    return [(_text(name), _text(address)) for name, address in found] or [("", "")]


def _text(header: object) -> str:
    """A header's text; bytes that mean nothing in its encoding become U+FFFD."""
    try:
        parts = decode_header(str(header or ""))
    except (ValueError, HeaderParseError):  # an encoded word that is none
        parts = [(str(header), None)]
    whole = "".join(
        part if isinstance(part, str) else _decoded(part, charset) for part, charset in parts
    )
    return whole.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):  # no such encoding
        return content.decode("utf-8", "replace")


def _body(message: Message, media_type: str) -> str | None:
    """The first part of a media type that is no attachment."""
    for part in message.walk():
        if part.get_content_type() == media_type and not _is_attachment(part):
            content = part.get_payload(decode=True)
            return _decoded(content if isinstance(content, bytes) else b"", _charset(part))
    return None


def _is_attachment(part: Message) -> bool:
    return not part.is_multipart() and (
        part.get_content_disposition() == "attachment"
        or not part.get_content_type().startswith("text/")
    )


def _file_name(part: Message) -> str:
    try:
        return part.get_filename() or "attachment"
    except (TypeError, ValueError):  # pieces of a name that do not belong together
        return "attachment"


def _charset(part: Message) -> str | None:
    return part.get_content_charset()


def checked(mail: IncomingMail) -> IncomingMail:
    """The mail to its first recipients; `ValueError` names what is missing or no text."""
    if "@" not in mail.sender:
        raise ValueError("from: expected the address of the sender")
    if not mail.to:
        raise ValueError("to: expected at least one address")
    texts = (mail.sender, mail.name, *mail.to, mail.subject, mail.html, mail.message_id)
    if any("\0" in text for text in (*texts, *mail.attachments)):
        raise ValueError("a NUL character is in no text")
    return replace(mail, to=mail.to[:MOST_RECIPIENTS])


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
