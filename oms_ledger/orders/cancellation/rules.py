"""Whether a cancellation would be taken, and the refusal it would get (contract 01 §3.6)."""

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import Busy, CancellationNotAllowed, NoWorkflow
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal

# A cancel of these is answered as the first one was; nothing new comes of it.
CANCELED_ALREADY = frozenset({Status.CANCELED, Status.REPLACED, Status.WAITING_FOR_SELLER_DECISION})


def cancel_refusal(order: Order) -> Refusal | None:
    """The refusal that a cancel gets now, None when it is taken or was taken before."""
    if order.status is None:
        return NoWorkflow(order.order_id)
    if order.status in CANCELED_ALREADY:
        return None
    if order.invoiced_value and not (order.status is Status.INVOICED and all_returned(order)):
        return CancellationNotAllowed(order.order_id, order.status)
    if order.allows(events.CancellationRequested) or order.allows(events.CancellationStarted):
        return None
    return Busy(order.status)


def can_cancel(order: Order) -> bool:
    """Whether a cancel would change something now."""
    return order.status not in CANCELED_ALREADY and cancel_refusal(order) is None


def all_returned(order: Order) -> bool:
    """Whether Input invoices cover all that was invoiced."""
    returned = sum(invoice.value for invoice in order.invoices if invoice.type == "Input")
    return returned >= order.invoiced_value > 0
