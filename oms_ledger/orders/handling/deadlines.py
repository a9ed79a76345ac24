"""What is decided when nobody did anything in time; void when the order has moved on."""

from datetime import timedelta

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

TIME_TO_AUTHORIZE = timedelta(days=30)
TIME_TO_DECIDE = timedelta(days=30)


def _late(order: Order, facts: Facts, status: Status, allowed: timedelta) -> bool:
    moved = order.moved_at
    return order.status is status and moved is not None and facts.now >= moved + allowed


def resume_timers(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """Let time move an imported order on, from where its document left it."""
    if order.timers:
        return []
    return follow_through(order, [e.TimersResumed()], facts)


def give_up_authorization(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The marketplace did not authorize the dispatch within 30 days."""
    if not _late(order, facts, Status.WAITING_FFMT_AUTHORIZATION, TIME_TO_AUTHORIZE):
        return []
    return _canceled(order, facts, "The marketplace did not authorize the dispatch in time")


def give_up_decision(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """A cancellation was asked and not decided within 30 days: it is carried out."""
    if not _late(order, facts, Status.CANCELLATION_REQUESTED, TIME_TO_DECIDE):
        return []
    asked = order.requests[-1] if order.requests else None
    by = "user" if asked and asked.requested_by_user else "system"
    started = e.CancellationStarted(
        by=by, receipt=facts.receipt, reason=asked.reason if asked else None
    )
    return follow_through(order, [started], facts)


def insist_on_cancellation(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The seller did not decide within 30 days: it is told to cancel, and that ends it here too.

    The seller may have invoiced at the same moment, so it is the seller's order that decides.
    """
    if not _late(order, facts, Status.WAITING_FOR_SELLER_DECISION, TIME_TO_DECIDE):
        return []
    return [] if order.overdue else [e.SellerDecisionOverdue()]


def _canceled(order: Order, facts: Facts, reason: str) -> list[e.OrderEvent]:
    started = e.CancellationStarted(by="system", receipt=facts.receipt, reason=reason)
    return follow_through(order, [started], facts)
