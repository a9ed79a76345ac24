"""v1 increases: on record before a gateway is asked for more, given up when nothing comes of them.

A preparation ends in one of two ways. The change is registered; or it is abandoned, and from then
on nobody may register it, so that what the gateway has authorized can be given back: whoever
decides that it goes back, and whoever decides that it stays, decides about the same order.
"""

from datetime import datetime, timedelta

from oms_ledger.orders import events
from oms_ledger.orders.changes.refusals import ChangeInProgress
from oms_ledger.orders.changes.state import Preparation
from oms_ledger.orders.changes.v1 import registered
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order

TIME_TO_REGISTER = timedelta(minutes=10)


def preparation(order: Order, asked_as: str) -> Preparation | None:
    """What was prepared under the gateway's name for it, ended or not."""
    return next((one for one in order.preparations if one.requested.asked_as == asked_as), None)


def prepare(
    order: Order, context: DecisionContext, *, request_id: str, value: int
) -> list[events.OrderEvent]:
    """Put on record that the gateway is about to be called; the same request again goes on."""
    if registered(order, request_id):
        return []
    if known := order.change_prepared:
        if (known.requested.request_id, known.requested.value) != (request_id, value):
            raise ChangeInProgress()
        return []
    if order.change_in_progress:
        raise ChangeInProgress()
    return [events.ChangePrepared(request_id, value, _new_name(order, request_id))]


def _new_name(order: Order, request_id: str) -> str:
    """Another one after each preparation that ended: a gateway answers the same name alike."""
    name = f"{order.order_id}/{request_id}"
    ended = sum(one.requested.request_id == request_id for one in order.preparations)
    return f"{name}/{ended}" if ended else name


def require_prepared(order: Order, asked_as: str | None) -> None:
    """Refuses to register what was given up meanwhile; None is paid without a preparation."""
    known = order.change_prepared
    if asked_as is not None and (known is None or known.requested.asked_as != asked_as):
        raise ChangeInProgress()


def abandon(
    order: Order, context: DecisionContext, *, asked_as: str, paid: bool = False
) -> list[events.OrderEvent]:
    """Nobody registers it any more; `paid` when the gateway had agreed."""
    known = order.change_prepared
    if known is None or known.requested.asked_as != asked_as:
        return []
    return [events.ChangeAbandoned(known.requested.request_id, asked_as, paid)]


def register_by(order: Order) -> datetime | None:
    """Until when a preparation has to be registered; None when there is none."""
    known = order.change_prepared
    return None if known is None else known.at + TIME_TO_REGISTER


def expire_preparation(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """The process that called the gateway died over it, and the client did not come again."""
    known, until = order.change_prepared, register_by(order)
    if known is None or until is None or context.now < until:
        return []
    return abandon(order, context, asked_as=known.requested.asked_as)


def withdraw(
    order: Order, context: DecisionContext, *, asked_as: str, receipt: str | None = None
) -> list[events.OrderEvent]:
    """The gateway gave it back, or never took it."""
    known = preparation(order, asked_as)
    if known is None or known.registered or known.withdrawn:
        return []
    return [events.ChangeWithdrawn(known.requested.request_id, asked_as, receipt)]
