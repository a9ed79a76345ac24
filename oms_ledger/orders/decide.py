"""What may be decided about an order: functions from an order and facts to events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from oms_ledger.orders import events as e
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.flows import AUTOMATIC
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a decision may know besides the order: the time, fresh ids, the account's settings."""

    now: datetime
    receipt: str
    grace_period: timedelta = timedelta(minutes=30)
    payment_expiry: timedelta | None = None
    seller_window: timedelta = timedelta(days=2)
    buying_policies: bool = False
    placement_patience: timedelta = timedelta(hours=24)


Decision = Callable[[Order, DecisionContext], list[e.OrderEvent]]


def with_automatic_transitions(
    order: Order, events: Sequence[e.OrderEvent], context: DecisionContext
) -> list[e.OrderEvent]:
    """The events, and those that follow by themselves until the order rests."""
    done: list[e.OrderEvent] = []
    for event in [*_ended_first(order, events, context), *events]:
        done.append(event)
        order = evolve(order, event, context.now, order.order_id, order.account)
    while following := _next(order, context):
        done.append(following)
        order = evolve(order, following, context.now, order.order_id, order.account)
    return done


def _ended_first(
    order: Order, events: Sequence[e.OrderEvent], context: DecisionContext
) -> list[e.OrderEvent]:
    """A cancellation wins: whoever asks for one, a change in progress is canceled before it."""
    request = order.change_in_progress
    requested = (e.CancellationStarted, e.CancellationRequested, e.SellerCanceled)
    if request is None or not any(isinstance(event, requested) for event in events):
        return []
    reason = "The order is being canceled"
    return [e.ChangeCanceled(request_id=request.id, receipt=context.receipt, reason=reason)]


def _after_completion(order: Order, context: DecisionContext) -> e.OrderEvent | None:
    """The order goes to its seller, once the buying policies that the account has are evaluated."""
    if order.evaluation:
        return None
    unevaluated = order.authorization is None and context.buying_policies
    if unevaluated and order.allows(e.OrderAuthorizationAwaited):
        return e.PolicyJudgmentAwaited()
    return awaiting_seller(order, context)


def awaiting_seller(order: Order, context: DecisionContext) -> e.SellerConfirmationAwaited:
    """The order goes to its seller; one outside has to answer within the account's patience."""
    outside = order.placed.seller_outside
    return e.SellerConfirmationAwaited(
        context.now + context.placement_patience if outside else None
    )


def _next(order: Order, context: DecisionContext) -> e.OrderEvent | None:
    if order.status is None:
        return None
    if order.status is Status.WINDOW_TO_CANCEL and order.closes_at is not None:
        return e.CancellationWindowClosed() if order.closes_at <= context.now else None
    if order.status is Status.PAYMENT_PENDING and order.paid:
        return e.PaymentApprovalRecorded()
    event = AUTOMATIC[order.flow].get(order.status)
    if event is None:
        return None
    if event is e.CancellationWindowOpened:
        return e.CancellationWindowOpened(context.now + context.grace_period)
    if event is e.CancellationStarted:
        return e.CancellationStarted(
            by="system", receipt=context.receipt, reason=order.seller_reason
        )
    if event is e.SellerConfirmationAwaited:
        return _after_completion(order, context)
    if event is e.FullyInvoiced and order.invoiced_value < order.value:
        return e.PartiallyInvoiced()
    if event is e.InvoiceVerified and order.invoiced_value < order.value:
        return e.HandlingStarted()
    following: e.OrderEvent = event()
    return following
