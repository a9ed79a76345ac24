"""The outbox of an account: messages to partners and gateways, and what a person may do."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.orders.documents import json_response
from oms_ledger.eventstore.records import instant
from oms_ledger.orders.instants import spell
from oms_ledger.services import signals
from oms_ledger.services.outbox import admin
from projections.outbox import messages
from projections.outbox.messages import StoredMessage

router = APIRouter(tags=["Outbox"])
MOST = 500

MayView = Annotated[Caller, Depends(requires("view_calls"))]
MayMend = Annotated[Caller, Depends(requires("mend_calls"))]


def shown(message: StoredMessage) -> dict[str, Any]:
    """A message as it is shown to an operator; instants in UTC."""
    return {
        "id": message.id,
        "orderId": message.order_id or None,
        "version": message.version,
        "channel": message.channel,
        "recipient": message.recipient,
        "kind": message.kind,
        "key": message.key,
        "state": message.state,
        "attempts": message.attempts,
        "producedAt": spell(instant(message.produced_at), "Z"),
        "dueAt": spell(instant(message.due_at), "Z") if message.state == messages.WAITING else None,
        "completedAt": spell(instant(message.completed_at), "Z") if message.completed_at else None,
        "lastError": message.last_error,
        "skipReason": message.skip_reason,
    }


@router.get("/api/ledger/outbox")
async def get_calls(request: Request, cell: TheCell, caller: MayView) -> Response:
    """The messages of the account's orders: of one (`orderId`) in their order, else newest first.

    `state` is one of pending, delivered, dead, skipped; `channel` one of partner, gateway,
    internal, which are shown without it, or mail; `recipient` who gets them; `limit` at most 500.
    """
    query = request.query_params
    state = query.get("state") or None
    if state is not None and state not in messages.STATES:
        raise bad_request(
            f"state: found {state[:60]!r}, expected one of {', '.join(messages.STATES)}"
        )
    channel = query.get("channel") or None
    if channel is not None and channel not in messages.SHOWN:
        expected = ", ".join(messages.SHOWN)
        raise bad_request(f"channel: found {channel[:60]!r}, expected one of {expected}")
    channels = messages.OF_ORDERS if channel is None else (channel,)
    limit = whole_number(request, "limit", 100, MOST, lowest=1)
    order_id = query.get("orderId") or None

    recipient = query.get("recipient") or None

    def look(connection: Connection) -> list[StoredMessage]:
        return messages.listed(
            connection, caller.account, order_id, state, limit, channels, recipient
        )

    found = await cell.read(look)
    return json_response({"list": [shown(one) for one in found]})


@router.post("/api/ledger/outbox/{message_id}/resume")
async def post_resume(
    message_id: PathId, request: Request, cell: TheCell, caller: MayMend
) -> Response:
    """Have a message sent again at once; the order is no longer in error because of it."""
    message = await admin.resume(cell, caller.context, message_id)
    await asyncio.to_thread(signals.signal, cell.redis, [messages.SUBSCRIPTION])
    return json_response(shown(message))


class Skip(Body):
    """Why the message is given up."""

    reason: str


@router.post("/api/ledger/outbox/{message_id}/skip")
async def post_skip(
    message_id: PathId, request: Request, cell: TheCell, caller: MayMend
) -> Response:
    """Skip a message, so that those after it are sent; `reason` stays in the history."""
    reason = parse(Skip, await json_body(request)).reason.strip()
    if not reason:
        raise bad_request("reason: found nothing, expected why the message need not be delivered")
    message = await admin.skip(cell, caller.context, message_id, reason=reason[:1000])
    await asyncio.to_thread(signals.signal, cell.redis, [messages.SUBSCRIPTION])
    return json_response(shown(message))
