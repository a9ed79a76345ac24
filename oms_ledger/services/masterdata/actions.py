"""What a trigger does: rendered from the version that fired it, then carried out."""

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formataddr
from html import escape
from typing import Any

import requests

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.http_client.addresses import REFUSED, Allowed, wrong_url
from oms_ledger.http_client.sessions import EXCHANGES, ForbiddenAddress, session
from oms_ledger.masterdata.document import Document, searchable
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.refusals import InvalidDocument
from oms_ledger.masterdata.streams import entity_stream
from oms_ledger.masterdata.substitution import spelled, substitute, substitute_text
from oms_ledger.masterdata.triggers import EMAIL, TEMPLATE_EMAIL, Trigger, header_refusal
from oms_ledger.notifications.mail import InvalidMail, Mail, recipients_of
from oms_ledger.notifications.templates import TemplateError
from oms_ledger.notifications.webhook import signature_headers
from oms_ledger.orders.order import Order
from oms_ledger.refusal import Refusal
from oms_ledger.services.conversation.order_mails import record_mail_of_trigger
from oms_ledger.services.conversation.smtp import (
    MailRefused,
    UnknownProvider,
    deliver,
    message_id,
    provider_of,
)
from oms_ledger.services.conversation.templates import rendered_template
from oms_ledger.services.masterdata.documents import Find, Save, save
from oms_ledger.services.masterdata.profiles import save_profiles
from projections.masterdata import trigger_secrets
from projections.masterdata.orders import order_document
from projections.masterdata.runs import PROFILES, Run

MAIL_FIELDS = ("to", "cc", "bcc", "from", "replyTo", "subject", "provider")
TIMEOUT = 10.0  # seconds that an endpoint has to answer

Json = dict[str, Any]


class NothingLeft(Exception):
    """What the run is about is gone."""


class AttemptFailed(Exception):
    """It did not come through; `status` is that of an answer, if there was one.

    `answered`: whether the other side answered; None where nothing was sent.
    """

    def __init__(
        self,
        error: str,
        status: int | None = None,
        *,
        for_good: bool = False,
        answered: bool | None = None,
    ) -> None:
        super().__init__(error)
        self.status, self.for_good = status, for_good
        self.answered = True if status is not None else answered


@dataclass(frozen=True, slots=True)
class Fired:
    """A run's trigger as it was when it fired, and the document that fired it."""

    trigger: Trigger
    document: Json
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a successful attempt account: the status of an answer, or a note."""

    status: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it is sent."""

    method: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def fired_by(cell: Cell, run: Run) -> Fired:
    """Load the trigger and the document of a run; `NothingLeft` where one of them is gone."""
    loader = cell.loader()
    if run.schema == PROFILES:
        return Fired(Trigger(PROFILES, {"type": PROFILES}, times=10), {"id": run.stream})
    entity = loader.load(entity_stream(run.account, run.entity), run.entity_version).state
    assert isinstance(entity, Entity), "a run's entity was configured when it fired"
    trigger = next(one for one in entity.schemas[run.schema].triggers if one.name == run.trigger)
    state = loader.load(run.stream, run.version).state
    if isinstance(state, Order):
        return Fired(trigger, order_document(state))
    now = loader.load(run.stream).state
    if not isinstance(now, Document) or not now.exists or not isinstance(state, Document):
        raise NothingLeft("the document was deleted")
    return Fired(trigger, searchable(state))


async def perform(cell: Cell, run: Run, single_fire: Fired) -> Result:
    """Carry an action out; `AttemptFailed` where it did not come through."""
    match single_fire.trigger.type:
        case "http":
            return await _http(cell, run, single_fire)
        case "save":
            return await _save(cell, run, single_fire)
        case name if name == PROFILES:
            return Result(note=await save_profiles(cell, run))
        case _:
            return await _mail(cell, run, single_fire)


# http


def request_of(action: Json, document: Json) -> Request:
    """The request of an action. JSON unless the body is a text, which is sent as it is."""
    method = str(action.get("method") or "POST").upper()
    given = action.get("headers") or {}
    headers = {name: substitute_text(value, document).strip(" \t") for name, value in given.items()}
    body = substitute(action.get("body"), document)
    if body is None:
        raw = b""
    elif isinstance(action.get("body"), str) and isinstance(body, str):
        raw = body.encode()
    else:
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if raw and not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = "application/json"
    return Request(method, substitute_text(str(action["uri"]), document), headers, raw)


def rendered_action(action: Json, document: Json) -> Json:
    """An action as it would be carried out, the values of headers hidden."""
    fields: Json = substitute(action, document)
    if action["type"] == EMAIL and "body" in action:
        fields["body"] = substitute_text(str(action["body"] or ""), document, escape)
    if isinstance(fields.get("headers"), dict):
        fields["headers"] = dict.fromkeys(fields["headers"], "***")
    return fields


def _unsafe(headers: Mapping[str, str]) -> str | None:
    for name, value in headers.items():
        if any(char in "\r\n\x00" for char in name + value):
            return f"header '{name[:40]}' holds a line break or NUL"
        if refusal := header_refusal(name):
            return f"header '{name[:40]}': {refusal}"
    return None


