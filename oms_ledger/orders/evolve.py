"""The order after an event: a pure function that never refuses, for what was recorded has happened.

Where an event leads is said in `flows`; what else is learned from it, in the modules here, one
per topic of `events`: functions from (order, event, at) to the order that knows it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.cancellation import evolve as cancellation_evolve
from oms_ledger.orders.changes import evolve as changes_evolve
from oms_ledger.orders.flows import status_after
from oms_ledger.orders.handling import evolve as handling_evolve
from oms_ledger.orders.invoices import evolve as invoices_evolve
from oms_ledger.orders.marketplace import evolve as marketplace_evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox import evolve as outbox_evolve
from oms_ledger.orders.payments import evolve as payments_evolve
from oms_ledger.orders.placement import evolve as placement_evolve
from oms_ledger.orders.policies import evolve as policies
from oms_ledger.orders.privacy import evolve as privacy_evolve
from oms_ledger.orders.status import Status

_FULFILLMENT = frozenset(
    {Status.AUTHORIZE_FULFILLMENT, Status.ORDER_ACCEPTED, Status.ON_ORDER_COMPLETED_FFM}
)

# Events that stand in the history alone: the document is the same before and after.
NOT_IN_DOCUMENT = (
    events.InteractionLogged,
    events.InvoiceRepeated,
    events.PolicyJudgmentAwaited,
    events.PersonalDataDisclosed,
    events.TimersResumed,
    *changes_evolve.BESIDE,
)

_APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    **placement_evolve.APPLIERS,
    **handling_evolve.APPLIERS,
    **payments_evolve.APPLIERS,
    **invoices_evolve.APPLIERS,
    **cancellation_evolve.APPLIERS,
    **outbox_evolve.APPLIERS,
    **privacy_evolve.APPLIERS,
    **changes_evolve.APPLIERS,
    **marketplace_evolve.APPLIERS,
    **policies.APPLIERS,
}


def evolve(
    order: Order | None, event: events.OrderEvent, at: datetime, order_id: str, account: str
) -> Order:
    """The order after an event; the first one places or imports it."""
    if isinstance(event, events.OrderPlaced):
        return placement_evolve.placed(event, at, order_id, account)
    if isinstance(event, events.OrderImported):
        return placement_evolve.imported(event, order_id, account)
    assert order is not None, "an order's first event is OrderPlaced or OrderImported"
    learn = _APPLIERS.get(type(event))
    return _moved(learn(order, event, at) if learn else order, order, event, at)


def _moved(after: Order, order: Order, event: events.OrderEvent, at: datetime) -> Order:
    if isinstance(event, NOT_IN_DOCUMENT):
        return after
    status = status_after(order.flow, order.status, type(event), requested_in=order.resumes)
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
