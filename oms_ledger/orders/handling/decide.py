"""The cancellation window and the start of handling."""

from collections.abc import Mapping

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import NotReadyForHandling, NoWorkflow, StepNotAllowed
from oms_ledger.orders.status import Status


def start_handling(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """Let handling begin; `NoWorkflow` or `NotReadyForHandling` where it may not."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status is not Status.READY_FOR_HANDLING:
        raise NotReadyForHandling()
    return with_automatic_transitions(order, [events.HandlingRequested()], context)


def close_cancellation_window(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """The grace period is over; void when the order has moved on."""
    if order.status is not Status.WINDOW_TO_CANCEL or order.closes_at is None:
        return []
    return with_automatic_transitions(order, [], context)


OPTIONAL: Mapping[Status, type[events.FulfillmentAwaited | events.InvoicingAwaited]] = {
    Status.WAITING_FOR_FULFILLMENT: events.FulfillmentAwaited,
    Status.READY_FOR_INVOICING: events.InvoicingAwaited,
}


def take_step(
    order: Order, context: DecisionContext, *, status: Status, chosen: bool
) -> list[events.OrderEvent]:
    """Go on to a status between handling and invoice that the account has `chosen` to report."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status is status:
        return []  # given again
    step = OPTIONAL[status]
    if not chosen or not order.allows(step):
        raise StepNotAllowed(order.status, status)
    return [step()]
