"""Cancel, and the two steps it takes once handling may have begun (contract 01 §3.6)."""

from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import Busy, CancellationNotAllowed, NoWorkflow
from oms_ledger.orders.status import Status


def cancel(
    order: Order,
    facts: Facts,
    *,
    reason: str | None = None,
    requested_by_user: bool = False,
    by: str = "seller-notification",
) -> list[e.OrderEvent]:
    """Ask for a cancellation, confirm one that was asked, or cancel at once: as the status says."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status in (Status.CANCELED, Status.REPLACED, Status.WAITING_FOR_SELLER_DECISION):
        return []  # asked again: answered as the first time
    if order.status is Status.INVOICED and not _all_returned(order):
        raise CancellationNotAllowed(order.order_id)
    if order.status is not Status.INVOICED and order.invoiced_value:
        raise CancellationNotAllowed(order.order_id)
    if order.allows(e.CancellationRequested):
        request = e.CancellationRequested(
            request_id=facts.receipt,
            requested_by_user=requested_by_user,
            receipt=facts.receipt,
            reason=reason,
        )
        return follow_through(order, [request], facts)
    if not order.allows(e.CancellationStarted):
        raise Busy(order.status)
    if order.status is Status.CANCELLATION_REQUESTED and order.requests:
        first = order.requests[-1]  # the first cause stays (G17)
        reason, requested_by_user = first.reason, first.requested_by_user
    started = e.CancellationStarted(
        by="user" if requested_by_user else by, receipt=facts.receipt, reason=reason
    )
    return follow_through(order, [started], facts)


def _all_returned(order: Order) -> bool:
    returned = sum(invoice.value for invoice in order.invoices if invoice.type == "Input")
    return returned >= order.invoiced_value > 0
