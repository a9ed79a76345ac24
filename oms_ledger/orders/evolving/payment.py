"""What is known of the money."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.order import Order


def _sent(order: Order, event: e.PaymentsSent, at: datetime) -> Order:
    return replace(order, payments=event.payments)


def _authorized(order: Order, event: e.PaymentAuthorized, at: datetime) -> Order:
    return replace(
        order,
        approved=order.approved | {event.payment_id},
        receipts=(*order.receipts, ("authorizePayment", event.receipt, at)),
    )


LEARNS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    e.PaymentsSent: _sent,
    e.PaymentAuthorized: _authorized,
}
