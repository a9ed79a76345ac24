"""Returns: units that came back, and what is given back for them (contract 02 §10, G23)."""

from collections.abc import Sequence
from dataclasses import replace

from oms_ledger.orders import events
from oms_ledger.orders.invoices.matching import InvoiceItemInput, to_return
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.refunds import PAID_ELSEWHERE, captured, refundable
from oms_ledger.orders.refusals import (
    InputBeforeOutput,
    InvalidRefund,
    NothingToRefund,
    RefundExceedsCaptured,
)


def return_items(
    order: Order,
    issued: events.InvoiceIssued,
    items: Sequence[InvoiceItemInput],
    refund: int | None,
) -> list[events.OrderEvent]:
    """Record an Input invoice; it gives money back only when all was invoiced before.

    `refund` is what the invoice says to give back, its value when it says nothing.
    """
    if not any(invoice.type == "Output" for invoice in order.invoices):
        raise InputBeforeOutput()
    wanted = issued.value if refund is None else refund
    if wanted <= 0 and not items:
        raise InvalidRefund(wanted)
    issued = replace(issued, items=to_return(order, items))
    if order.invoiced_value < order.value:
        answer = (
            f"Invoice {issued.number}: nothing is refunded, for the order is not invoiced in full"
        )
        return [issued, events.InteractionLogged(source="invoice", message=answer)]
    if wanted <= 0:  # an exchange: things come back, money stays
        return [issued]
    if order.flow not in PAID_ELSEWHERE and captured(order) <= 0:
        raise NothingToRefund(order.order_id)
    rest = max(refundable(order), 0)
    if wanted > rest:
        raise RefundExceedsCaptured(rest)
    issued = replace(issued, refund=wanted)
    if order.flow in PAID_ELSEWHERE:
        return [issued]
    return [
        issued,
        events.RefundRequested(
            request_id=issued.receipt, invoice_number=issued.number, value=wanted
        ),
    ]
