"""The transaction of a purchase: one for all of its orders, given from their shares."""

from collections.abc import Sequence

from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.allocation import whole
from oms_ledger.orders.payments.gateway import Transaction


def transaction_of(orders: Sequence[Order], *, unapproved: bool = False) -> Transaction:
    """What a gateway has to know of a purchase; only the payments it has still to decide about."""
    first = orders[0]
    placed = first.placed
    payments = whole(orders)
    if unapproved:
        payments = tuple(one for one in payments if one.id not in first.approved)
    return Transaction(
        id=placed.transaction_id or "",
        order_group=placed.order_group,
        merchant=placed.merchant_name,
        currency=str(placed.store_preferences.get("currencyCode") or "BRL"),
        payments=payments,
        sales_channel=placed.sales_channel,
        gateway_id=next((o.money.gateway_id for o in orders if o.money.gateway_id), None),
        additional=first.money.additional,
    )
