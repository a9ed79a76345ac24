"""Who fulfills the order now, and whom it was proposed to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order

AUTHORIZATION = "marketplace-order-authorization"
"""The type of the receipt that a marketplace gave of its authorization."""


def _proposed(order: Order, event: events.SellerProposed, at: datetime) -> Order:
    return replace(order, proposals=(*order.proposals, (event.seller, event.seller_order_id)))


def _changed(order: Order, event: events.SellerChanged, at: datetime) -> Order:
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


def _named(order: Order, event: events.SellerOrderNamed, at: datetime) -> Order:
    return replace(order, seller_order_id=event.seller_order_id)


def _authorization(order: Order, event: events.AuthorizationReceived, at: datetime) -> Order:
    return replace(order, receipts=(*order.receipts, (AUTHORIZATION, event.receipt, at)))


def _overdue(order: Order, event: events.SellerDecisionOverdue, at: datetime) -> Order:
    return replace(order, overdue=True)


def _moved(order: Order, event: events.MarketplaceMoved, at: datetime) -> Order:
    details = {**order.placed.details, "marketplaceServicesEndpoint": event.endpoint}
    placed = replace(order.placed, details=details, sold_outside=event.sold_outside)
    return replace(order, placed=placed)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.MarketplaceMoved: _moved,
    events.SellerProposed: _proposed,
    events.SellerChanged: _changed,
    events.SellerDecisionOverdue: _overdue,
    events.SellerOrderNamed: _named,
    events.AuthorizationReceived: _authorization,
}
