"""Messages between an order and the other side of its sale, whoever that is.

A handler looks whether the message is still of use, sends it through the port, and records on the
sending order what became of it. It knows no more of the other side than its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from oms_ledger.accounts.refusals import AccountNotReached
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import instant, order_stream
from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import pending_requests
from oms_ledger.orders.decide import Decision as OrderDecision
from oms_ledger.orders.marketplace.as_marketplace import (
    record_seller_cancellation,
    record_seller_confirmation,
    record_seller_denial,
    record_seller_refusal,
)
from oms_ledger.orders.marketplace.levels import seller_order_id_of
from oms_ledger.orders.marketplace.outbox import AFFILIATE
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.services.marketplace.counterpart import (
    Denied,
    Done,
    MarketplaceSide,
    PartnerOutcome,
    Refused,
    SellerSide,
    Taken,
    Thinking,
    Unknown,
)
from oms_ledger.services.marketplace.other_account import OtherAccount
from oms_ledger.services.marketplace.outsider import OutsideMarketplace, OutsideSeller
from oms_ledger.services.marketplace.partnership import is_outside
from oms_ledger.services.outbox.outcomes import Delivered, PermanentFailure, RetryLater
from projections.outbox.messages import StoredMessage

TIME_TO_TAKE_UP = timedelta(minutes=2)  # what a change of seller may last, once proposed


async def seller_side(cell: Cell, message: StoredMessage, order: Order) -> SellerSide:
    """The seller that a message is for: outside, if the order says so.

    An order that was imported or placed before there was a register cannot say so: then the
    register does.
    """
    try:
        if order.placed.seller_outside or await is_outside(cell, message.account, message.other):
            return OutsideSeller(cell, message)
    except AccountNotReached as away:
        raise RetryLater(away.message, answered=None) from away
    return OtherAccount(cell, message)


def marketplace_side(cell: Cell, message: StoredMessage) -> MarketplaceSide:
    """The marketplace that a message is for: an outsider by its affiliate, else an account."""
    if message.recipient.startswith(f"{AFFILIATE}:"):
        return OutsideMarketplace(cell, message)
    return OtherAccount(cell, message)


def open_outcome(outcome: Unknown) -> RetryLater:
    """An outcome that is not known: the message is sent again."""
    return RetryLater(
        outcome.why,
        outcome.after,
        status=outcome.status,
        answered=outcome.answered,
        needs_person=outcome.needs_person,
        lasting=outcome.lasting,
    )


async def _here(cell: Cell, message: StoredMessage, decision: OrderDecision) -> Order:
    """The recipient's answer, recorded on the order that sent the message."""
    ctx = CommandContext(message.account, f"partner:{message.other}", message.cause)
    return await cell.ledger.change(ctx, message.order_id, decision)


# To the seller


async def place_fulfillment(cell: Cell, message: StoredMessage) -> None:
    """Place the order at its seller, unless that is decided already."""
    order = await cell.ledger.order(message.account, message.order_id)
    if (
        order.status is not Status.WAITING_FOR_AUTHORIZATION
        or seller_order_id_of(order) != message.key
    ):
        return
    seller: dict[str, Any] = {"seller": message.other}
    match await (await seller_side(cell, message, order)).place(order):
        case Taken(order_id):
            confirmation = partial(
                record_seller_confirmation, seller_order_id=order_id, asked_as=message.key
            )
            await _here(cell, message, partial(confirmation, **seller))
        case Refused(reason):
            refusal = partial(
                record_seller_refusal, seller_order_id=message.key, reason=reason, **seller
            )
            await _here(cell, message, refusal)
        case Unknown() as outcome:
            raise open_outcome(outcome)
        case Thinking():
            return  # it confirms the order when its own seller has


async def authorize(cell: Cell, message: StoredMessage) -> Delivered | None:
    """Say at the seller that the order is paid, unless it is canceled or at another seller now."""
    order = await cell.ledger.order(message.account, message.order_id)
    if (
        order.status in (Status.CANCEL, Status.CANCELED)
        or seller_order_id_of(order) != message.body["order"]
    ):
        return None
    return _require_done(message, await (await seller_side(cell, message, order)).authorize(order))


async def ask_cancellation(cell: Cell, message: StoredMessage) -> Delivered | None:
    """The handshake: the seller cancels at once, thinks about it, or has invoiced already."""
    order = await cell.ledger.order(message.account, message.order_id)
    requested = next((one for one in pending_requests(order) if one.id == message.key), None)
    if order.status is not Status.WAITING_FOR_SELLER_DECISION or requested is None:
        return None  # decided before the seller got it
    match await (await seller_side(cell, message, order)).ask_to_cancel(order, requested):
        case Done(receipt):
            await _record_canceled(cell, message, requested.reason)
            return _delivered(receipt)
        case Denied(reason):
            denial = partial(record_seller_denial, request_id=requested.id, reason=reason)
            await _here(cell, message, denial)
        case Thinking(again) if again is not None:
            raise RetryLater("The seller thinks about the cancellation", again, lasting=True)
        case Refused(reason, status):
            raise _refused(message, reason, status)
        case Unknown() as outcome:
            raise open_outcome(outcome)
    return None


