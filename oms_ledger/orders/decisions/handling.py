"""The cancellation window and the start of handling."""

from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import NotReadyForHandling, NoWorkflow
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
