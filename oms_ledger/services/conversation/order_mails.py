"""Mails to the customers of orders: written and recorded once, then sent.

A mail is recorded in the conversation of its order whether or not a mail server is set. What was
recorded is what is sent, at every attempt: neither a template nor a change of the order alters it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formataddr
from functools import cached_property
from html import escape
from typing import Any, cast

import structlog
from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.cell import Cell
from oms_ledger.eventstore.folding import StreamState
from oms_ledger.eventstore.records import micros, order_stream
from oms_ledger.notifications.channel import MAIL
from oms_ledger.notifications.mail import InvalidMail, Mail, address_of
from oms_ledger.notifications.templates import TemplateError
from oms_ledger.orders.conversation import texts
from oms_ledger.orders.conversation.messages import TEMPLATES, messages, names, own_text
from oms_ledger.orders.conversation.outbox import KIND, REMINDER
from oms_ledger.orders.conversation.parties import CUSTOMER, STORE, soft_alias, store_alias
from oms_ledger.orders.documents import oms_document
from oms_ledger.orders.documents.derived_fields import follow_up_alias
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.services.conversation.incoming import FORWARD, Envelope, NotWritten, forwarded
from oms_ledger.services.conversation.smtp import (
    DEFAULT,
    MailRefused,
    deliver,
    message_id,
    provider_of,
)
from oms_ledger.services.conversation.templates import rendered_template
from oms_ledger.services.outbox.outcomes import (
    Delivered,
    Outcome,
    PermanentFailure,
    RetryLater,
    Skipped,
    Unanswered,
)
from projections.conversation import messages as recorded
from projections.conversation import templates
from projections.conversation.messages import RecordedMessage
from projections.outbox import messages as outbox
from projections.outbox.messages import StoredMessage

Json = dict[str, Any]
MOST = 10_000  # mails of one order that are looked at

_KINDS = {template: kind for kind, template in TEMPLATES.items()}
_KINDS[texts.ORDER_CHANGED_V2] = _KINDS[texts.ORDER_CHANGED]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Occasion:
    """What a message is about: the order as it was then, and its account as it is now."""

    order: Order
    account: Account
    message: StoredMessage

    @property
    def template(self) -> str:
        """The name of the template that the mail is written by."""
        return str(self.message.body["template"])

    @cached_property
    def document(self) -> Json:
        """The order's document, whole: the mail is for its customer."""
        return oms_document(self.order)


async def send(cell: Cell, message: StoredMessage) -> Outcome:
    """Record a mail and hand it to the mail server."""
    try:
        if message.kind == FORWARD:
            envelope = await asyncio.to_thread(forwarded, cell, message)
        else:
            account = await cell.ledger.account(message.account)
            latest = await cell.ledger.current(message.ordering_key)
            envelope = _envelope(await _recorded_once(cell, message, account, latest))
    except NotWritten as nothing:
        return Skipped(str(nothing))
    if not envelope.to:
        return Skipped("there is no address to send it to")
    provider = provider_of(cell, message.account, DEFAULT)
    try:
        mail = Mail(
            message_id=message_id(cell, message.id),
            sender=envelope.sender or provider.sender,
            to=envelope.to,
            reply_to=(envelope.reply_to,),
            subject=envelope.subject,
            html=envelope.html,
        )
        sent = await deliver(provider, mail, cell.clock.now())
    except InvalidMail as error:
        return PermanentFailure(str(error)[:500], answered=None)
    except MailRefused as error:
        if error.for_good:
            return PermanentFailure(str(error)[:500], status=error.code)
        if error.code is None:
            return Unanswered(str(error)[:500])
        return RetryLater(str(error)[:500], status=error.code)
    return Delivered(note=None if sent else "recorded, not sent")


def _envelope(written: Json) -> Envelope:
    to = tuple(party["email"] for party in written["to"] if party["email"])
    return Envelope(written["sender"], to, written["replyTo"], written["subject"], written["html"])


async def _recorded_once(
    cell: Cell, message: StoredMessage, account: Account, latest: StreamState
) -> Json:
    """Write a mail and record it, once; what was recorded first. `NotWritten` says why not.

    `latest` is the order as it is now.
    """
    written = await asyncio.to_thread(_write, cell, message, account, latest)
    if written.recorded:
        return written.content
    found = await cell.write_together(_record, cell, message, written)
    if found is None:
        raise NotWritten("the order keeps nothing of a person")
    return found


@dataclass(frozen=True, slots=True)
class _Written:
    """The content of a mail, and the aliases that it names; `recorded` where it was before."""

    content: Json
    aliases: dict[str, str]
    recorded: bool


