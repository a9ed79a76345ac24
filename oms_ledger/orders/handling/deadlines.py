"""What is decided when nobody did anything in time; void when the order has moved on."""

from datetime import timedelta

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

TIME_TO_AUTHORIZE = timedelta(days=30)
TIME_TO_DECIDE = timedelta(days=30)


def _late(order: Order, context: DecisionContext, status: Status, allowed: timedelta) -> bool:
    moved = order.moved_at
    return order.status is status and moved is not None and context.now >= moved + allowed


def resume_timers(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """Let time move an imported order on, from where its document left it."""
    if order.timers:
        return []
    return with_automatic_transitions(order, [events.TimersResumed()], context)


def expire_authorization(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """The marketplace did not authorize the dispatch within 30 days."""
    if not _late(order, context, Status.WAITING_FFMT_AUTHORIZATION, TIME_TO_AUTHORIZE):
        return []
    return _canceled(order, context, "The marketplace did not authorize the dispatch in time")


def expire_seller_answer(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """A seller outside did not say in time whether it takes the order: that is a refusal."""
    until = order.closes_at
    if order.status is not Status.WAITING_FOR_AUTHORIZATION or until is None:
        return []
    if context.now < until:
        return []
    silent = events.SellerRefused(f"seller {order.seller} did not answer")
    return with_automatic_transitions(order, [silent], context)


def expire_decision(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """A cancellation was requested and not decided within 30 days: it is carried out."""
    if not _late(order, context, Status.CANCELLATION_REQUESTED, TIME_TO_DECIDE):
        return []
    return _as_requested(order, context)


def _as_requested(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    requested = order.requests[-1] if order.requests else None
    actor = "user" if requested and requested.requested_by_user else "system"
    started = events.CancellationStarted(
        by=actor, receipt=context.receipt, reason=requested.reason if requested else None
    )
    return with_automatic_transitions(order, [started], context)


def escalate_cancellation(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """The seller did not decide within 30 days: it has to cancel, and that ends it here too.

    The seller may have invoiced at the same moment, so it is the seller's order that decides. One
    outside is notified, and its answer is not waited for.
    """
    if not _late(order, context, Status.WAITING_FOR_SELLER_DECISION, TIME_TO_DECIDE):
        return []
    if order.placed.seller_outside:
        return _as_requested(order, context)
    return [] if order.overdue else [events.SellerDecisionOverdue()]


def _canceled(order: Order, context: DecisionContext, reason: str) -> list[events.OrderEvent]:
    started = events.CancellationStarted(by="system", receipt=context.receipt, reason=reason)
    return with_automatic_transitions(order, [started], context)
