"""Which payments of an order may pay more, and where an adjustment goes (contract 03 §6)."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from oms_ledger.orders.events import PaidPart, Payment
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import divide

GROWING = frozenset({"creditCard", "promissory", "cash", "creditControl", "customerCredit"})


def growing_payment(order: Order, allowed: Collection[str] = ()) -> Payment | None:
    """The payment that an increase is requested of; None when no payment of the order may grow.

    `allowed` are the account's `customPaymentSystemsAllowed`.
    """
    for payment in order.payments:
        if payment.group in GROWING or payment.payment_system in allowed:
            return payment
    return None


def has_own_payment(order: Order) -> bool:
    """Whether the money is this order's affair: the marketplace that sold it keeps the payment."""
    return order.flow not in ("seller", "chain")


def parts_of(order: Order, value: int, allowed: Collection[str] = ()) -> tuple[PaidPart, ...]:
    """An adjustment by payment: more of the one that may grow, less of all in proportion."""
    if value > 0:
        payment = growing_payment(order, allowed)
        return (PaidPart(payment.id, value),) if payment else ()
    if not value or not order.payments:
        return ()
    values = [payment.reference_value for payment in order.payments]
    shares = divide(min(-value, sum(values)), values)
    parts = zip(order.payments, shares, strict=True)
    return tuple(PaidPart(payment.id, -share) for payment, share in parts if share)


def after_adjustment(payments: Iterable[Payment], parts: Iterable[PaidPart]) -> tuple[Payment, ...]:
    """The payments with what they pay now."""
    moved = {part.payment_id: part.value for part in parts}
    return tuple(
        replace(
            payment,
            value=payment.value + moved[payment.id],
            reference_value=payment.reference_value + moved[payment.id],
        )
        if payment.id in moved
        else payment
        for payment in payments
    )
