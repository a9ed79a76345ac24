"""Who asked for a cancellation, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.orders.status import Status

_UNDECIDED = (Status.CANCELLATION_REQUESTED, Status.WAITING_FOR_SELLER_DECISION)
# Which sides of the sale an order of a flow stands for; each says of the cancellation.
_SIDES = {
    "complete": ("sellerCancellation", "marketPlaceCancellation"),
    "seller": ("sellerCancellation",),
    "marketplace": ("marketPlaceCancellation",),
    "chain": ("marketPlaceCancellation",),
}


def _requested(order: Order, event: events.CancellationRequested, at: datetime) -> Order:
    request = CancellationRequest(
        event.request_id, event.requested_by_user, event.reason, at, from_above=event.from_above
    )
    joins = order.status in _UNDECIDED  # one decision ends all that wait for it
    return replace(
        order,
        requests=(*order.requests, request),
        resumes=order.resumes if joins else order.status,
        overdue=order.overdue if joins else False,
        receipts=(*order.receipts, ("cancellationRequest", event.receipt, at)),
    )


def _denied(order: Order, event: events.CancellationDenied, at: datetime) -> Order:
    return replace(
        order,
        requests=tuple(
            replace(one, denied_at=at, denial_reason=event.reason)
            if one.id == event.request_id
            else one
            for one in order.requests
        ),
    )


def _started(order: Order, event: events.CancellationStarted, at: datetime) -> Order:
    return replace(
        order,
        cancellation=event,
        canceled_at=at,
        receipts=(*order.receipts, *((kind, event.receipt, at) for kind in _SIDES[order.flow])),
    )


def _seller_canceled(order: Order, event: events.SellerCanceled, at: datetime) -> Order:
    """Once another seller took it, the order goes on where it was."""
    requested = order.status is Status.WAITING_FOR_SELLER_DECISION
    return replace(
        order,
        closes_at=event.closes_at,
        seller_reason=event.reason,
        resumes=order.resumes if requested else order.status,
    )


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.CancellationRequested: _requested,
    events.CancellationDenied: _denied,
    events.CancellationStarted: _started,
    events.SellerCanceled: _seller_canceled,
}
