"""What an account answers when another one calls about a change of an order that both have."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.changes import refusals, settings
from oms_ledger.orders.changes.agreements import (
    accept_change,
    complete_change,
    record_registered_change,
)
from oms_ledger.orders.changes.payments import has_own_payment, parts_of
from oms_ledger.orders.changes.v1 import registered
from oms_ledger.orders.changes.v1_payment import require_prepared
from oms_ledger.orders.changes.v2 import agree
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import GatewayRejected, GatewayUnavailable
from oms_ledger.orders.refusals import Busy, OrderNotFound
from oms_ledger.refusal import Refusal
from oms_ledger.services.changes.levels import (
    APPROVE,
    REGISTER_BELOW,
    register_below,
    require_approval,
)
from oms_ledger.services.changes.v1_payment import authorize_increase, give_up
from oms_ledger.services.customers.identity import with_identity
from oms_ledger.services.marketplace.account_answers import changed, context_of
from oms_ledger.services.marketplace.account_calls import (
    SOON,
    AccountCall,
    Answer,
    Outcome,
    is_hosted,
)
from oms_ledger.services.marketplace.counterpart import Declined, Done, Refused, Unknown

ACCEPT, AGREE, COMPLETE, REGISTER = (
    *("accept-change", "agree-change", "complete-change"),
    "register-change",
)


async def accept(cell: Cell, call: AccountCall) -> Outcome:
    """Take a v2 request that the other side has, or say what it does not allow."""
    try:
        account = await cell.ledger.account(call.recipient)
        change: events.ChangeRequested = call.event
        who = with_identity(cell.encryption, call.recipient, change.client_profile, vouched=False)
        decision = partial(
            accept_change,
            change=replace(change, client_profile=who),
            totals_before=_totals(call.values["totals_before"]),
            participant=call.values["participant"],
            origin=(call.sender, call.values["origin_order"]),
            settings=settings.shown(account.settings.get(settings.SETTING) or {}),
        )
        await changed(cell, call, decision)
    except (refusals.ChangeInProgress, Busy) as wait:
        return _declined(wait, final=False)
    except (AccountNotFound, OrderNotFound):
        return _declined(refusals.ParticipantUnreachable(), final=False)
    except Refusal as refusal:
        return _declined(refusal)
    return Done()


def _totals(given: Sequence[Mapping[str, Any]]) -> tuple[events.Total, ...]:
    return tuple(events.Total(**one) for one in given)


async def agree_to(cell: Cell, call: AccountCall) -> Outcome:
    """Record what the other side agreed to."""
    try:
        await changed(cell, call, partial(agree, **call.values))
    except Refusal as refusal:
        return _declined(refusal, final=False)
    return Done()


async def complete(cell: Cell, call: AccountCall) -> Outcome:
    """Record how the request ended on the other side; nothing where it never was taken."""
    try:
        await changed(cell, call, partial(complete_change, **call.values))
    except (AccountNotFound, OrderNotFound):
        return await _nothing_there(cell, call)
    except Refusal as refusal:
        return _declined(refusal, final=False)
    return Done()


async def register(cell: Cell, call: AccountCall) -> Outcome:
    """Record a v1 change of the other side; what it costs more is paid by the payment here."""
    change: events.ChangeRegistered = call.event
    ctx, prepared = context_of(call), None
    try:
        order = await cell.ledger.order(call.recipient, call.order_id)
        paid = _paid_by(order, change)
        if paid:
            prepared = await authorize_increase(
                cell, ctx, order, change.increment_value, change.request_id
            )
        decision = partial(_record_change, change=change, paid=paid, prepared=prepared)
        await changed(cell, call, decision)
    except (Busy, refusals.ChangeInProgress) as wait:
        return Unknown(wait.message)
    except GatewayUnavailable as away:
        return Unknown(str(away), away.after)
    except (Refusal, GatewayRejected) as refusal:
        if not await is_hosted(cell, call.recipient):
            return Unknown("The account is moving to another cell", SOON, answered=None)
        if prepared is not None:
            await give_up(cell, ctx, order, prepared)
        return Refused(str(refusal))
    return Done()


def _paid_by(order: Order, change: events.ChangeRegistered) -> tuple[events.PaidPart, ...]:
    more = change.increment_value if has_own_payment(order) else 0
    if not more or registered(order, change.request_id):
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


async def below(cell: Cell, call: AccountCall) -> Outcome:
    """Record a v1 change that its marketplace is about to register, at the levels below first."""
    ctx = CommandContext(call.recipient, f"partner:{call.sender}", call.cause)
    try:
        await register_below(cell, ctx, call.order_id, call.event)
    except Refusal as refusal:
        return _declined(refusal)
    return Done()


async def approve(cell: Cell, call: AccountCall) -> Outcome:
    """Ask whoever sold the order outside whether it may be changed."""
    try:
        order = await cell.ledger.order(call.recipient, call.order_id)
        await require_approval(cell, order, [call.event])
    except Refusal as refusal:
        return _declined(refusal)
    return Done()


async def _nothing_there(cell: Cell, call: AccountCall) -> Outcome:
    if not await is_hosted(cell, call.recipient):
        return Unknown("The account is moving to another cell", SOON, answered=None)
    return Done()


def _declined(refusal: Refusal, *, final: bool = True) -> Declined:
    return Declined(refusal.code, refusal.message, final, refusal.status)


ANSWERS: Mapping[str, Answer] = {
    ACCEPT: accept,
    AGREE: agree_to,
    COMPLETE: complete,
    REGISTER: register,
    REGISTER_BELOW: below,
    APPROVE: approve,
}
