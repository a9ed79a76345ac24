"""The order after an event: a pure fold that never refuses, for what was recorded has happened.

Where an event leads is said in `flows`; what else is learned from it, in the modules here, one
per topic of `events`: functions from (order, event, at) to the order that knows it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.cancellation import evolve as canceling
from oms_ledger.orders.changes import evolve as changing
from oms_ledger.orders.flows import status_after
from oms_ledger.orders.handling import evolve as workflow
from oms_ledger.orders.invoices import evolve as invoicing
from oms_ledger.orders.marketplace import evolve as reselling
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox import evolve as calling
from oms_ledger.orders.payments import evolve as payment
from oms_ledger.orders.placement import evolve as placing
from oms_ledger.orders.privacy import evolve as erasing
from oms_ledger.orders.status import Status

_FULFILLMENT = frozenset(
    {Status.AUTHORIZE_FULFILLMENT, Status.ORDER_ACCEPTED, Status.ON_ORDER_COMPLETED_FFM}
)

# Events that stand in the history alone: the document is the same before and after.
UNSEEN = (
    e.InteractionLogged,
    e.InvoiceRepeated,
    e.PersonalDataDisclosed,
    e.TimersResumed,
    *changing.BESIDE,
)

_LEARNS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    **placing.LEARNS,
    **workflow.LEARNS,
    **payment.LEARNS,
    **invoicing.LEARNS,
    **canceling.LEARNS,
    **calling.LEARNS,
    **erasing.LEARNS,
    **changing.LEARNS,
    **reselling.LEARNS,
}


def evolve(
    order: Order | None, event: e.OrderEvent, at: datetime, order_id: str, account: str
) -> Order:
    """The order after an event; the first one places or imports it."""
    if isinstance(event, e.OrderPlaced):
        return placing.placed(event, at, order_id, account)
    if isinstance(event, e.OrderImported):
        return placing.imported(event, order_id, account)
    assert order is not None, "an order's first event is OrderPlaced or OrderImported"
    learn = _LEARNS.get(type(event))
    return _moved(learn(order, event, at) if learn else order, order, event, at)


def _moved(after: Order, order: Order, event: e.OrderEvent, at: datetime) -> Order:
    if isinstance(event, UNSEEN):
        return after
    status = status_after(order.flow, order.status, type(event), asked_in=order.resumes)
    if status is None or status is order.status:
        return after.but(changed_at=at)
    domain = order.domain
    if status in _FULFILLMENT:
        domain = "Fulfillment"
    return after.but(
        changed_at=at,
        status=status,
        status_before=order.status,
        moved_at=at,
        moved_before_at=order.moved_at,
        domain=domain,
        timeline=(*order.timeline, (status, at)),
        authorized_at=at if status is Status.PAYMENT_APPROVED else after.authorized_at,
        invoiced_at=at if status is Status.INVOICED else after.invoiced_at,
    )
