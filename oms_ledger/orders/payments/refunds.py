"""What may be given back to the customer of an order, in cents (contract 02 §10, G23)."""

from oms_ledger.orders.order import Order

# The money of these was taken by another account, which also gives it back.
PAID_ELSEWHERE = frozenset({"seller", "chain"})


def captured(order: Order) -> int:
    """What was taken for the order, interest included.

    An order that became cheaper is settled at its lower value, so the refund of a change is in
    this figure already and is not subtracted again.
    """
    approved = [payment for payment in order.payments if payment.id in order.approved]
    interest = sum(payment.value - payment.reference_value for payment in approved)
    taken = min(sum(payment.value for payment in approved), order.value + interest)
    # Where the gateway was called, it took what was requested: some may have been released.
    return min(taken, order.captured) if order.money.requests else taken


def refundable(order: Order) -> int:
    """What a return may still ask back: never more than was taken or, on an order that was paid
    elsewhere, invoiced."""
    taken = order.invoiced_value if order.flow in PAID_ELSEWHERE else captured(order)
    returned = sum(invoice.refund or 0 for invoice in order.invoices)
    return taken - max(returned, order.refunded)  # some may have been given back manually
