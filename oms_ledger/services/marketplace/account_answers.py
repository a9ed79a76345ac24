"""What an account answers when another one calls: decisions on its own orders, no HTTP.

What is recorded has `partner:{sender}` as its author and the call's cause. No account reads
another's orders but by the answer it is given.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.partners import names
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.changes.refusals import ChangeInProgress
from oms_ledger.orders.decide import Decision as OrderDecision
from oms_ledger.orders.events import OrderPlaced
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
from oms_ledger.orders.marketplace.child_order import as_placed
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
from oms_ledger.services.marketplace.account_calls import (
    SOON,
    AccountCall,
    Answer,
    Outcome,
    is_hosted,
)
from oms_ledger.services.marketplace.counterpart import (
    Declined,
    Denied,
    Done,
    Refused,
    Taken,
    Terms,
    Thinking,
    Unknown,
)
from oms_ledger.services.marketplace.partnership import is_outside, with_affiliate

INVOICED = "The seller has invoiced the order"


def context_of(call: AccountCall) -> CommandContext:
    """On whose behalf the called account records what follows."""
    return CommandContext(call.recipient, f"partner:{call.sender}", call.cause)


async def changed(cell: Cell, call: AccountCall, decision: OrderDecision) -> Order:
    """Decide about the order that the call names."""
    return await cell.ledger.change(context_of(call), call.order_id, decision)


# As a seller


async def place(cell: Cell, call: AccountCall) -> Outcome:
    """Place the order; a chain order is confirmed when its own seller has taken it."""
    offered = replace(call.event, sold_by=call.sender)
    try:
        order = await place_seller_order(
            cell, context_of(call), call.recipient, offered, call.order_id
        )
    except (SellerRefusedOrder, SellerInactive) as refusal:
        return Refused(refusal.message)
    if order.flow == "seller" or order.seller_order_id is not None:
        return Taken(call.order_id)
    return Thinking()


async def place_seller_order(
    cell: Cell, ctx: CommandContext, seller: str, offered: OrderPlaced, order_id: str
) -> Order:
    """The order at a seller, placed unless it is there; refuses when the seller takes none.

    `offered` is as its marketplace made it, `ctx` of the marketplace or of the seller.
    """
    sold_by = offered.sold_by
    assert sold_by is not None
    try:
        known = await cell.ledger.order(seller, order_id)
    except OrderNotFound:
        known = None
    if known is not None:
        if (known.placed.sold_by, known.placed.marketplace_order_id) != (
            sold_by,
            offered.marketplace_order_id,
        ):
            raise SellerRefusedOrder(f"{seller} has another order {order_id}")
        return known
    try:
        account = await cell.ledger.account(seller)
    except AccountNotFound:
        account = None
    if account is None or not names(account, sold_by, cell.settings.partners):
        raise SellerRefusedOrder(f"there is no account {seller}")
    if not account.setting("accepts_orders"):
        raise SellerInactive(seller)
    (number,) = await asyncio.to_thread(cell.sequences.allot, seller, 1)
    form, noise = account.setting("order_id_form"), secrets.randbelow(10**6)
    group = order_group(number, account.suffix, form, noise)
    placed = as_placed(offered, group, number, account.setting("seller_name") or seller)
    who = with_identity(cell.encryption, seller, placed.client_profile, vouched=False)
    outside = placed.flow == "chain" and await is_outside(cell, seller, placed.seller)
    placed = replace(placed, client_profile=who, seller_outside=outside)
    placed = await with_affiliate(cell, seller, placed)
    key = Key(seller, f"group:{group}", json.dumps([order_id]).encode())
    try:
        orders = await cell.ledger.place(
            replace(ctx, account=seller, actor=f"partner:{sold_by}"),
            {order_id: placed},
            keys=[key],
            then=accept_order,
        )
    except KeyTaken:  # somebody else was faster
        return await cell.ledger.order(seller, order_id)
    return orders[order_id]


async def authorize(cell: Cell, call: AccountCall) -> Outcome:
    """Let the seller's order be dispatched; one that is canceled says so itself."""
    try:
        await changed(cell, call, authorize_fulfillment)
    except OrderIsCanceled:
        return Done()
    except (Busy, ManualAuthorizationNeeded, NoWorkflow) as wait:
        return Unknown(wait.message)
    return Done()


