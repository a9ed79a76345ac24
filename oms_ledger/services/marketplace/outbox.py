"""Calls between accounts of one deployment: each is a decision on the other account's order.

What an account says another comes with `partner:{account}` as its author and with the event that
led to it as its cause. No account reads another's orders but by the answer it is given.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key, instant, order_stream
from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import pending_requests
from oms_ledger.orders.changes.refusals import ChangeInProgress
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.marketplace.as_marketplace import (
    record_seller_cancellation,
    record_seller_confirmation,
    record_seller_denial,
    record_seller_invoice,
    record_seller_refusal,
    record_seller_tracking,
)
from oms_ledger.orders.marketplace.as_seller import (
    accept_order,
    authorize_fulfillment,
    cancel_by_marketplace,
)
from oms_ledger.orders.marketplace.child_order import seller_order_from
from oms_ledger.orders.marketplace.levels import seller_order_id_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.numbers import order_group
from oms_ledger.orders.refusals import (
    Busy,
    CancellationNotAllowed,
    InvoiceNotAllowed,
    ManualAuthorizationNeeded,
    NoWorkflow,
    OrderIsCanceled,
    OrderNotFound,
    SellerInactive,
    SellerRefusedOrder,
)
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from oms_ledger.services.customers.identity import with_identity
from oms_ledger.services.marketplace.partnership import partner
from oms_ledger.services.outbox.outcomes import PermanentFailure, RetryLater
from projections.outbox.messages import StoredMessage

TIME_TO_TAKE_UP = timedelta(minutes=2)  # what a change of seller may last, once proposed

_INVOICED = "The seller has invoiced the order"


async def _other(cell: Cell, pending: StoredMessage, decision: Decision) -> Order:
    """A decision on the order of the recipient."""
    return await cell.ledger.change(
        CommandContext(pending.other, f"partner:{pending.account}", pending.cause),
        pending.body["order"],
        decision,
    )


async def _here(cell: Cell, pending: StoredMessage, decision: Decision) -> Order:
    """The recipient's answer, recorded on the order that sent the message."""
    return await cell.ledger.change(
        CommandContext(pending.account, f"partner:{pending.other}", pending.cause),
        pending.order_id,
        decision,
    )


async def place_seller_order(
    cell: Cell,
    ctx: CommandContext,
    order: Order,
    seller: str,
    order_id: str,
    *,
    direct: bool = False,
) -> Order:
    """The order at a seller, placed unless it is there; refuses when the seller takes none."""
    try:
        known = await cell.ledger.order(seller, order_id)
    except OrderNotFound:
        known = None
    if known is not None:
        if (known.placed.sold_by, known.placed.marketplace_order_id) != (
            order.account,
            order.order_id,
        ):
            raise SellerRefusedOrder(f"{seller} has another order {order_id}")
        return known
    try:
        terms = await partner(cell, order.account, seller)
    except AccountNotFound:
        raise SellerRefusedOrder(f"there is no account {seller}") from None
    if not terms.setting("accepts_orders"):
        raise SellerInactive(seller)
    (number,) = await asyncio.to_thread(cell.sequences.allot, seller, 1)
    form, noise = terms.setting("order_id_form"), secrets.randbelow(10**6)
    group = order_group(number, terms.suffix, form, noise)
    placed = seller_order_from(
        order,
        account=seller,
        order_id=order_id,
        order_group=group,
        sequence=number,
        seller_name=terms.setting("seller_name") or seller,
        direct=direct,
    )
    who = with_identity(cell.encryption, seller, placed.client_profile, vouched=False)
    placed = replace(placed, client_profile=who)
    key = Key(seller, f"group:{group}", json.dumps([order_id]).encode())
    try:
        orders = await cell.ledger.place(
            replace(ctx, account=seller, actor=f"partner:{order.account}"),
            {order_id: placed},
            keys=[key],
            then=accept_order,
        )
    except KeyTaken:  # somebody else was faster
        return await cell.ledger.order(seller, order_id)
    return orders[order_id]


# Down: to the seller


async def place_fulfillment(cell: Cell, pending: StoredMessage) -> None:
    """Place the order at its seller; a chain order answers when its own seller has."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    if (
        order.status is not Status.WAITING_FOR_AUTHORIZATION
        or seller_order_id_of(order) != pending.key
    ):
        return
    ctx = CommandContext(pending.account, f"partner:{pending.account}", pending.cause)
    seller: dict[str, Any] = {"seller": pending.other, "seller_order_id": pending.key}
    try:
        seller_order = await place_seller_order(cell, ctx, order, pending.other, pending.key)
    except (SellerRefusedOrder, SellerInactive) as refusal:
        await _here(cell, pending, partial(record_seller_refusal, **seller, reason=refusal.message))
        return
    if seller_order.flow == "seller" or seller_order.seller_order_id is not None:
        await _here(cell, pending, partial(record_seller_confirmation, **seller))


async def authorize(cell: Cell, pending: StoredMessage) -> None:
    order = await cell.ledger.order(pending.account, pending.order_id)
    if (
        order.status in (Status.CANCEL, Status.CANCELED)
        or seller_order_id_of(order) != pending.body["order"]
    ):
        return
    try:
        await _other(cell, pending, authorize_fulfillment)
    except OrderIsCanceled:
        return  # it says so itself
    except (Busy, ManualAuthorizationNeeded, NoWorkflow) as wait:
        raise RetryLater(wait.message) from wait


async def ask_cancellation(cell: Cell, pending: StoredMessage) -> None:
    """The handshake: the seller cancels at once, thinks about it, or has invoiced already."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    requested = next((one for one in pending_requests(order) if one.id == pending.key), None)
    if order.status is not Status.WAITING_FOR_SELLER_DECISION or requested is None:
        return  # decided before the seller got it
    decision = partial(
        cancel_by_marketplace,
        request_id=requested.id,
        reason=requested.reason,
        requested_by_user=requested.requested_by_user,
    )
    try:
        seller_order = await _other(cell, pending, decision)
    except CancellationNotAllowed:
        await _here(
            cell, pending, partial(record_seller_denial, request_id=requested.id, reason=_INVOICED)
        )
        return
    except Busy as wait:
        raise RetryLater(wait.message) from wait
    except (OrderNotFound, AccountNotFound):
        seller_order = None  # nothing is there that could be delivered
    if _is_out(seller_order):
        await _hear_canceled(cell, pending, requested.reason)


