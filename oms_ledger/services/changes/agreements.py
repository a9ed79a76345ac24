"""Changes of an order that two accounts of the deployment have: calls between the two."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders import events as e
from oms_ledger.orders.changes import refusals as no
from oms_ledger.orders.changes import settings as s
from oms_ledger.orders.changes.agreements import conclude_change, hear_registered, take_change
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
from oms_ledger.orders.decide import Facts
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import GatewayAway, GatewayRefused
from oms_ledger.orders.refusals import Busy, OrderNotFound
from oms_ledger.refusal import Refusal
from oms_ledger.services.changes.v1_payment import give_up, pay_more
from oms_ledger.services.customers.identity import with_identity
from oms_ledger.services.outbox.outcomes import Failed, TryAgain
from projections.outbox.messages import Owed

AGREEMENT = "agreement"


async def _there(cell: Cell, owed: Owed, decision: Any, **named: Any) -> Order:
    return await cell.ledger.change(
        owed.other,
        owed.body["order"],
        partial(decision, **named),
        by=_partner(owed),
        cause=owed.cause,
    )


def _partner(owed: Owed) -> str:
    return f"partner:{owed.account}"


async def _here(cell: Cell, owed: Owed, decision: Any, **named: Any) -> Order:
    return await cell.ledger.change(
        owed.account,
        owed.order_id,
        partial(decision, **named),
        by=f"partner:{owed.other}",
        cause=owed.cause,
    )


def _itself(order: Order) -> str:
    """How the other side's order calls this one."""
    return f"{'seller' if order.flow == 'seller' else 'marketplace'}:{order.account}"


async def ask_change(cell: Cell, owed: Owed) -> None:
    """Have the other side take the request, and tell the marketplace's order what it agreed to."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    request = known(order, owed.body["requestId"])
    if request is None or not request.in_progress or request.gave_up:
        return
    try:
        await _taken(cell, owed, order, request)
    except (no.ChangeInProgress, Busy) as wait:
        await failed(cell, owed, request, wait, final=False)
    except (AccountNotFound, OrderNotFound):
        await failed(cell, owed, request, no.ParticipantUnreachable(), final=False)
    except Refusal as refusal:
        await failed(cell, owed, request, refusal, final=True)
    else:
        await _agreed(cell, owed, order, request)


async def _taken(cell: Cell, owed: Owed, order: Order, request: ChangeRequest) -> None:
    account = await cell.ledger.account(owed.other)
    who = with_identity(cell.vault, owed.other, request.asked.client_profile, vouched=False)
    await _there(
        cell,
        owed,
        take_change,
        asked=replace(request, asked=replace(request.asked, client_profile=who)),
        participant=_itself(order),
        origin=order,
        settings=s.shown(account.settings.get(s.SETTING) or {}),
    )


async def _agreed(cell: Cell, owed: Owed, order: Order, request: ChangeRequest) -> None:
    agreement = {"request_id": request.id, "agreement": CONFIRMATION}
    if order.flow != "seller":
        await _here(cell, owed, agree, participant=owed.party, **agreement)
        return
    # From here on the seller's request cannot be canceled alone, unless it was before.
    told = {"request_id": request.id, "agreement": "Acknowledgment", "participant": owed.party}
    order = await _here(cell, owed, agree, **told)
    latest = known(order, request.id)
    if latest is not None and latest.in_progress:
        await _there(cell, owed, agree, participant=_itself(order), **agreement)
    else:
        await _concluded(cell, owed, order, request.id, done=False)


async def failed(
    cell: Cell, owed: Owed, request: ChangeRequest, refusal: Refusal, *, final: bool
) -> None:
    order = await _here(
        cell,
        owed,
        fail_step,
        request_id=request.id,
        step=AGREEMENT,
        code=refusal.code,
        message=refusal.message,
        final=final,
    )
    latest = known(order, request.id)
    if latest is not None and latest.in_progress and not latest.gave_up:
        raise TryAgain(refusal.message)


async def settle_change(cell: Cell, owed: Owed) -> None:
    """Tell the other side how the request ended."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    request = known(order, owed.body["requestId"])
    if request is not None and not request.in_progress:
        await _concluded(cell, owed, order, request.id, done=request.ended == DONE)


async def _concluded(cell: Cell, owed: Owed, order: Order, request_id: str, *, done: bool) -> None:
    try:
        await _there(
            cell,
            owed,
            conclude_change,
            request_id=request_id,
            participant=_itself(order),
            done=done,
        )
    except (AccountNotFound, OrderNotFound):
        return  # it never took the request


async def tell_registered(cell: Cell, owed: Owed) -> None:
    """A v1 change, to the other side; what it costs more is paid by the marketplace's payment."""
    event = await asyncio.to_thread(_event, cell, owed)
    assert isinstance(event, e.ChangeRegistered)
    prepared = None
    try:
        order = await cell.ledger.order(owed.other, owed.body["order"])
        paid = _paid_by(order, event)
        if paid:
            prepared = await pay_more(
                cell,
                order,
                event.increment_value,
                event.request_id,
                by=_partner(owed),
                cause=owed.cause,
            )
        await _there(cell, owed, _hear, change=event, paid=paid, prepared=prepared)
    except (Busy, no.ChangeInProgress) as wait:
        raise TryAgain(wait.message) from wait
    except GatewayAway as away:
        raise TryAgain(str(away), away.after) from away
    except (Refusal, GatewayRefused) as refusal:
        if prepared is not None:
            await give_up(cell, order, prepared, by=_partner(owed), cause=owed.cause)
        raise Failed(f"{owed.other} refuses: {refusal}") from refusal


def _paid_by(order: Order, event: e.ChangeRegistered) -> tuple[e.PaidPart, ...]:
    more = event.increment_value if has_own_payment(order) else 0
    if not more or registered(order, event.request_id):
        return ()
    paid = parts_of(order, more)
    if not paid:
        raise no.ModificationPaymentCannotIncrease()
    return paid


def _hear(
    order: Order,
    facts: Facts,
    *,
    change: e.ChangeRegistered,
    paid: tuple[e.PaidPart, ...],
    prepared: str | None,
) -> list[e.OrderEvent]:
    if not registered(order, change.request_id):
        require_prepared(order, prepared)
    return hear_registered(order, facts, change=change, paid=paid)


def _event(cell: Cell, owed: Owed) -> e.Event:
    stream = order_stream(owed.account, owed.order_id)
    row = next(r for r in cell.store.stream(stream, owed.version - 1) if r.version == owed.version)
    return cell.ledger.folds.events([row])[0]


HANDLERS: dict[str, Callable[[Cell, Owed], Awaitable[None]]] = {
    ASK: ask_change,
    SETTLE: settle_change,
    TELL: tell_registered,
}
