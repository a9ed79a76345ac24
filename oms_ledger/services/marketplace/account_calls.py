"""What one account of the deployment asks of another: a call, and what became of it.

A call is answered by a decision of the account that is called (`account_answers`). Where that is
in this cell the decision is made at once; where the directory has it in another one, the call goes
to that cell over HTTP, signed by the deployment for this pair of accounts and this body alone. It
may be made twice: every answer decides by the state of the order.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import msgspec
import orjson

from oms_ledger.accounts.refusals import AccountNotFound, AccountNotReached
from oms_ledger.cell import Cell
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.http_client.addresses import ANYWHERE
from oms_ledger.http_client.partner_client import Endpoint
from oms_ledger.services.marketplace.counterpart import (
    Declined,
    Denied,
    Done,
    Quote,
    Refused,
    Taken,
    Terms,
    Thinking,
    Unknown,
)
from oms_ledger.services.marketplace.exchange import again, parsed
from projections.subscriptions.checkpoints import account_head

PATH = "/api/cells/account-calls"
SIGNED = "x-oms-account-call"
VALID = 300
"""Seconds for which a signature holds: what the clocks of two cells may differ by, and more."""
SOON = timedelta(seconds=1)
Outcome = Taken | Done | Thinking | Denied | Refused | Declined | Unknown | Terms | Quote
_OUTCOMES: Mapping[str, type] = {
    kind.__name__.lower(): kind
    for kind in (Taken, Done, Thinking, Denied, Refused, Declined, Unknown, Terms, Quote)
}


@dataclass(frozen=True, slots=True)
class AccountCall:
    """A call of one account to another, about an order of the one that is called.

    `values` are JSON; `event` is an event of the caller's order, where the call is about one. The
    cause is what led to it, as events name it.
    """

    sender: str
    recipient: str
    cause: str | None
    name: str
    order_id: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    event: Any = None


Answer = Callable[[Cell, AccountCall], Awaitable[Outcome]]


async def cell_elsewhere(cell: Cell, account: str) -> str | None:
    """The address of the other cell that hosts an account; None when it is in this one, or in none.

    `AccountNotReached` while nobody can say: the directory is away and was never read, and the
    account is not live here.
    """
    directory = cell.directory
    if directory is not None and not (directory.fresh and directory.known):
        return await asyncio.to_thread(look_elsewhere, cell, account)
    return look_elsewhere(cell, account)


def look_elsewhere(cell: Cell, account: str) -> str | None:
    """`cell_elsewhere` for a thread that may wait."""
    directory = cell.directory
    if directory is None:
        return None
    if not directory.fresh:
        directory.refresh()
    place = directory.place(account)
    if place is None:
        if not directory.known and not _is_live_here(cell, account):
            raise AccountNotReached(account)
        return None
    if place.cell == cell.settings.cell:
        return None
    url = directory.url(place.cell)
    if url is None:
        raise AccountNotReached(account)
    return url


def _is_live_here(cell: Cell, account: str) -> bool:
    with cell.database.snapshot() as connection:
        live = hosting.state_of(connection, account) == hosting.LIVE
        return live and account_head(connection, account) > 0


async def is_account(cell: Cell, name: str) -> bool:
    """Whether there is an account of this name in the deployment."""
    if await cell_elsewhere(cell, name) is not None:
        return True
    try:
        await cell.ledger.account(name)
    except AccountNotFound:
        return False
    return True


async def make(cell: Cell, call: AccountCall, answers: Mapping[str, Answer]) -> Outcome:
    """Make a call wherever its recipient is; `answers` are those that this cell would give."""
    try:
        url = await cell_elsewhere(cell, call.recipient)
    except AccountNotReached:
        why = f"The directory does not say which cell hosts {call.recipient}"
        return Unknown(why, answered=None)
    if url is not None:
        return await over_http(cell, url, call)
    try:
        return await answers[call.name](cell, call)
    except AccountMoved as moved:
        if moved.args[0] != call.recipient:
            raise
        return Unknown(str(moved), SOON, answered=None)


async def is_hosted(cell: Cell, account: str) -> bool:
    """Whether what this cell knows of an account is all there is: nothing is in another cell."""
    state = await cell.read(hosting.state_of, account) if cell.directory else hosting.LIVE
    return state == hosting.LIVE


async def over_http(cell: Cell, url: str, call: AccountCall) -> Outcome:
    """Make a call to the cell at an address; without an answer the outcome is unknown."""
    body = written(call)
    endpoint = Endpoint(url, {SIGNED: signed(cell, call, body)})
    client = cell.partner_clients.of(ANYWHERE)
    answer = await client.ask("POST", endpoint.path(PATH, an=call.recipient), body, {})
    outcome = read_outcome(parsed(answer)) if answer.status == 200 else None
    return outcome or again(answer)


def signed(cell: Cell, call: AccountCall, body: bytes) -> str:
    """What opens a call from now on, for a while."""
    return signature(cell.encryption, call, int(cell.clock.now().timestamp()) + VALID, body)


# As bytes


def written(call: AccountCall) -> bytes:
    """The body of a call; its recipient stands in the address."""
    event = None
    if call.event is not None:
        name, plain, personal = EVENT_TYPES.encode(call.event)
        event = [name, orjson.Fragment(plain), personal and orjson.Fragment(personal)]
    sent = {
        "sender": call.sender,
        "cause": call.cause,
        "name": call.name,
        "orderId": call.order_id,
        "values": call.values,
        "event": event,
    }
    return orjson.dumps(sent)


class _Sent(msgspec.Struct):
    sender: str
    cause: str | None
    name: str
    order_id: str = msgspec.field(name="orderId")
    values: dict[str, Any]
    event: tuple[str, msgspec.Raw, msgspec.Raw] | None


def read(body: bytes, recipient: str) -> AccountCall:
    """The call of a body; ValueError when it is none that this release knows."""
    try:
        sent = msgspec.json.decode(body, type=_Sent)
        event = None
        if sent.event is not None:
            name, plain, personal = sent.event[0], bytes(sent.event[1]), bytes(sent.event[2])
            event = EVENT_TYPES.decode(name, plain, None if personal == b"null" else personal)
    except (msgspec.MsgspecError, KeyError) as error:
        raise ValueError(f"The call cannot be read: {error}") from error
    return AccountCall(
        sent.sender, recipient, sent.cause, sent.name, sent.order_id, sent.values, event
    )


def written_outcome(outcome: Outcome) -> bytes:
    """An outcome as a cell answers it."""
    name = type(outcome).__name__.lower()
    values = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    return msgspec.json.encode({"outcome": name, **values})


def read_outcome(body: Any) -> Outcome | None:
    """The outcome of an answer; None for what is none."""
    kind = _OUTCOMES.get(str(body.get("outcome"))) if isinstance(body, dict) else None
    if kind is None:
        return None
    try:
        outcome: Outcome = msgspec.convert({k: v for k, v in body.items() if k != "outcome"}, kind)
    except msgspec.ValidationError:
        return None
    return outcome


# Whose call it is


def signature(encryption: Encryption, call: AccountCall, until: int, body: bytes) -> str:
    """What opens one call of one pair of accounts until an instant, in Unix seconds."""
    signed = encryption.sign(_claims(call.sender, call.recipient, until, digest(body)))
    return f"{call.sender}.{until}.{digest(body)}.{signed}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A genuine signature: who calls, and the digest of what."""

    sender: str
    digest: str


def genuine(encryption: Encryption, text: str, recipient: str, now: float) -> Signature | None:
    """What a signature says; None for a forged or expired one, or one to another account."""
    sender, _, rest = text.partition(".")
    until, _, rest = rest.partition(".")
    of_body, _, signed = rest.partition(".")
    if not until.isascii() or not until.isdigit() or not int(until[:15]) > now:
        return None
    claims = _claims(sender, recipient, int(until[:15]), of_body)
    if not hmac.compare_digest(signed.encode(), encryption.sign(claims).encode()):
        return None
    return Signature(sender, of_body)


def digest(body: bytes) -> str:
    """SHA-256 of a body, in hex."""
    return hashlib.sha256(body).hexdigest()


def _claims(sender: str, recipient: str, until: int, of_body: str) -> str:
    return f"account-call:{sender}:{recipient}:{until}:{of_body}"
