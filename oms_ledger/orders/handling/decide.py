"""The cancellation window and the start of handling."""

from collections.abc import Mapping

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import NotReadyForHandling, NoWorkflow, StepNotAllowed
from oms_ledger.orders.status import Status


def start_handling(order: Order, facts: Facts) -> list[e.OrderEvent]:
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status is not Status.READY_FOR_HANDLING:
        raise NotReadyForHandling()
    return follow_through(order, [e.HandlingRequested()], facts)


def close_cancellation_window(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The grace period is over; void when the order has moved on."""
    if order.status is not Status.WINDOW_TO_CANCEL or order.closes_at is None:
        return []
    return follow_through(order, [], facts)


OPTIONAL: Mapping[Status, type[e.FulfillmentAwaited | e.InvoicingAwaited]] = {
    Status.WAITING_FOR_FULFILLMENT: e.FulfillmentAwaited,
    Status.READY_FOR_INVOICING: e.InvoicingAwaited,
}


def take_step(order: Order, facts: Facts, *, status: Status, chosen: bool) -> list[e.OrderEvent]:
    """Go on to a status between handling and invoice that the account has `chosen` to tell."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status is status:
        return []  # told again
    step = OPTIONAL[status]
    if not chosen or not order.allows(step):
        raise StepNotAllowed(order.status, status)
    return [step()]
