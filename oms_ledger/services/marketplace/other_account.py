"""The other side of a sale as another account of this deployment, in whichever cell it is.

What an order says becomes a call (`account_calls`); what the other account makes of it is said by
`account_answers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from oms_ledger.accounts.partners import names
from oms_ledger.accounts.refusals import AccountNotReached
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.events import InvoiceIssued, OrderEvent
from oms_ledger.orders.marketplace.child_order import seller_order_from
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.orders.refusals import SellerRefusedOrder
from oms_ledger.orders.status import Status
from oms_ledger.services.marketplace import account_calls
from oms_ledger.services.marketplace.account_answers import ANSWERS, place_seller_order
from oms_ledger.services.marketplace.account_calls import AccountCall, cell_elsewhere
from oms_ledger.services.marketplace.counterpart import (
    Decision,
    Done,
    PartnerOutcome,
    Placement,
    Refused,
    Taken,
    Thinking,
    Unknown,
)
from projections.outbox.messages import StoredMessage


@dataclass(frozen=True, slots=True)
class OtherAccount:
    """The recipient of a message, which is another account."""

    cell: Cell
    message: StoredMessage

    async def _call(self, name: str, values: Mapping[str, Any], event: Any = None) -> Any:
        message = self.message
        call = AccountCall(
            sender=message.account,
            recipient=message.other,
            cause=message.cause,
            name=name,
            order_id=message.key if name == "place" else message.body["order"],
            values=values,
            event=event,
        )
        return await account_calls.make(self.cell, call, ANSWERS)

    async def place(self, order: Order) -> Placement:
        """Place the order; a chain order is confirmed when its own seller has taken it."""
        message = self.message
        if not await is_named(self.cell, order.account, message.other):
            return Refused(SellerRefusedOrder(f"there is no account {message.other}").message)
        offered = seller_order_from(order, account=message.other, order_id=message.key)
        return cast(Placement, await self._call("place", {}, offered))

    async def authorize(self, order: Order) -> PartnerOutcome:
        """Let the seller's order be dispatched; one that is canceled says so itself."""
        return cast(PartnerOutcome, await self._call("authorize", {}))

    async def ask_to_cancel(self, order: Order, request: CancellationRequest) -> Decision:
        """Ask the seller's order for its cancellation: confirmed, or thought about."""
        values = {
            "request_id": request.id,
            "reason": request.reason,
            "requested_by_user": request.requested_by_user,
        }
        return cast(Decision, await self._call("cancel", values))

    async def cancel(self, order: Order) -> Decision:
        """Cancel the seller's order: here it is canceled already."""
        requested = order.requests[-1] if order.requests else None
        started = order.cancellation
        actor = started.by if started else "system"
        user = actor == "user" or (
            started is None and requested is not None and requested.requested_by_user
        )
        values = {
            "request_id": requested.id if requested else self.message.id,
            "reason": started.reason if started else requested.reason if requested else None,
            "requested_by_user": user,
            "actor": actor,
            "final": True,
            "returned": order.status is Status.CANCELED and order.invoiced_value > 0,
        }
        return cast(Decision, await self._call("cancel", values))

    async def cancel_proposal(self) -> Decision:
        """Cancel an order that was placed at a proposed seller and not taken up."""
        values = {"request_id": self.message.id, "actor": "system", "final": True}
        return cast(Decision, await self._call("cancel", values))

    async def confirm(self, order: Order) -> PartnerOutcome:
        """Record at the marketplace that this account took the order."""
        return cast(PartnerOutcome, await self._call("confirm", self._known_as()))

    async def refuse(self, order: Order) -> PartnerOutcome:
        """Record at the marketplace that this account did not take the order, and why."""
        values = {**self._known_as(), "reason": order.seller_reason}
        return cast(PartnerOutcome, await self._call("refuse", values))

    async def report_cancellation(self, order: Order) -> PartnerOutcome:
        """Record at the marketplace that this account canceled."""
        reason = order.cancellation.reason if order.cancellation else None
        values = {**self._known_as(), "reason": reason}
        return cast(PartnerOutcome, await self._call("report-cancellation", values))

    async def report_denial(self, order: Order, request_id: str) -> PartnerOutcome:
        """Record at the marketplace that its request to cancel was denied."""
        denied = [one for one in order.requests if one.denied_at is not None]
        reason = denied[-1].denial_reason if denied else None
        values = {"request_id": request_id, "reason": reason}
        return cast(PartnerOutcome, await self._call("report-denial", values))

    async def report_invoice(self, order: Order, invoice: InvoiceIssued) -> PartnerOutcome:
        """Record an invoice of this account at the marketplace."""
        return cast(PartnerOutcome, await self._call("report-invoice", self._known_as(), invoice))

    async def report_tracking(self, order: Order, event: OrderEvent) -> PartnerOutcome:
        """Record the tracking of an invoice at the marketplace."""
        return cast(PartnerOutcome, await self._call("report-tracking", self._known_as(), event))

    def _known_as(self) -> dict[str, Any]:
        return {"seller_order_id": self.message.order_id}


async def is_named(cell: Cell, account: str, other: str) -> bool:
    """Whether an account of this cell names another one as its partner."""
    return names(await cell.ledger.account(account), other, cell.settings.partners)


async def place_at(
    cell: Cell, ctx: CommandContext, order: Order, seller: str, order_id: str
) -> None:
    """Place an order at another account that delivers it itself, while the caller waits.

    Refuses with the seller's reason, and with 503 when its cell does not answer.
    """
    offered = seller_order_from(order, account=seller, order_id=order_id, direct=True)
    if not await is_named(cell, order.account, seller):
        raise SellerRefusedOrder(f"there is no account {seller}")
    if await cell_elsewhere(cell, seller) is None:
        await place_seller_order(cell, ctx, seller, offered, order_id)
        return
    call = AccountCall(order.account, seller, ctx.cause, "place", order_id, {}, offered)
    match await account_calls.make(cell, call, ANSWERS):
        case Taken() | Thinking() | Done():
            return
        case Refused(reason):
            raise SellerRefusedOrder(reason)
        case Unknown():
            raise AccountNotReached(seller)