async def cancel_seller_order(cell: Cell, pending: StoredMessage) -> None:
    """Nothing is left to decide: the order is canceled, went elsewhere, or waited too long."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    requested = order.requests[-1] if order.requests else None
    started = order.cancellation
    reason = started.reason if started else requested.reason if requested else None
    actor = started.by if started else "system"
    user = actor == "user" or (
        started is None and requested is not None and requested.requested_by_user
    )
    decision = partial(
        cancel_by_marketplace,
        request_id=requested.id if requested else pending.id,
        reason=reason,
        requested_by_user=user,
        actor=actor,
        final=True,
        returned=order.status is Status.CANCELED and order.invoiced_value > 0,
    )
    left = order.status is Status.CANCELED or seller_order_id_of(order) != pending.body["order"]
    try:
        seller_order = await _other(cell, pending, decision)
    except CancellationNotAllowed as refusal:
        if left:
            raise PermanentFailure(refusal.message) from refusal
        return  # the invoice is on its way, and ends this
    except Busy as wait:
        raise RetryLater(wait.message) from wait
    except (OrderNotFound, AccountNotFound):
        seller_order = None
    if not left and _is_out(seller_order):
        await _hear_canceled(cell, pending, None)


def _is_out(seller_order: Order | None) -> bool:
    """Whether the seller is done with the order, and has nothing else to tell before it says so."""
    return seller_order is None or (
        seller_order.status is Status.CANCELED and not seller_order.invoices
    )


async def _hear_canceled(cell: Cell, pending: StoredMessage, reason: str | None) -> None:
    seller = {"seller": pending.other, "seller_order_id": pending.body["order"]}
    await _here(cell, pending, partial(record_seller_cancellation, **seller, reason=reason))


async def settle_proposal(cell: Cell, pending: StoredMessage) -> None:
    """An order that was placed at a proposed seller and not taken up is canceled there."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    if order.seller_order_id == pending.key:
        return
    age = cell.ledger.now() - instant(pending.produced_at)
    if age < TIME_TO_TAKE_UP:
        raise RetryLater("the change of seller may be under way", TIME_TO_TAKE_UP - age)
    decision = partial(cancel_by_marketplace, request_id=pending.id, actor="system", final=True)
    try:
        await _other(cell, pending, decision)
    except (OrderNotFound, AccountNotFound):
        return  # it was never placed


# Up: to the marketplace


def _as_seller(pending: StoredMessage) -> dict[str, Any]:
    return {"seller": pending.account, "seller_order_id": pending.order_id}


async def notify_confirmation(cell: Cell, pending: StoredMessage) -> None:
    await _told(cell, pending, partial(record_seller_confirmation, **_as_seller(pending)))


async def notify_refusal(cell: Cell, pending: StoredMessage) -> None:
    order = await cell.ledger.order(pending.account, pending.order_id)
    reason = order.seller_reason
    await _told(cell, pending, partial(record_seller_refusal, **_as_seller(pending), reason=reason))


async def notify_cancellation(cell: Cell, pending: StoredMessage) -> None:
    order = await cell.ledger.order(pending.account, pending.order_id)
    reason = order.cancellation.reason if order.cancellation else None
    await _told(
        cell, pending, partial(record_seller_cancellation, **_as_seller(pending), reason=reason)
    )


async def notify_denial(cell: Cell, pending: StoredMessage) -> None:
    order = await cell.ledger.order(pending.account, pending.order_id)
    denied = [one for one in order.requests if one.denied_at is not None]
    reason = denied[-1].denial_reason if denied else None
    await _told(cell, pending, partial(record_seller_denial, request_id=pending.key, reason=reason))


async def forward_invoice(cell: Cell, pending: StoredMessage) -> None:
    """The invoice, or the news of its package, that the event says of."""
    event = await asyncio.to_thread(_event, cell, pending)
    evaluate_version: Callable[..., list[events.OrderEvent]] = record_seller_tracking
    if isinstance(event, events.InvoiceIssued):
        evaluate_version = record_seller_invoice
    await _told(cell, pending, partial(evaluate_version, **_as_seller(pending), event=event))


def _event(cell: Cell, pending: StoredMessage) -> events.Event:
    stream = order_stream(pending.account, pending.order_id)
    row = next(
        r for r in cell.store.stream(stream, pending.version - 1) if r.version == pending.version
    )
    event: events.Event = cell.ledger.loader.events([row])[0]
    return event


async def _told(cell: Cell, pending: StoredMessage, decision: Decision) -> None:
    try:
        await _other(cell, pending, decision)
    except (Busy, ChangeInProgress) as wait:
        raise RetryLater(wait.message) from wait
    except InvoiceNotAllowed as refusal:
        # Dispatched manually before the money came: the marketplace may still be paid.
        raise RetryLater(refusal.message) from refusal
    except Refusal as refusal:
        raise PermanentFailure(f"{pending.other} refuses: {refusal.message}") from refusal


HANDLERS: dict[str, Callable[[Cell, StoredMessage], Awaitable[None]]] = {
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
