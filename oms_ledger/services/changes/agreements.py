"""Changes of an order that two accounts of the deployment have: messages between the two."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders import events
from oms_ledger.orders.changes.outbox import ASK, SETTLE, TELL
from oms_ledger.orders.changes.state import DONE, ChangeRequest
from oms_ledger.orders.changes.v2 import (
    CONFIRMATION,
    agree,
    fail_step,
    known,
)
from oms_ledger.orders.order import Order
from oms_ledger.refusal import Refusal
from oms_ledger.services.changes.account_answers import (
    ACCEPT,
    AGREE,
    ANSWERS,
    COMPLETE,
    REGISTER,
)
from oms_ledger.services.marketplace import account_calls
from oms_ledger.services.marketplace.account_calls import AccountCall, Outcome
from oms_ledger.services.marketplace.counterpart import Declined, Refused, Unknown
from oms_ledger.services.marketplace.outbox import open_outcome
from oms_ledger.services.outbox.outcomes import PermanentFailure, RetryLater
from projections.outbox.messages import StoredMessage

AGREEMENT = "agreement"


async def _there(
    cell: Cell, pending: StoredMessage, name: str, event: Any = None, **values: Any
) -> Outcome:
    """What the other account says to a call."""
    call = AccountCall(
        pending.account,
        pending.other,
        pending.cause,
        name,
        pending.body["order"],
        values,
        event,
    )
    return await account_calls.make(cell, call, ANSWERS)


async def _here(cell: Cell, pending: StoredMessage, decision: Any, **named: Any) -> Order:
    return await cell.ledger.change(
        CommandContext(pending.account, f"partner:{pending.other}", pending.cause),
        pending.order_id,
        partial(decision, **named),
    )


def _itself(order: Order) -> str:
    """How the other side's order calls this one."""
    return f"{'seller' if order.flow == 'seller' else 'marketplace'}:{order.account}"


async def ask_change(cell: Cell, pending: StoredMessage) -> None:
    """Have the other side take the request; record in the marketplace order what it agreed to."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    request = known(order, pending.body["requestId"])
    if request is None or not request.in_progress or request.aborted:
        return
    change = request.requested
    outcome = await _there(
        cell,
        pending,
        ACCEPT,
        change,
        totals_before=[asdict(total) for total in request.before.totals],
        participant=_itself(order),
        origin_order=order.order_id,
    )
    match outcome:
        case Declined():
            await failed(cell, pending, request, outcome, final=outcome.final)
        case Unknown():
            raise open_outcome(outcome)
        case _:
            await _agreed(cell, pending, order, request)


async def _agreed(cell: Cell, pending: StoredMessage, order: Order, request: ChangeRequest) -> None:
    agreement = {"request_id": request.id, "agreement": CONFIRMATION}
    if order.flow != "seller":
        await _here(cell, pending, agree, participant=pending.recipient, **agreement)
        return
    # From here on the seller's request cannot be canceled alone, unless it was before.
    fields = {
        "request_id": request.id,
        "agreement": "Acknowledgment",
        "participant": pending.recipient,
    }
    order = await _here(cell, pending, agree, **fields)
    latest = known(order, request.id)
    if latest is not None and latest.in_progress:
        _require_done(
            pending, await _there(cell, pending, AGREE, participant=_itself(order), **agreement)
        )
    else:
        await _concluded(cell, pending, order, request.id, done=False)


async def failed(
    cell: Cell,
    pending: StoredMessage,
    request: ChangeRequest,
    refusal: Refusal | Declined,
    *,
    final: bool,
    answered: bool = True,
) -> None:
    """Note on the order that the other side does not take part; try again unless it is final."""
    order = await _here(
        cell,
        pending,
        fail_step,
        request_id=request.id,
        step=AGREEMENT,
        code=refusal.code,
        message=refusal.message,
        final=final,
    )
    latest = known(order, request.id)
    if latest is not None and latest.in_progress and not latest.aborted:
        raise RetryLater(refusal.message, answered=answered)


async def settle_change(cell: Cell, pending: StoredMessage) -> None:
    """Send the other side how the request ended."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    request = known(order, pending.body["requestId"])
    if request is not None and not request.in_progress:
        await _concluded(cell, pending, order, request.id, done=request.ended == DONE)


async def _concluded(
    cell: Cell, pending: StoredMessage, order: Order, request_id: str, *, done: bool
) -> None:
    values = {"request_id": request_id, "participant": _itself(order), "done": done}
    _require_done(pending, await _there(cell, pending, COMPLETE, **values))


async def notify_registered(cell: Cell, pending: StoredMessage) -> None:
    """A v1 change, to the other side; what it costs more is paid by the marketplace's payment."""
    event = await asyncio.to_thread(_event, cell, pending)
    assert isinstance(event, events.ChangeRegistered)
    _require_done(pending, await _there(cell, pending, REGISTER, event))


def _require_done(pending: StoredMessage, outcome: Outcome) -> None:
    match outcome:
        case Unknown():
            raise open_outcome(outcome)
        case Declined(_, message):
            raise RetryLater(message)
        case Refused(reason):
            raise PermanentFailure(f"{pending.other} refuses: {reason}")


def _event(cell: Cell, pending: StoredMessage) -> events.Event:
    stream = order_stream(pending.account, pending.order_id)
    row = next(
        r for r in cell.store.stream(stream, pending.version - 1) if r.version == pending.version
    )
    event: events.Event = cell.ledger.loader.events([row])[0]
    return event


HANDLERS: dict[str, Callable[[Cell, StoredMessage], Awaitable[None]]] = {
    ASK: ask_change,
    SETTLE: settle_change,
    TELL: notify_registered,
}
