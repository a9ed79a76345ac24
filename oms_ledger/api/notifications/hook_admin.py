"""What only hooks can do beyond the original (contract 04 §8): attempts, pause, rotation, peek.

What feeds and hooks have in common is in `given`.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import bad_request, shown
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.notifications.hook import missing
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.services import signals
from oms_ledger.services.accounts.subscriptions import (
    pause_hook,
    resume_hook,
    rotate_hook_secret,
)
from oms_ledger.whole_numbers import is_whole
from projections.notifications import deliveries, hooks
from projections.notifications.deliveries import AttemptRecord, hook_subscription
from projections.notifications.hooks import BOTH_SECRETS, Hook
from projections.outbox.messages import StoredMessage

PAGE, LONGEST_PAGE = 100, 1000
MAX_OVERLAP = 30 * 86_400

router = APIRouter(tags=["Feed and hook, beyond the original"])

MaySee = Annotated[Caller, Depends(requires("hook_state"))]
MayPause = Annotated[Caller, Depends(requires("hook_pause"))]
MayRotate = Annotated[Caller, Depends(requires("hook_rotate"))]


def serialize_state(connection: Connection, hook: Hook, now: int) -> dict[str, Any]:
    """How a hook is, as clients and terminals show it."""
    pending, oldest, dead = deliveries.overview(connection, hook.app_key)
    return {
        "appKey": hook.app_key,
        "account": hook.account,
        "url": hook.url,
        "paused": hook.paused_at is not None,
        "pausedAt": instant_text(hook.paused_at) if hook.paused_at else None,
        "pauseReason": hook.pause_reason,
        "consecutiveFailures": hook.consecutive_failures,
        "retryAfter": instant_text(hook.circuit_open_until)
        if hook.circuit_open_until > now
        else None,
        "pending": pending,
        "oldestPendingAt": instant_text(oldest) if oldest else None,
        "deadLetters": dead,
        "previousSecretValidUntil": (
            instant_text(hook.previous_until) if len(hook.signing(now)) > 1 else None
        ),
    }


def serialize_attempt(made: AttemptRecord) -> dict[str, Any]:
    """An attempt: when, for how many milliseconds, and what came of it."""
    status = made.outcome.removeprefix("HTTP ")
    return {
        "position": made.position,
        "orderId": made.order_id,
        "attempt": made.attempt,
        "at": instant_text(made.at),
        "durationMs": round(made.duration / 1000, 3),
        "status": int(status) if is_whole(status, 3) else None,
        "error": None if made.outcome == "HTTP 200" else made.outcome,
        "nextAt": None if made.next_at is None else instant_text(made.next_at),
    }


def serialize_pending(one: StoredMessage) -> dict[str, Any]:
    """A notification that waits, and when it is due."""
    return {
        "position": one.position,
        "eventId": one.id,
        "orderId": one.order_id,
        "producedAt": instant_text(one.produced_at),
        "attempts": one.attempts,
        "dueAt": instant_text(one.due_at),
        "replayed": one.kind == deliveries.REPLAY,
        "notification": one.body,
    }


@router.get("/api/ledger/hook")
async def state(cell: TheCell, caller: MaySee) -> Response:
    """Whether the hook is paused or skipped, what it has pending, and what died."""

    def found(connection: Connection) -> dict[str, Any]:
        hook = hooks.get(connection, caller.app_key, cell.encryption)
        if hook is None:
            raise missing()
        return serialize_state(connection, hook, cell.clock.micros())

    return json_response(await cell.read(found))


@router.get("/api/ledger/hook/attempts")
async def list_attempts(request: Request, cell: TheCell, caller: MaySee) -> Response:
    """Every push attempt, the latest first: when, status, duration, error, next try.

    Query: `limit` (at most 1000), `position` of one notification, `failed=true`, `before` as the
    previous page's `next` said. Attempts are kept for two weeks, longer for what waits or is dead.
    """
    limit = whole_number(request, "limit", PAGE, LONGEST_PAGE, lowest=1)
    position = whole_number(request, "position", 0, 2**63 - 1) or None
    failed = request.query_params.get("failed", "").lower() == "true"
    before = _before(request.query_params.get("before", ""))

    made = await cell.read(
        deliveries.attempts_of,
        caller.app_key,
        before=before,
        position=position,
        failed=failed,
        limit=limit,
    )
    last = made[-1] if len(made) == limit else None
    following = f"{last.at}.{last.position}.{last.attempt}" if last else None
    return json_response({"attempts": [serialize_attempt(one) for one in made], "next": following})


def _before(text: str) -> tuple[int, int, int] | None:
    if not text:
        return None
    parts = text.split(".")
    if len(parts) == 3 and all(map(is_whole, parts)):
        return int(parts[0]), int(parts[1]), int(parts[2])
    raise bad_request(f"before: found {shown(text)}, expected what `next` of a page said")


@router.get("/api/ledger/hook/peek")
async def peek(request: Request, cell: TheCell, caller: MaySee) -> Response:
    """What the hook has pending, by position, untouched. Query: `after`, `limit` (at most 1000)."""
    after = whole_number(request, "after", 0, 2**63 - 1)
    limit = whole_number(request, "limit", PAGE, LONGEST_PAGE, lowest=1)

    pending = await cell.read(deliveries.peek, caller.app_key, after, limit)
    following = pending[-1].position if len(pending) == limit else None
    return json_response({"items": [serialize_pending(one) for one in pending], "next": following})


@router.post("/api/ledger/hook/pause")
async def pause(cell: TheCell, caller: MayPause) -> Response:
    """Stop pushing; what the filter passes is kept and given after the hook is resumed."""
    await pause_hook(cell, caller.context, caller.app_key)
    return json_response(await cell.read(_state, cell, caller.app_key))


@router.post("/api/ledger/hook/resume")
async def resume(cell: TheCell, caller: MayPause) -> Response:
    """Push again, beginning with what was kept; failures and waits of before are forgotten."""
    await resume_hook(cell, caller.context, caller.app_key)
    sinks = await cell.read(_state, cell, caller.app_key)
    await asyncio.to_thread(signals.signal, cell.redis, [hook_subscription(caller.app_key)])
    return json_response(sinks)


def _state(connection: Connection, cell: Cell, app_key: str) -> dict[str, Any]:
    hook = hooks.get(connection, app_key, cell.encryption)
    if hook is None:
        raise missing()
    return serialize_state(connection, hook, cell.clock.micros())


@router.post("/api/ledger/hook/secret")
async def rotate(request: Request, cell: TheCell, caller: MayRotate) -> Response:
    """A new signing secret, shown this once, here and in `X-Hook-Secret`.

    Body: `overlapSeconds` (a day unless said otherwise, 0 to 30 days): so long each push carries
    two signatures, by the new and by the previous secret, and receivers may take either.
    """
    body = await json_body(request) if await request.body() else {}
    both = body.get("overlapSeconds", BOTH_SECRETS) if isinstance(body, dict) else None
    if type(both) is not int or not 0 <= both <= MAX_OVERLAP:
        raise bad_request(f"overlapSeconds: expected a whole number from 0 to {MAX_OVERLAP}")

    secret, hook = await rotate_hook_secret(cell, caller.context, caller.app_key, both)
    until = hook.previous_until
    sinks = {"secret": secret, "previousSecretValidUntil": instant_text(until) if both else None}
    return json_response(sinks, headers={"X-Hook-Secret": secret, "Cache-Control": "no-store"})
