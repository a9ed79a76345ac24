"""Where the package of an invoice is, and whether it arrived (contract 02 §10)."""

from collections.abc import Sequence
from datetime import datetime

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.invoices.state import event_at
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import DeliveryUndone, InvoiceNotFound, NoWorkflow


def change_tracking(
    order: Order, context: DecisionContext, *, number: str, details: e.Json
) -> list[e.OrderEvent]:
    """Change who carries a package and under which number: the fields given, null included."""
    invoice = _invoice(order, number)
    news = {
        key: value
        for key, value in details.items()
        if key not in invoice.details or invoice.details[key] != value
    }
    if not news:
        return []  # sent again: answered as the first time
    return [e.TrackingChanged(number=invoice.number, receipt=context.receipt, details=news)]


def report_delivery(
    order: Order,
    context: DecisionContext,
    *,
    number: str,
    is_delivered: bool | None,
    delivered_at: datetime | None = None,
    events: Sequence[e.TrackingEvent] = (),
) -> list[e.OrderEvent]:
    """Add news of a package. A delivery without a date was now, and cannot be undone."""
    invoice = _invoice(order, number)
    known: e.Json = invoice.details.get("courierStatus") or {}
    finished = bool(known.get("finished"))
    if finished and is_delivered is False:
        raise DeliveryUndone(invoice.number)
    if not is_delivered or (finished and delivered_at in (None, known.get("deliveredDate"))):
        delivered_at = None
    else:
        delivered_at = delivered_at or context.now
    news = unknown_events(invoice, events)
    if known and not news and delivered_at is None:
        return []
    reported = e.TrackingReported(
        number=invoice.number,
        receipt=context.receipt,
        delivered_at=delivered_at,
        events=tuple(sorted(news, key=lambda event: event.at)),
    )
    return [reported]


def unknown_events(
    invoice: e.InvoiceIssued, events: Sequence[e.TrackingEvent]
) -> list[e.TrackingEvent]:
    """The events that the invoice's package does not have yet, each once."""
    seen = {
        (event_at(fields), fields.get("description"), fields.get("city"))
        for fields in _data(invoice.details.get("courierStatus") or {})
    }
    news = []
    for event in events:
        key = (event.at, event.description, event.city)
        if key not in seen:
            seen.add(key)
            news.append(event)
    return news


def _data(status: e.Json) -> list[e.Json]:
    return status.get("data") or []


def _invoice(order: Order, number: str) -> e.InvoiceIssued:
    if order.status is None:
        raise NoWorkflow(order.order_id)
    invoice = order.invoice(number)
    if invoice is None:
        raise InvoiceNotFound(number)
    return invoice
