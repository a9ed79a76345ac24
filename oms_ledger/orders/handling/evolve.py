"""The order after the workflow's own events."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order


def _window_opened(order: Order, event: events.CancellationWindowOpened, at: datetime) -> Order:
    return replace(order, closes_at=event.closes_at)


def _awaited(order: Order, event: events.SellerConfirmationAwaited, at: datetime) -> Order:
    return replace(order, closes_at=event.answer_by)


def _confirmed(order: Order, event: events.SellerConfirmed, at: datetime) -> Order:
    known = event.seller_order_id or order.seller_order_id
    return replace(order, seller_order_id=known)


def _refused(order: Order, event: events.SellerRefused, at: datetime) -> Order:
    return replace(order, seller_reason=event.reason)


def _authorized(order: Order, event: events.FulfillmentAuthorized, at: datetime) -> Order:
    shared = event.shared_payments or order.shared_payments
    return replace(order, shared_payments=shared)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.CancellationWindowOpened: _window_opened,
    events.SellerConfirmationAwaited: _awaited,
    events.FulfillmentAuthorized: _authorized,
    events.SellerConfirmed: _confirmed,
    events.SellerRefused: _refused,
}
