"""The other side of a sale as an account of this deployment: decisions on its order, no HTTP.

What an account says another comes with `partner:{account}` as its author and with the event that
led to it as its cause. No account reads another's orders but by the answer it is given.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.changes.refusals import ChangeInProgress
from oms_ledger.orders.decide import Decision as OrderDecision
from oms_ledger.orders.events import InvoiceIssued, OrderEvent
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
from oms_ledger.orders.order import CancellationRequest, Order
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
from oms_ledger.services.marketplace.counterpart import (
    Decision,
    Denied,
    Done,
    PartnerOutcome,
    Placement,
    Refused,
    Taken,
    Thinking,
    Unknown,
)
from oms_ledger.services.marketplace.partnership import is_outside, partner, with_affiliate
from projections.outbox.messages import StoredMessage

INVOICED = "The seller has invoiced the order"


@dataclass(frozen=True, slots=True)
class AccountHere:
    """The recipient of a message, which is another account."""

    cell: Cell
    message: StoredMessage

    async def _change(self, decision: OrderDecision) -> Order:
        message = self.message
        ctx = CommandContext(message.other, f"partner:{message.account}", message.cause)
        return await self.cell.ledger.change(ctx, message.body["order"], decision)

    async def place(self, order: Order) -> Placement:
        """Place the order; a chain order is confirmed when its own seller has taken it."""
        message = self.message
        ctx = CommandContext(message.account, f"partner:{message.account}", message.cause)
        try:
            seller_order = await place_seller_order(
                self.cell, ctx, order, message.other, message.key
            )
        except (SellerRefusedOrder, SellerInactive) as refusal:
            return Refused(refusal.message)
        if seller_order.flow == "seller" or seller_order.seller_order_id is not None:
            return Taken(message.key)
        return Thinking()

    async def authorize(self, order: Order) -> PartnerOutcome:
        """Let the seller's order be dispatched; one that is canceled says so itself."""
        try:
            await self._change(authorize_fulfillment)
        except OrderIsCanceled:
            return Done()  # it says so itself
        except (Busy, ManualAuthorizationNeeded, NoWorkflow) as wait:
            return Unknown(wait.message)
        return Done()

    async def ask_to_cancel(self, order: Order, request: CancellationRequest) -> Decision:
        """Ask the seller's order for its cancellation: confirmed, or thought about."""
        decision = partial(
            cancel_by_marketplace,
            request_id=request.id,
            reason=request.reason,
            requested_by_user=request.requested_by_user,
        )
        return await self._canceled(decision)

    async def cancel(self, order: Order) -> Decision:
        """Cancel the seller's order: here it is canceled already."""
        requested = order.requests[-1] if order.requests else None
        started = order.cancellation
        actor = started.by if started else "system"
        user = actor == "user" or (
            started is None and requested is not None and requested.requested_by_user
        )
        decision = partial(
            cancel_by_marketplace,
            request_id=requested.id if requested else self.message.id,
            reason=started.reason if started else requested.reason if requested else None,
            requested_by_user=user,
            actor=actor,
            final=True,
            returned=order.status is Status.CANCELED and order.invoiced_value > 0,
        )
        return await self._canceled(decision)

    async def _canceled(self, decision: OrderDecision) -> Decision:
        """Done when the seller is out of it, and has nothing else to tell before it says so."""
        try:
            seller_order = await self._change(decision)
        except CancellationNotAllowed:
            return Denied(INVOICED)
        except Busy as wait:
            return Unknown(wait.message)
        except (OrderNotFound, AccountNotFound):
            return Done()  # nothing is there that could be delivered
        out = seller_order.status is Status.CANCELED and not seller_order.invoices
        return Done() if out else Thinking()

    async def confirm(self, order: Order) -> PartnerOutcome:
        """Record at the marketplace that this account took the order."""
        return await self._recorded(partial(record_seller_confirmation, **self._as_seller()))

    async def refuse(self, order: Order) -> PartnerOutcome:
        """Record at the marketplace that this account did not take the order, and why."""
        refusal = partial(record_seller_refusal, reason=order.seller_reason)
        return await self._recorded(partial(refusal, **self._as_seller()))

    async def report_cancellation(self, order: Order) -> PartnerOutcome:
        """Record at the marketplace that this account canceled."""
        reason = order.cancellation.reason if order.cancellation else None
        cancellation = partial(record_seller_cancellation, reason=reason)
        return await self._recorded(partial(cancellation, **self._as_seller()))

    async def report_denial(self, order: Order, request_id: str) -> PartnerOutcome:
        """Record at the marketplace that its request to cancel was denied."""
        denied = [one for one in order.requests if one.denied_at is not None]
        reason = denied[-1].denial_reason if denied else None
        return await self._recorded(
            partial(record_seller_denial, request_id=request_id, reason=reason)
        )

    async def report_invoice(self, order: Order, invoice: InvoiceIssued) -> PartnerOutcome:
        """Record an invoice of this account at the marketplace."""
        return await self._recorded(
            partial(record_seller_invoice, event=invoice, **self._as_seller())
        )

    async def report_tracking(self, order: Order, event: OrderEvent) -> PartnerOutcome:
        """Record the tracking of an invoice at the marketplace."""
        return await self._recorded(
            partial(record_seller_tracking, event=event, **self._as_seller())
        )

    def _as_seller(self) -> dict[str, Any]:
        return {"seller": self.message.account, "seller_order_id": self.message.order_id}

    async def _recorded(self, decision: OrderDecision) -> PartnerOutcome:
        try:
            await self._change(decision)
        except (Busy, ChangeInProgress) as wait:
            return Unknown(wait.message)
        except InvoiceNotAllowed as refusal:
            # Dispatched manually before the money came: the marketplace may still be paid.
            return Unknown(refusal.message)
        except Refusal as refusal:
            return Refused(refusal.message)
        return Done()


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
    outside = placed.flow == "chain" and await is_outside(cell, seller, placed.seller)
    placed = replace(placed, client_profile=who, seller_outside=outside)
    placed = await with_affiliate(cell, seller, placed)
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


async def cancel_proposal(cell: Cell, message: StoredMessage) -> None:
    """Cancel an order that was placed at a proposed seller and not taken up."""
    decision = partial(cancel_by_marketplace, request_id=message.id, actor="system", final=True)
    try:
        await AccountHere(cell, message)._change(decision)
    except (OrderNotFound, AccountNotFound):
        return  # it was never placed
