"""How the payments of a purchase are divided among its orders (contract 05 §7, G21)."""

from collections.abc import Sequence
from dataclasses import replace

from oms_ledger.orders.events import Payment
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import divide


def split(payments: Sequence[Payment], values: Sequence[int]) -> list[tuple[Payment, ...]]:
    """What each order is paid with: what all pay of an order is its value, to the cent.

    Each payment is divided in proportion to what those before it left to pay; interest in
    proportion to the values.
    """
    left, shares = list(values), []
    for payment in payments:
        share = divide(payment.reference_value, left)
        left = [rest - part for rest, part in zip(left, share, strict=True)]
        interest = divide(payment.value - payment.reference_value, values)
        shares.append(
            [
                replace(payment, value=own + its_interest, reference_value=own)
                for own, its_interest in zip(share, interest, strict=True)
            ]
        )
    return [tuple(of_payment[n] for of_payment in shares) for n in range(len(values))]


def whole(orders: Sequence[Order]) -> tuple[Payment, ...]:
    """The payments of a purchase: what the shares of its orders add up to."""
    totals: dict[str, Payment] = {}
    for order in orders:
        for share in order.payments:
            known = totals.get(share.id)
            totals[share.id] = (
                share
                if known is None
                else replace(
                    known,
                    value=known.value + share.value,
                    reference_value=known.reference_value + share.reference_value,
                )
            )
    return tuple(totals.values())


def portions(paid: int, payment_id: str, orders: Sequence[Order]) -> list[int | None]:
    """What of `paid` cents of a payment counts for each order, in proportion to its share.

    None when the whole payment is paid. Else rounded down: no order counts as paid before.
    """
    shares = [
        sum(payment.value for payment in order.payments if payment.id == payment_id)
        for order in orders
    ]
    whole_payment = sum(shares)
    if paid >= whole_payment:
        return [None] * len(orders)
    return [share * paid // whole_payment for share in shares]