async def cancel_seller_order(cell: Cell, message: StoredMessage) -> Delivered | None:
    """Nothing is left to decide: the order is canceled, went elsewhere, or waited too long."""
    order = await cell.ledger.order(message.account, message.order_id)
    left = order.status is Status.CANCELED or seller_order_id_of(order) != message.body["order"]
    match await (await seller_side(cell, message, order)).cancel(order):
        case Done(receipt):
            if not left:
                await _record_canceled(cell, message, None)
            return _delivered(receipt)
        case Denied(reason) if left:
            raise _refused(message, reason)
        case Refused(reason, status):
            raise _refused(message, reason, status)
        case Unknown() as outcome:
            raise open_outcome(outcome)
    return None  # what the seller has to say, as an invoice, is on its way and ends this


async def _record_canceled(cell: Cell, message: StoredMessage, reason: str | None) -> None:
    seller = {"seller": message.other, "seller_order_id": message.body["order"]}
    await _here(cell, message, partial(record_seller_cancellation, **seller, reason=reason))


async def settle_proposal(cell: Cell, message: StoredMessage) -> None:
    """An order that was placed at a proposed seller and not taken up is canceled there."""
    order = await cell.ledger.order(message.account, message.order_id)
    if order.seller_order_id == message.key:
        return
    age = cell.clock.now() - instant(message.produced_at)
    if age < TIME_TO_TAKE_UP:
        raise RetryLater("the change of seller may be under way", TIME_TO_TAKE_UP - age)
    outcome = await OtherAccount(cell, message).cancel_proposal()
    if isinstance(outcome, Unknown):
        raise open_outcome(outcome)
    if isinstance(outcome, Denied):
        raise _refused(message, outcome.reason)


# To the marketplace


async def notify_confirmation(cell: Cell, message: StoredMessage) -> Delivered | None:
    """Say at the marketplace that the order is taken."""
    order = await cell.ledger.order(message.account, message.order_id)
    return _require_done(message, await marketplace_side(cell, message).confirm(order))


async def notify_refusal(cell: Cell, message: StoredMessage) -> Delivered | None:
    """Say at the marketplace that the order is not taken."""
    order = await cell.ledger.order(message.account, message.order_id)
    return _require_done(message, await marketplace_side(cell, message).refuse(order))


async def notify_cancellation(cell: Cell, message: StoredMessage) -> Delivered | None:
    """Say at the marketplace that the seller canceled."""
    order = await cell.ledger.order(message.account, message.order_id)
    return _require_done(message, await marketplace_side(cell, message).report_cancellation(order))


async def notify_denial(cell: Cell, message: StoredMessage) -> Delivered | None:
    """Say at the marketplace that its request to cancel is denied."""
    order = await cell.ledger.order(message.account, message.order_id)
    side = marketplace_side(cell, message)
    return _require_done(message, await side.report_denial(order, message.key))


async def forward_invoice(cell: Cell, message: StoredMessage) -> Delivered | None:
    """The invoice, or the report of its package, that the event is about."""
    order = await cell.ledger.order(message.account, message.order_id)
    event = await asyncio.to_thread(_event, cell, message)
    side = marketplace_side(cell, message)
    if isinstance(event, events.InvoiceIssued):
        outcome = await side.report_invoice(order, event)
    else:
        outcome = await side.report_tracking(order, event)
    return _require_done(message, outcome)


def _event(cell: Cell, message: StoredMessage) -> Any:
    stream = order_stream(message.account, message.order_id)
    row = next(
        r for r in cell.store.stream(stream, message.version - 1) if r.version == message.version
    )
    return cell.ledger.loader.events([row])[0]


def _require_done(message: StoredMessage, outcome: PartnerOutcome) -> Delivered:
    match outcome:
        case Refused(reason, status):
            raise _refused(message, reason, status)
        case Unknown() as again:
            raise open_outcome(again)
        case Done(receipt):
            return _delivered(receipt)


def _delivered(receipt: str | None) -> Delivered:
    """The receipt that the other side gave is kept with the attempt."""
    return Delivered(note=f"receipt {receipt}" if receipt else None)


def _refused(message: StoredMessage, reason: str, status: int | None = None) -> PermanentFailure:
    return PermanentFailure(f"{message.other} refuses: {reason}", status=status)


HANDLERS: dict[str, Callable[[Cell, StoredMessage], Awaitable[Delivered | None]]] = {
    "place-fulfillment": place_fulfillment,
    "authorize-fulfillment": authorize,
    "ask-cancellation": ask_cancellation,
    "cancel-fulfillment": cancel_seller_order,
    "settle-proposal": settle_proposal,
    "confirm-order": notify_confirmation,
    "refuse-order": notify_refusal,
    "tell-cancellation": notify_cancellation,
    "tell-denial": notify_denial,
    "forward-invoice": forward_invoice,
}
