"""Changes of an order that two accounts of the deployment have: messages between the two."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders import events
from oms_ledger.orders.changes import refusals, settings
from oms_ledger.orders.changes.agreements import (
    accept_change,
    complete_change,
    record_registered_change,
)
from oms_ledger.orders.changes.outbox import ASK, SETTLE, TELL
from oms_ledger.orders.changes.payments import has_own_payment, parts_of
from oms_ledger.orders.changes.state import DONE, ChangeRequest
from oms_ledger.orders.changes.v1 import registered
from oms_ledger.orders.changes.v1_payment import require_prepared
from oms_ledger.orders.changes.v2 import (
    CONFIRMATION,
    agree,
    fail_step,
    known,
)
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import GatewayRejected, GatewayUnavailable
from oms_ledger.orders.refusals import Busy, OrderNotFound
from oms_ledger.refusal import Refusal
from oms_ledger.services.changes.v1_payment import authorize_increase, give_up
from oms_ledger.services.customers.identity import with_identity
from oms_ledger.services.outbox.outcomes import PermanentFailure, RetryLater
from projections.outbox.messages import StoredMessage

AGREEMENT = "agreement"


async def _there(cell: Cell, pending: StoredMessage, decision: Any, **named: Any) -> Order:
    return await cell.ledger.change(
        CommandContext(pending.other, _partner(pending), pending.cause),
        pending.body["order"],
        partial(decision, **named),
    )


def _partner(pending: StoredMessage) -> str:
    return f"partner:{pending.account}"


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
    try:
        await _taken(cell, pending, order, request)
    except (refusals.ChangeInProgress, Busy) as wait:
        await failed(cell, pending, request, wait, final=False)
    except (AccountNotFound, OrderNotFound):
        await failed(cell, pending, request, refusals.ParticipantUnreachable(), final=False)
    except Refusal as refusal:
        await failed(cell, pending, request, refusal, final=True)
    else:
        await _agreed(cell, pending, order, request)


async def _taken(cell: Cell, pending: StoredMessage, order: Order, request: ChangeRequest) -> None:
    account = await cell.ledger.account(pending.other)
    who = with_identity(
        cell.encryption, pending.other, request.requested.client_profile, vouched=False
    )
    await _there(
        cell,
        pending,
        accept_change,
        requested=replace(request, requested=replace(request.requested, client_profile=who)),
        participant=_itself(order),
        origin=order,
        settings=settings.shown(account.settings.get(settings.SETTING) or {}),
    )


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
        await _there(cell, pending, agree, participant=_itself(order), **agreement)
    else:
        await _concluded(cell, pending, order, request.id, done=False)


async def failed(
    cell: Cell,
    pending: StoredMessage,
    request: ChangeRequest,
    refusal: Refusal,
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
    try:
        await _there(
            cell,
            pending,
            complete_change,
            request_id=request_id,
            participant=_itself(order),
            done=done,
        )
    except (AccountNotFound, OrderNotFound):
        return  # it never took the request


async def notify_registered(cell: Cell, pending: StoredMessage) -> None:
    """A v1 change, to the other side; what it costs more is paid by the marketplace's payment."""
    event = await asyncio.to_thread(_event, cell, pending)
    assert isinstance(event, events.ChangeRegistered)
    ctx, prepared = CommandContext(pending.other, _partner(pending), pending.cause), None
    try:
        order = await cell.ledger.order(pending.other, pending.body["order"])
        paid = _paid_by(order, event)
        if paid:
            prepared = await authorize_increase(
                cell, ctx, order, event.increment_value, event.request_id
            )
        await _there(cell, pending, _record_change, change=event, paid=paid, prepared=prepared)
    except (Busy, refusals.ChangeInProgress) as wait:
        raise RetryLater(wait.message) from wait
    except GatewayUnavailable as away:
        raise RetryLater(str(away), away.after) from away
    except (Refusal, GatewayRejected) as refusal:
        if prepared is not None:
            await give_up(cell, ctx, order, prepared)
        raise PermanentFailure(f"{pending.other} refuses: {refusal}") from refusal


def _paid_by(order: Order, event: events.ChangeRegistered) -> tuple[events.PaidPart, ...]:
    more = event.increment_value if has_own_payment(order) else 0
    if not more or registered(order, event.request_id):
        return ()
    paid = parts_of(order, more)
    if not paid:
        raise refusals.ModificationPaymentCannotIncrease()
    return paid


def _record_change(
    order: Order,
    context: DecisionContext,
    *,
    change: events.ChangeRegistered,
    paid: tuple[events.PaidPart, ...],
    prepared: str | None,
) -> list[events.OrderEvent]:
    if not registered(order, change.request_id):
        require_prepared(order, prepared)
    return record_registered_change(order, context, change=change, paid=paid)


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