def _write(cell: Cell, message: StoredMessage, account: Account, latest: StreamState) -> _Written:
    with cell.database.snapshot() as connection:
        known = _recorded(connection, cell, message)
        template = templates.get(connection, account.name, message.body["template"])
    if known is not None:
        return _Written(known, {}, recorded=True)
    occasion = _occasion(cell, message, account, latest)
    content = _content(cell, occasion, template is not None)
    aliases = {store_alias(occasion.order): STORE}
    if occasion.template != texts.APPROVER:
        aliases[content["to"][0]["alias"]] = CUSTOMER
    return _Written(content, aliases, recorded=False)


def _record(
    connection: Connection, cell: Cell, message: StoredMessage, written: _Written
) -> Json | None:
    """Record a mail; what is recorded now: another worker may have been faster."""
    entry = RecordedMessage(message.key, cell.clock.micros(), written.content)
    added = recorded.add(connection, cell.encryption, message.account, message.order_id, entry)
    if added is None:
        return None
    recorded.add_aliases(connection, message.account, message.order_id, written.aliases)
    return written.content if added else _recorded(connection, cell, message)


def _recorded(connection: Connection, cell: Cell, message: StoredMessage) -> Json | None:
    found = recorded.occasion_of(
        connection, cell.encryption, message.account, message.order_id, message.key
    )
    if found is not None and found.content is None:
        raise NotWritten("the person was erased")
    return None if found is None else found.content


def _occasion(
    cell: Cell, message: StoredMessage, account: Account, latest: StreamState
) -> Occasion:
    now = latest.state
    assert isinstance(now, Order)
    template = message.body["template"]
    if now.erased_at is not None:
        raise NotWritten("the person was erased")
    if template in {name.strip() for name in str(account.setting("mail_off")).split(",")}:
        raise NotWritten("the account's setting mail_off names its template")
    if template == texts.PAYMENT_PENDING:
        if now.status is not Status.PAYMENT_PENDING:
            raise NotWritten("the order does not wait for its payment any more")
        return Occasion(now, account, message)
    moved_on = latest.version != message.version
    loader, stream = cell.ledger.loader, message.ordering_key
    then = loader.load(stream, message.version).state if moved_on else now
    assert isinstance(then, Order)
    return Occasion(then, account, message)


def no_reply(order: Order) -> Json:
    """The participant that mails of the store itself come from."""
    return {
        "alias": f"noreply@ct.{order.account}.com",
        "mask": 0,
        "email": f"noreply@{order.account}.com",
        "name": "no reply",
        "role": "null",
    }


def _content(cell: Cell, occasion: Occasion, own_template: bool) -> Json:
    order, account = occasion.order, occasion.account
    subject, html = _written(cell, occasion, own_template)
    soft = account.setting("conversation_mask") == "soft"
    return {
        "template": occasion.template,
        "subject": " ".join(subject.split()),
        "html": html,
        "from": no_reply(order),
        "to": [_approver(occasion) or _customer(order, soft=soft)],
        "sender": str(account.setting("mail_from")),
        "replyTo": formataddr((order.seller_name or order.account, store_alias(order))),
    }


def _approver(occasion: Occasion) -> Json | None:
    """Who is to decide, where the mail is to them."""
    if occasion.template != texts.APPROVER:
        return None
    body, authorization = occasion.message.body, occasion.order.authorization
    assert authorization is not None, "an order that asks for approval was evaluated"
    dimension = authorization.dimension(body["dimension"])
    rules = dimension.rules if dimension else ()
    rule = next(one for one in rules if one.id == body["rule"])
    email = rule.authorizers[body["authorizer"]].id
    return {"alias": "", "mask": 0, "email": email, "name": "", "role": "null"}


def _customer(order: Order, *, soft: bool) -> Json:
    person = order.placed.client_profile
    email = str(person.get("email") or "")
    named = [str(person.get(key) or "") for key in ("firstName", "lastName")]
    return {
        "alias": (soft and soft_alias(order, CUSTOMER, email)) or follow_up_alias(order),
        "mask": 1 if soft else 0,
        "email": email,
        "name": " ".join(filter(None, named)),
        "role": "Customer",
    }


def html_of(text: str) -> str:
    """A plain text as a page of HTML, escaped."""
    return f"<!DOCTYPE html><html><body><p>{escape(text)}</p></body></html>"


def _written(cell: Cell, occasion: Occasion, own_template: bool) -> tuple[str, str]:
    """Subject and HTML, by the account's template of that key or the text that is built in."""
    if own_template:
        data = {**occasion.document, **_besides(occasion)}
        try:
            return rendered_template(cell, occasion.order.account, occasion.template, data)
        except TemplateError as error:
            log.warning("mail_template_failed", template=occasion.template, error=str(error)[:200])
    order = occasion.order
    locale = (order.placed.preferences or {}).get("locale") or occasion.account.setting("language")
    own = own_text(order, _KINDS.get(occasion.template))
    subject, text = own or texts.text_of(occasion.template, locale)
    known_names = {**names(order), **_names_of(occasion)}
    return texts.filled(subject, known_names), html_of(texts.filled(text, known_names))


