"""Who fulfills the order now, and whom it was proposed to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.order import Order


def _proposed(order: Order, event: e.SellerProposed, at: datetime) -> Order:
    return replace(order, proposals=(*order.proposals, (event.seller, event.seller_order_id)))


def _changed(order: Order, event: e.SellerChanged, at: datetime) -> Order:
    return replace(
        order,
        seller=event.seller,
        seller_name=event.seller_name,
        seller_order_id=event.seller_order_id,
        items=tuple(replace(item, seller=event.seller) for item in order.items),
        logistics=event.logistics,
        closes_at=None,
        seller_reason=None,
        receipts=(*order.receipts, ("changeSeller", event.receipt, at)),
    )


def _overdue(order: Order, event: e.SellerDecisionOverdue, at: datetime) -> Order:
    return replace(order, overdue=True)


LEARNS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    e.SellerProposed: _proposed,
    e.SellerChanged: _changed,
    e.SellerDecisionOverdue: _overdue,
}
