"""The calls that orders owe to others: what stands out, and what a person may do about it."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import segment
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import malformed
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.http.receipts import request_id
from oms_ledger.api.orders.documents import json_response
from oms_ledger.eventstore.records import instant
from oms_ledger.orders.instants import spell
from oms_ledger.services import signals as wakeups
from oms_ledger.services.outbox import admin as mending
from projections.outbox import messages as calls
from projections.outbox.messages import Owed

router = APIRouter(tags=["Calls to others"])
STATES = (calls.WAITING, calls.DONE, calls.DEAD, calls.SKIPPED)
MOST = 500

MayView = Annotated[Caller, Depends(requires("view_calls"))]
MayMend = Annotated[Caller, Depends(requires("mend_calls"))]


def shown(owed: Owed) -> dict[str, Any]:
    """A call as it is shown to an operator; instants in UTC."""
    return {
        "id": owed.id,
        "orderId": owed.order_id,
        "version": owed.version,
        "party": owed.party,
        "kind": owed.kind,
        "key": owed.key,
        "state": owed.state,
        "attempts": owed.attempts,
        "producedAt": spell(instant(owed.produced_at), "Z"),
        "dueAt": spell(instant(owed.due_at), "Z") if owed.state == calls.WAITING else None,
        "settledAt": spell(instant(owed.settled_at), "Z") if owed.settled_at else None,
        "lastError": owed.last_error,
        "skipReason": owed.skip_reason,
    }


@router.get("/api/ledger/calls")
async def get_calls(request: Request, cell: TheCell, caller: MayView) -> Response:
    """The account's calls: of one order (`orderId`) in the order they are made, else newest first.

    `state` is one of waiting, done, dead, skipped; `limit` at most 500.
    """
    query = request.query_params
    state = query.get("state") or None
    if state is not None and state not in STATES:
        raise malformed(f"state: found {state[:60]!r}, expected one of {', '.join(STATES)}")
    limit = whole_number(request, "limit", 100, MOST, lowest=1)
    order_id = query.get("orderId") or None

    def look() -> list[Owed]:
        with cell.database.reading() as connection:
            return calls.listed(connection, caller.account, order_id, state, limit)

    return json_response({"list": [shown(one) for one in await asyncio.to_thread(look)]})


@router.post("/api/ledger/calls/{call_id}/resume")
async def post_resume(call_id: str, request: Request, cell: TheCell, caller: MayMend) -> Response:
    """Have a call made again at once; the order is no longer in error because of it."""
    owed = await mending.resume(
        cell, caller.account, segment(call_id), by=caller.app_key, cause=request_id(request)
    )
    await asyncio.to_thread(wakeups.wake, cell.redis, [calls.CURSOR])
    return json_response(shown(owed))


class Skip(Body):
    reason: str


@router.post("/api/ledger/calls/{call_id}/skip")
async def post_skip(call_id: str, request: Request, cell: TheCell, caller: MayMend) -> Response:
    """Leave a call out, so that those after it are made; `reason` stays in the history."""
    reason = parse(Skip, await json_body(request)).reason.strip()
    if not reason:
        raise malformed("reason: found nothing, expected why the call need not be made")
    owed = await mending.skip(
        cell,
        caller.account,
        segment(call_id),
        reason=reason[:1000],
        by=caller.app_key,
        cause=request_id(request),
    )
    await asyncio.to_thread(wakeups.wake, cell.redis, [calls.CURSOR])
    return json_response(shown(owed))
