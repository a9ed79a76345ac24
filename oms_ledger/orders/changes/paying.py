"""Which payments of an order may pay more, and where an adjustment goes (contract 03 §6)."""

from collections.abc import Collection

from oms_ledger.orders.events import Payment
from oms_ledger.orders.order import Order

GROWING = frozenset({"creditCard", "promissory", "cash", "creditControl", "customerCredit"})


def growing_payment(order: Order, allowed: Collection[str] = ()) -> Payment | None:
    """The payment that an increase is asked of; None when no payment of the order may grow.

    `allowed` are the account's `customPaymentSystemsAllowed`.
    """
    for payment in order.payments:
        if payment.group in GROWING or payment.payment_system in allowed:
            return payment
    return None


def has_own_payment(order: Order) -> bool:
    """Whether the money is this order's affair: a seller's marketplace keeps the payment."""
    return order.flow != "seller"
