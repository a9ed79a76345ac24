"""Answers calls of accounts of other cells (`services.marketplace.account_calls`).

Only in a cell that the directory knows. Who opens a call is its signature, which the deployment
makes for a pair of accounts and one body; no key and no role does.
"""

import hmac
from collections.abc import Mapping

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT
from oms_ledger.api.http.errors import body_of
from oms_ledger.cell import Cell
from oms_ledger.eventstore.ledger import NOT_NOW, ConcurrencyError
from oms_ledger.services.changes import account_answers as of_changes
from oms_ledger.services.marketplace import account_answers
from oms_ledger.services.marketplace.account_calls import (
    PATH,
    SIGNED,
    Answer,
    digest,
    genuine,
    read,
    written_outcome,
)
from oms_ledger.services.offers.sources import QUOTE, OfferSources
from oms_ledger.services.placement import sellers

LARGEST = 8 * 1024 * 1024
"""Bytes of a call: an order with all its lines, and more."""

ANSWERS: Mapping[str, Answer] = {
    **account_answers.ANSWERS,
    **sellers.ANSWERS,
    **of_changes.ANSWERS,
}

AWAY: tuple[type[Exception], ...] = (*NOT_NOW, ConcurrencyError)

log = structlog.get_logger(__name__)


class AccountCalls:
    """In front of the API of a cell: takes the one path by which other cells call."""

    def __init__(self, app: ASGIApp, cell: Cell, offers: OfferSources) -> None:
        self._app, self._cell = app, cell
        self._answers = {**ANSWERS, QUOTE: offers.answer}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call; all else is for the application."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        recipient = str(scope["state"].get(REQUESTED_ACCOUNT) or "")
        given = dict(scope["headers"]).get(SIGNED.encode(), b"").decode("latin-1")
        now = self._cell.clock.now().timestamp()
        signed = genuine(self._cell.encryption, given, recipient, now)
        if scope["method"] != "POST" or signed is None:
            await _refuse(scope, send, 403, "Only other cells of the deployment call here")
            return
        body = await _body(receive)
        if body is None:
            await _refuse(scope, send, 413, f"The call is larger than {LARGEST} bytes")
        elif not hmac.compare_digest(digest(body), signed.digest):
            await _refuse(scope, send, 403, "The signature is that of another call")
        else:
            await self._answer(body, signed.sender, recipient, scope, send)

    async def _answer(
        self, body: bytes, sender: str, recipient: str, scope: Scope, send: Send
    ) -> None:
        try:
            call = read(body, recipient)
            answer = self._answers[call.name]
        except (ValueError, KeyError) as error:
            log.warning("account_call_unknown", sender=sender, account=recipient, error=str(error))
            await _refuse(scope, send, 501, "This release does not know the call")
            return
        if call.sender != sender:
            await _refuse(scope, send, 403, "The signature is that of another account")
            return
        try:
            outcome = await answer(self._cell, call)
        except AWAY as error:
            log.info("account_call_not_now", account=recipient, error=type(error).__name__)
            await _refuse(scope, send, 503, "The account is not written to just now: try again")
        except Exception:
            log.exception("account_call_failed", sender=sender, account=recipient, name=call.name)
            await _refuse(scope, send, 500, "The call failed")
        else:
            await _send(send, 200, written_outcome(outcome))


async def _body(receive: Receive) -> bytes | None:
    """The body; None when it is too large."""
    chunks, length, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        more = message.get("more_body", False)
        chunks.append(message.get("body", b""))
        length += len(chunks[-1])
        if length > LARGEST:
            return None
    return b"".join(chunks)


async def _refuse(scope: Scope, send: Send, status: int, message: str) -> None:
    await _send(send, status, body_of(scope, f"OMS{status}", message))


async def _send(send: Send, status: int, content: bytes) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        *([(b"retry-after", b"1")] if status == 503 else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