async def _http(cell: Cell, run: Run, single_fire: Fired) -> Result:
    request = request_of(single_fire.trigger.action, single_fire.document)
    if unsafe := _unsafe(request.headers):
        raise AttemptFailed(unsafe, for_good=True)
    networks = cell.settings.networks_of(run.account)
    if refusal := wrong_url(request.uri, networks):
        raise AttemptFailed(refusal, for_good=True)
    secret = await asyncio.to_thread(_secret, cell, run.account)
    at = int(cell.clock.seconds())
    signed = {"webhook-id": run.id, "webhook-timestamp": str(at)}
    if secret is not None:
        signed = signature_headers([secret], run.id, at, request.body.decode())
    loop = asyncio.get_running_loop()
    status = await loop.run_in_executor(EXCHANGES, _send, networks, request, signed)
    if not 200 <= status < 300:
        raise AttemptFailed(f"HTTP {status}", status)
    return Result(status)


def _secret(cell: Cell, account: str) -> str | None:
    with cell.database.snapshot() as connection:
        return trigger_secrets.get(connection, cell.encryption, account)


def _send(networks: Sequence[Allowed], request: Request, signed: Mapping[str, str]) -> int:
    made = session(networks)
    headers = {name: value.encode("utf-8") for name, value in request.headers.items()}
    headers |= {name: value.encode() for name, value in signed.items()}
    try:
        with made.request(
            request.method,
            request.uri,
            data=request.body or None,
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as answer:
            return int(answer.status_code)
    except ForbiddenAddress:
        raise AttemptFailed(REFUSED, for_good=True) from None
    except (requests.RequestException, OSError, ValueError) as error:
        if _is_forbidden(error):
            raise AttemptFailed(REFUSED, for_good=True) from None
        raise AttemptFailed(_reason(error), answered=False) from None
    finally:
        made.close()


def _is_forbidden(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ForbiddenAddress):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: BaseException) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT:.0f} s"
    return f"{type(error).__name__}"


# mail


async def _mail(cell: Cell, run: Run, single_fire: Fired) -> Result:
    try:
        fields, subject, html = await asyncio.to_thread(_written, cell, run, single_fire)
        provider = substitute_text(str(fields.get("provider") or "default"), single_fire.document)
        outgoing = await asyncio.to_thread(provider_of, cell, run.account, provider)
        mail = Mail(
            message_id=message_id(cell, run.id),
            sender=_sender(fields.get("from"), single_fire.document) or outgoing.sender,
            to=_addresses(fields.get("to"), single_fire.document),
            cc=_addresses(fields.get("cc"), single_fire.document),
            bcc=_addresses(fields.get("bcc"), single_fire.document),
            reply_to=_addresses(fields.get("replyTo"), single_fire.document),
            subject=subject,
            html=html,
        )
        template = str(fields["template"]) if single_fire.trigger.type == TEMPLATE_EMAIL else None
        await asyncio.to_thread(record_mail_of_trigger, cell, run.stream, run.id, mail, template)
        sent = await deliver(outgoing, mail, cell.clock.now())
    except (InvalidMail, UnknownProvider, TemplateError) as error:
        raise AttemptFailed(str(error)[:500], for_good=True) from None
    except MailRefused as error:
        raise AttemptFailed(
            str(error)[:500], error.code, for_good=error.for_good, answered=False
        ) from None
    return Result(note=None if sent else "recorded, not sent")


def _written(cell: Cell, run: Run, single_fire: Fired) -> tuple[Json, str, str]:
    """What the action says besides, the subject and the HTML of its mail."""
    action, document = single_fire.trigger.action, single_fire.document
    if single_fire.trigger.type != TEMPLATE_EMAIL:
        html = substitute_text(str(action.get("body") or ""), document, escape)
        return action, substitute_text(str(action.get("subject") or ""), document), html
    given = action.get("body") or {}
    fields = {**{name: given[name] for name in MAIL_FIELDS if name in given}, **action}
    name, data = substitute_text(action["template"], document), substitute(given, document)
    subject, html = rendered_template(cell, run.account, name, data)
    if fields.get("subject"):
        subject = substitute_text(str(fields["subject"]), document)
    return fields, subject, html


def _sender(given: Any, document: Json) -> str | None:
    fields = substitute(given, document)
    if isinstance(fields, str):
        return fields or None
    if not isinstance(fields, dict) or not fields.get("email"):
        return None
    name, email = spelled(fields.get("name")), spelled(fields["email"])
    if any(char in "\r\n\x00" for char in name):
        raise InvalidMail("the sender's name holds a line break or NUL")
    return formataddr((name, email)) if name.isascii() else f'"{name}" <{email}>'


def _addresses(given: Any, document: Json) -> tuple[str, ...]:
    return recipients_of(substitute(given, document)) if given is not None else ()


# save


async def _save(cell: Cell, run: Run, single_fire: Fired) -> Result:
    body = substitute(single_fire.trigger.action["json"], single_fire.document)
    entity = str(single_fire.trigger.action["dataEntity"])
    requested = Save(
        entity,
        body,
        Find.UNIQUE,
        partial=True,
        chain=run.chain,
        fresh_id=str(uuid.UUID(run.id, version=4)),
    )
    try:
        saved = await save(cell, CommandContext(run.account, run.actor, run.id), requested)
    except (Refusal, InvalidDocument) as error:
        raise AttemptFailed(str(error)[:500]) from None
    return Result(note=f"{saved.outcome.value} {entity}-{saved.document_id}")