def _besides(occasion: Occasion) -> Json:
    """What a template's data has besides Get order's document."""
    account = occasion.order.account
    found: Json = {"_accountInfo": {"HostName": account, "AccountName": account}}
    body = occasion.message.body
    if number := body.get("invoice"):
        packages = (occasion.document.get("packageAttachment") or {}).get("packages") or []
        found["package"] = next((p for p in packages if p.get("invoiceNumber") == number), None)
    if "change" in body:
        changes = (occasion.document.get("changesAttachment") or {}).get("changesData") or []
        found["change"] = changes[-1] if changes else None
    if "request" in body or occasion.template == texts.ORDER_CANCELLED:
        found["cancellation"] = occasion.document.get("cancellationData")
        found["denyReason"] = _deny_reason(occasion)
    return found


def _names_of(occasion: Occasion) -> dict[str, object]:
    """What the built-in text of the occasion names."""
    order, body = occasion.order, occasion.message.body
    besides = _besides(occasion)
    package = besides.get("package") or {}
    canceled = occasion.template == texts.ORDER_CANCELLED
    reasons = {
        texts.ORDER_CANCELLED: occasion.document.get("cancelReason") if canceled else None,
        texts.INVOICED_WITH_REQUEST: besides.get("denyReason"),
        texts.SHIPPED_WITH_REQUEST: besides.get("denyReason"),
        texts.ORDER_CHANGED: (besides.get("change") or {}).get("reason"),
        texts.ORDER_CHANGED_V2: (besides.get("change") or {}).get("reason"),
    }
    reason = reasons.get(occasion.template)
    refund = next(
        (one.refund or 0 for one in order.invoices if one.number == body.get("invoice")), 0
    )
    return {
        "reason": f" {reason}" if reason else "",
        "tracking": f"{package.get('trackingNumber')} {package.get('trackingUrl')}",
        "news": body.get("news", ""),
        "value": f"{refund // 100}.{refund % 100:02}",
    }


def _deny_reason(occasion: Occasion) -> str | None:
    request = next(
        (one for one in occasion.order.requests if one.id == occasion.message.body.get("request")),
        None,
    )
    return request.denial_reason if request else None


def record_mail_of_trigger(
    cell: Cell, stream: str, run_id: str, mail: Mail, template: str | None
) -> None:
    """Keep a mail that a trigger sends about an order in the order's conversation, once."""
    order = cell.loader().load(stream).state
    if not isinstance(order, Order):
        return
    customer = _customer(order, soft=False)
    anonymous = {"alias": "", "mask": 0, "name": "", "role": "null"}
    to = [
        customer
        if address_of(one) == customer["email"]
        else {**anonymous, "email": address_of(one)}
        for one in (*mail.to, *mail.cc)
    ]
    content = {"subject": mail.subject, "html": mail.html, "from": no_reply(order), "to": to}
    if template is not None:
        content["template"] = template
    entry = RecordedMessage(f"trigger/{run_id}", cell.clock.micros(), content)
    with cell.database.writing() as connection:
        recorded.add(connection, cell.encryption, order.account, order.order_id, entry)


def conversation_of(cell: Cell, order: Order) -> list[RecordedMessage]:
    """Everything that was said about an order, what is on its way out included."""
    with cell.database.snapshot() as connection:
        mails = outbox.listed(
            connection, order.account, order.order_id, limit=MOST, channels=(MAIL.name,)
        )
        said = recorded.of_order(connection, cell.encryption, order.account, order.order_id)
    known, now = {one.occasion for one in said}, cell.clock.micros()
    pending = [
        mail
        for mail in mails
        if mail.kind in (KIND, REMINDER)
        and mail.state == outbox.WAITING
        and mail.due_at <= now
        and mail.key not in known
    ]
    loader = cell.ledger.loader
    account = loader.load(order_stream(order.account, "")).state if pending else None
    for mail in pending:
        with suppress(NotWritten):
            written = _write(cell, mail, cast(Account, account), loader.load(mail.ordering_key))
            if not written.recorded:
                with cell.database.writing() as connection:
                    _record(connection, cell, mail, written)
    if pending:
        with cell.database.snapshot() as connection:
            said = recorded.of_order(connection, cell.encryption, order.account, order.order_id)
    if any(mail.key == texts.NEW_ORDER for mail in mails):
        return said
    return [*_before(order, said), *said]


def _before(order: Order, said: list[RecordedMessage]) -> list[RecordedMessage]:
    """The mails of an order from before mails were recorded, as its document says it."""
    since = min((one.at for one in said), default=None)
    return [
        RecordedMessage(
            f"{one.kind}/{one.at}",
            micros(one.at),
            {
                "subject": one.subject,
                "html": html_of(one.text),
                "from": no_reply(order),
                "to": [_customer(order, soft=False)],
            },
        )
        for one in messages(order)
        if since is None or micros(one.at) < since
    ]
