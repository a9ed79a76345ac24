"""One request to a partner outside: its headers, and what an answer means for the message.

The published protocol says when an answer means something else; this is what holds otherwise.
"""

import secrets
import uuid
from datetime import timedelta
from typing import Any

import orjson

from oms_ledger.cell import Cell
from oms_ledger.http_client.answers import read_json
from oms_ledger.http_client.partner_client import Endpoint, PartnerAnswer
from oms_ledger.orders.events import Json
from oms_ledger.plain_text import plain
from oms_ledger.services.marketplace.counterpart import Done, Refused, Unknown

LONGEST_PAUSE = timedelta(hours=1)
_AGAIN = frozenset({401, 403, 405, 407, 408, 409, 425, 429})
_SHOWN = 500  # characters of an answer


async def ask(
    cell: Cell,
    account: str,
    message_id: str,
    method: str,
    endpoint: Endpoint,
    body: Json | list[Json],
) -> PartnerAnswer:
    """Send a request of an account; `message_id` (32 hex) is the same at every repetition."""
    client = cell.partner_clients.of(cell.settings.networks_of(account))
    return await client.ask(method, endpoint, sent(body), headers(message_id))


def sent(body: Json | list[Json]) -> bytes:
    """A body as partners get it: JSON in UTF-8."""
    return orjson.dumps(body)


def headers(message_id: str) -> dict[str, str]:
    """The headers by which a partner knows a request again, and the trace that it belongs to."""
    return {
        "x-vtex-operation-id": str(uuid.UUID(message_id)),
        "Idempotency-Key": message_id,
        "traceparent": f"00-{message_id}-{secrets.token_hex(8)}-01",
    }


def outcome_of(answer: PartnerAnswer) -> Done | Refused | Unknown:
    """What an answer means where any success will do."""
    if answer.well:
        return Done(receipt_in(parsed(answer)))
    if answer.status is not None and 400 <= answer.status < 500 and answer.status not in _AGAIN:
        return Refused(said(answer), answer.status)
    return again(answer)


def again(answer: PartnerAnswer, *, needs_person: bool = False, lasting: bool = False) -> Unknown:
    """The outcome is open: ask again, no earlier than the partner wished.

    Where it must not be called at all, a person has to mend its address.
    """
    return Unknown(
        said(answer),
        min(answer.retry_after, LONGEST_PAUSE) if answer.retry_after else None,
        answer.status,
        answered=answer.status is not None and answer.status < 500,
        needs_person=needs_person or answer.forbidden,
        lasting=lasting,
    )


def parsed(answer: PartnerAnswer) -> Any:
    """The JSON of an answer; None where it has none."""
    try:
        return read_json(answer.content)
    except orjson.JSONDecodeError:
        return None


def receipt_in(body: object) -> str | None:
    """The receipt in a partner's answer, at most 200 characters; None where it names none."""
    receipt = body.get("receipt") if isinstance(body, dict) else None
    return str(receipt)[:200] if isinstance(receipt, str | int) and receipt else None


def said(answer: PartnerAnswer) -> str:
    """What a partner said, for people: its sentence, or the beginning of its answer."""
    body = parsed(answer)
    if isinstance(body, dict):
        error = body.get("error")
        for text in (
            error.get("message") if isinstance(error, dict) else None,
            body.get("message"),
        ):
            if isinstance(text, str) and text.strip():
                return text.strip()[:_SHOWN]
    text = answer.content[: _SHOWN * 4].decode("utf-8", "replace").strip()[:_SHOWN]
    return plain(f"{answer.seen}: {text}" if text else answer.seen)
