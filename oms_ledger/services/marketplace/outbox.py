"""Calls between accounts of one deployment: each is a decision on the other account's order.

What an account tells another comes with `partner:{account}` as its author and with the entry that
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
from oms_ledger.eventstore.ledger import Taken
from oms_ledger.eventstore.records import Key, instant, order_stream
from oms_ledger.orders import events as e
from oms_ledger.orders.cancellation.decide import pending_requests
from oms_ledger.orders.changes.refusals import ChangeInProgress
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.marketplace.as_marketplace import (
    hear_cancellation,
    hear_confirmation,
    hear_denial,
    hear_invoice,
    hear_news,
    hear_refusal,
)
from oms_ledger.orders.marketplace.as_seller import (
    accept_order,
    authorize_fulfillment,
    cancel_from_above,
)
from oms_ledger.orders.marketplace.child_order import order_below
from oms_ledger.orders.marketplace.levels import id_below
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
from oms_ledger.services.outbox.outcomes import Failed, TryAgain
from projections.outbox.messages import Owed

TIME_TO_TAKE_UP = timedelta(minutes=2)  # what a change of seller may last, once proposed

_INVOICED = "The seller has invoiced the order"


async def _other(cell: Cell, owed: Owed, decision: Decision) -> Order:
    """A decision on the order of the party that is called."""
    return await cell.ledger.change(
        owed.other, owed.body["order"], decision, by=f"partner:{owed.account}", cause=owed.cause
    )


async def _here(cell: Cell, owed: Owed, decision: Decision) -> Order:
    """What the party answered, told to the order that called it."""
    return await cell.ledger.change(
        owed.account, owed.order_id, decision, by=f"partner:{owed.other}", cause=owed.cause
    )


async def place_below(
    cell: Cell,
    order: Order,
    seller: str,
    order_id: str,
    *,
    cause: str | None,
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
    placed = order_below(
        order,
        account=seller,
        order_id=order_id,
        order_group=group,
        sequence=number,
        seller_name=terms.setting("seller_name") or seller,
        direct=direct,
    )
    who = with_identity(cell.vault, seller, placed.client_profile, vouched=False)
    placed = replace(placed, client_profile=who)
    key = Key(seller, f"group:{group}", json.dumps([order_id]).encode())
    try:
        orders = await cell.ledger.place(
            seller,
            {order_id: placed},
            by=f"partner:{order.account}",
            keys=[key],
            cause=cause,
            then=accept_order,
        )
    except Taken:  # somebody else was faster
        return await cell.ledger.order(seller, order_id)
    return orders[order_id]


# Down: to the seller


async def place_fulfillment(cell: Cell, owed: Owed) -> None:
    """Place the order at its seller; a chain order answers when its own seller has."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    if order.status is not Status.WAITING_FOR_AUTHORIZATION or id_below(order) != owed.key:
        return
    seller: dict[str, Any] = {"seller": owed.other, "seller_order_id": owed.key}
    try:
        below = await place_below(cell, order, owed.other, owed.key, cause=owed.cause)
    except (SellerRefusedOrder, SellerInactive) as refusal:
        await _here(cell, owed, partial(hear_refusal, **seller, reason=refusal.message))
        return
    if below.flow == "seller" or below.seller_order_id is not None:
        await _here(cell, owed, partial(hear_confirmation, **seller))


async def authorize(cell: Cell, owed: Owed) -> None:
    order = await cell.ledger.order(owed.account, owed.order_id)
    if order.status in (Status.CANCEL, Status.CANCELED) or id_below(order) != owed.body["order"]:
        return
    try:
        await _other(cell, owed, authorize_fulfillment)
    except OrderIsCanceled:
        return  # it tells so itself
    except (Busy, ManualAuthorizationNeeded, NoWorkflow) as wait:
        raise TryAgain(wait.message) from wait


async def ask_cancellation(cell: Cell, owed: Owed) -> None:
    """The handshake: the seller cancels at once, thinks about it, or has invoiced already."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    asked = next((one for one in pending_requests(order) if one.id == owed.key), None)
    if order.status is not Status.WAITING_FOR_SELLER_DECISION or asked is None:
        return  # decided before the seller heard of it
    decision = partial(
        cancel_from_above,
        request_id=asked.id,
        reason=asked.reason,
        requested_by_user=asked.requested_by_user,
    )
    try:
        below = await _other(cell, owed, decision)
    except CancellationNotAllowed:
        await _here(cell, owed, partial(hear_denial, request_id=asked.id, reason=_INVOICED))
        return
    except Busy as wait:
        raise TryAgain(wait.message) from wait
    except (OrderNotFound, AccountNotFound):
        below = None  # nothing is there that could be delivered
    if _is_out(below):
        await _hear_canceled(cell, owed, asked.reason)


async def cancel_below(cell: Cell, owed: Owed) -> None:
    """Nothing is left to decide: the order is canceled, went elsewhere, or waited too long."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    asked = order.requests[-1] if order.requests else None
    started = order.cancellation
    reason = started.reason if started else asked.reason if asked else None
    by = started.by if started else "system"
    user = by == "user" or (started is None and asked is not None and asked.requested_by_user)
    decision = partial(
        cancel_from_above,
        request_id=asked.id if asked else owed.id,
        reason=reason,
        requested_by_user=user,
        by=by,
        final=True,
        returned=order.status is Status.CANCELED and order.invoiced_value > 0,
    )
    left = order.status is Status.CANCELED or id_below(order) != owed.body["order"]
    try:
        below = await _other(cell, owed, decision)
    except CancellationNotAllowed as refusal:
        if left:
            raise Failed(refusal.message) from refusal
        return  # the invoice is on its way, and ends this
    except Busy as wait:
        raise TryAgain(wait.message) from wait
    except (OrderNotFound, AccountNotFound):
        below = None
    if not left and _is_out(below):
        await _hear_canceled(cell, owed, None)


