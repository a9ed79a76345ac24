"""What was invoiced, and what came back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.order import Order


def _issued(order: Order, event: e.InvoiceIssued, at: datetime) -> Order:
    return replace(
        order,
        invoices=(*order.invoices, event),
        receipts=(*order.receipts, ("invoice", event.receipt, at)),
    )


def _completed(order: Order, event: e.InvoiceCompleted, at: datetime) -> Order:
    return replace(
        order,
        invoices=tuple(
            replace(one, details={**one.details, **event.details})
            if one.number == event.number
            else one
            for one in order.invoices
        ),
    )


def _despite_request(order: Order, event: e.InvoicedDespiteRequest, at: datetime) -> Order:
    if not order.requests:
        return order
    *earlier, asked = order.requests
    return replace(order, requests=(*earlier, replace(asked, denied_at=at)))


LEARNS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    e.InvoiceIssued: _issued,
    e.InvoiceCompleted: _completed,
    e.InvoicedDespiteRequest: _despite_request,
}