async def cancel(cell: Cell, call: AccountCall) -> Outcome:
    """Done when the seller is out of it, and has nothing else to tell before it says so."""
    try:
        order = await changed(cell, call, partial(cancel_by_marketplace, **call.values))
    except CancellationNotAllowed:
        return Denied(INVOICED)
    except Busy as wait:
        return Unknown(wait.message)
    except (OrderNotFound, AccountNotFound):
        if not await is_hosted(cell, call.recipient):
            return Unknown("The account is moving to another cell", SOON, answered=None)
        return Done()  # nothing is there that could be delivered
    out = order.status is Status.CANCELED and not order.invoices
    return Done() if out else Thinking()


# As a marketplace


async def confirm(cell: Cell, call: AccountCall) -> Outcome:
    """Record that the seller took the order."""
    return await _recorded(cell, call, partial(record_seller_confirmation, **_seller(call)))


async def refuse(cell: Cell, call: AccountCall) -> Outcome:
    """Record that the seller did not take the order, and why."""
    return await _recorded(cell, call, partial(record_seller_refusal, **_seller(call)))


async def report_cancellation(cell: Cell, call: AccountCall) -> Outcome:
    """Record that the seller canceled."""
    return await _recorded(cell, call, partial(record_seller_cancellation, **_seller(call)))


async def report_denial(cell: Cell, call: AccountCall) -> Outcome:
    """Record that a request to cancel was denied."""
    return await _recorded(cell, call, partial(record_seller_denial, **call.values))


async def report_invoice(cell: Cell, call: AccountCall) -> Outcome:
    """Record an invoice of the seller."""
    decision = partial(record_seller_invoice, event=call.event, **_seller(call))
    return await _recorded(cell, call, decision)


async def report_tracking(cell: Cell, call: AccountCall) -> Outcome:
    """Record the tracking of an invoice of the seller."""
    decision = partial(record_seller_tracking, event=call.event, **_seller(call))
    return await _recorded(cell, call, decision)


def _seller(call: AccountCall) -> dict[str, Any]:
    return {"seller": call.sender, **call.values}


async def _recorded(cell: Cell, call: AccountCall, decision: OrderDecision) -> Outcome:
    try:
        await changed(cell, call, decision)
    except (Busy, ChangeInProgress) as wait:
        return Unknown(wait.message)
    except InvoiceNotAllowed as refusal:
        # Dispatched manually before the money came: the marketplace may still be paid.
        return Unknown(refusal.message)
    except Refusal as refusal:
        if not await is_hosted(cell, call.recipient):
            return Unknown("The account is moving to another cell", SOON, answered=None)
        return Refused(refusal.message)
    return Done()


# As a partner


async def terms(cell: Cell, call: AccountCall) -> Outcome:
    """On what terms the account sells for the one that calls; not found unless it names it."""
    account: Account | None
    try:
        account = await cell.ledger.account(call.recipient)
    except AccountNotFound:
        account = None
    if account is None or not names(account, call.sender, cell.settings.partners):
        return Declined(AccountNotFound.code, AccountNotFound(call.recipient).message)
    name = account.setting("seller_name") or account.name
    return Terms(bool(account.setting("accepts_orders")), name)


ANSWERS: Mapping[str, Answer] = {
    "place": place,
    "authorize": authorize,
    "cancel": cancel,
    "confirm": confirm,
    "refuse": refuse,
    "report-cancellation": report_cancellation,
    "report-denial": report_denial,
    "report-invoice": report_invoice,
    "report-tracking": report_tracking,
    "terms": terms,
}