def _is_out(below: Order | None) -> bool:
    """Whether the seller is done with the order, and has nothing else to tell before it says so."""
    return below is None or (below.status is Status.CANCELED and not below.invoices)


async def _hear_canceled(cell: Cell, owed: Owed, reason: str | None) -> None:
    seller = {"seller": owed.other, "seller_order_id": owed.body["order"]}
    await _here(cell, owed, partial(hear_cancellation, **seller, reason=reason))


async def settle_proposal(cell: Cell, owed: Owed) -> None:
    """An order that was placed at a proposed seller and not taken up is canceled there."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    if order.seller_order_id == owed.key:
        return
    age = cell.ledger.now() - instant(owed.produced_at)
    if age < TIME_TO_TAKE_UP:
        raise TryAgain("the change of seller may be under way", TIME_TO_TAKE_UP - age)
    decision = partial(cancel_from_above, request_id=owed.id, by="system", final=True)
    try:
        await _other(cell, owed, decision)
    except (OrderNotFound, AccountNotFound):
        return  # it was never placed


# Up: to the marketplace


def _as_seller(owed: Owed) -> dict[str, Any]:
    return {"seller": owed.account, "seller_order_id": owed.order_id}


async def tell_confirmation(cell: Cell, owed: Owed) -> None:
    await _told(cell, owed, partial(hear_confirmation, **_as_seller(owed)))


async def tell_refusal(cell: Cell, owed: Owed) -> None:
    order = await cell.ledger.order(owed.account, owed.order_id)
    reason = order.seller_reason
    await _told(cell, owed, partial(hear_refusal, **_as_seller(owed), reason=reason))


async def tell_cancellation(cell: Cell, owed: Owed) -> None:
    order = await cell.ledger.order(owed.account, owed.order_id)
    reason = order.cancellation.reason if order.cancellation else None
    await _told(cell, owed, partial(hear_cancellation, **_as_seller(owed), reason=reason))


async def tell_denial(cell: Cell, owed: Owed) -> None:
    order = await cell.ledger.order(owed.account, owed.order_id)
    denied = [one for one in order.requests if one.denied_at is not None]
    reason = denied[-1].denial_reason if denied else None
    await _told(cell, owed, partial(hear_denial, request_id=owed.key, reason=reason))


async def forward_invoice(cell: Cell, owed: Owed) -> None:
    """The invoice, or the news of its package, that the entry tells of."""
    event = await asyncio.to_thread(_event, cell, owed)
    hear: Callable[..., list[e.OrderEvent]] = hear_news
    if isinstance(event, e.InvoiceIssued):
        hear = hear_invoice
    await _told(cell, owed, partial(hear, **_as_seller(owed), event=event))


def _event(cell: Cell, owed: Owed) -> e.Event:
    stream = order_stream(owed.account, owed.order_id)
    row = next(r for r in cell.store.stream(stream, owed.version - 1) if r.version == owed.version)
    return cell.ledger.folds.events([row])[0]


async def _told(cell: Cell, owed: Owed, decision: Decision) -> None:
    try:
        await _other(cell, owed, decision)
    except (Busy, ChangeInProgress) as wait:
        raise TryAgain(wait.message) from wait
    except InvoiceNotAllowed as refusal:
        # Dispatched by hand before the money came: the marketplace may still be paid.
        raise TryAgain(refusal.message) from refusal
    except Refusal as refusal:
        raise Failed(f"{owed.other} refuses: {refusal.message}") from refusal


HANDLERS: dict[str, Callable[[Cell, Owed], Awaitable[None]]] = {
    "place-fulfillment": place_fulfillment,
    "authorize-fulfillment": authorize,
    "ask-cancellation": ask_cancellation,
    "cancel-fulfillment": cancel_below,
    "settle-proposal": settle_proposal,
    "confirm-order": tell_confirmation,
    "refuse-order": tell_refusal,
    "tell-cancellation": tell_cancellation,
    "tell-denial": tell_denial,
    "forward-invoice": forward_invoice,
}
