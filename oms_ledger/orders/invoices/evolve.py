"""What was invoiced, and what came back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status


def _issued(order: Order, event: events.InvoiceIssued, at: datetime) -> Order:
    event = replace(event, details={**event.details, "lastChange": at})
    if order.status is Status.WAITING_FOR_SELLER_DECISION and event.type == "Output":
        order = _despite_request(order, event, at)  # the seller invoiced: it denies
    return replace(
        order,
        invoices=(*order.invoices, event),
        receipts=(*order.receipts, ("invoice", event.receipt, at)),
    )


def _completed(order: Order, event: events.InvoiceCompleted, at: datetime) -> Order:
    return _learned(order, event.number, {**event.details, "lastChange": at})


def _repeated(order: Order, event: events.InvoiceRepeated, at: datetime) -> Order:
    return _answered(order, f"invoice {event.number.strip()}", event.receipt, at)


def _refund_requested(order: Order, event: events.RefundRequested, at: datetime) -> Order:
    return replace(order, refunds=(*order.refunds, event))


def _tracking_changed(order: Order, event: events.TrackingChanged, at: datetime) -> Order:
    order = _learned(order, event.number, {**event.details, "lastChange": at})
    return _answered(order, f"tracking number of {event.number.strip()}", event.receipt, at)


def _tracking_reported(order: Order, event: events.TrackingReported, at: datetime) -> Order:
    invoice = order.invoice(event.number)
    before = (invoice.details.get("courierStatus") if invoice else None) or {}
    news = [
        {
            "lastChange": one.at,
            "city": one.city,
            "state": one.state,
            "description": one.description,
            "createDate": one.at,
        }
        for one in event.events
    ]
    delivered_at = event.delivered_at or before.get("deliveredDate")
    status = {
        "status": "ok",
        "finished": event.delivered_at is not None or bool(before.get("finished")),
        "deliveredDate": delivered_at,
        "data": [*(before.get("data") or []), *news],
    }
    order = _learned(order, event.number, {"courierStatus": status, "lastChange": at})
    return _answered(order, f"tracking of {event.number.strip()}", event.receipt, at)


def _learned(order: Order, number: str, news: events.Json) -> Order:
    number = number.strip()
    return replace(
        order,
        invoices=tuple(
            replace(one, details={**one.details, **news}) if one.number.strip() == number else one
            for one in order.invoices
        ),
    )


def _answered(order: Order, what: str, receipt: str, at: datetime) -> Order:
    return replace(order, answers={**order.answers, what: (receipt, at)})


def _despite_request(order: Order, event: events.OrderEvent, at: datetime) -> Order:
    """All that waited for a decision have it."""
    denied = (one if one.denied_at else replace(one, denied_at=at) for one in order.requests)
    return replace(order, requests=tuple(denied))


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.InvoiceIssued: _issued,
    events.InvoiceCompleted: _completed,
    events.InvoiceRepeated: _repeated,
    events.RefundRequested: _refund_requested,
    events.TrackingChanged: _tracking_changed,
    events.TrackingReported: _tracking_reported,
    events.InvoicedDespiteRequest: _despite_request,
}
