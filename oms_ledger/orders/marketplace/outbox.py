"""What orders tell the level below and the level above (contract 01 §§3.6, 6; 06 §§4-7).

Down: place, authorize, ask for a cancellation, cancel. Up: taken or refused (by a chain order),
invoices and news of packages, denials, cancellations.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.marketplace.levels import delegated, id_below
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import Call
from oms_ledger.orders.status import Status


def _down(order: Order, kind: str, key: str = "", **body: Any) -> list[Call]:
    if not delegated(order):
        return []
    key = key or id_below(order)
    return [Call(f"seller:{order.seller}", kind, key, {"order": id_below(order), **body})]


def _up(order: Order, kind: str, key: str = "") -> list[Call]:
    sold_by, above = order.placed.sold_by, order.placed.marketplace_order_id
    return [Call(f"marketplace:{sold_by}", kind, key, {"order": above})] if sold_by else []


def _awaited(before: Order, event: e.SellerConfirmationAwaited, after: Order) -> list[Call]:
    return _down(after, "place-fulfillment")


def _paid(before: Order, event: e.PaymentApproved, after: Order) -> list[Call]:
    return _down(after, "authorize-fulfillment")


def _requested(before: Order, event: e.CancellationRequested, after: Order) -> list[Call]:
    joins = before.status is Status.WAITING_FOR_SELLER_DECISION
    return [] if joins else _down(after, "ask-cancellation", event.request_id)


def _overdue(before: Order, event: e.SellerDecisionOverdue, after: Order) -> list[Call]:
    asked = after.requests[-1].id if after.requests else ""
    return _down(after, "cancel-fulfillment", f"overdue/{asked}")


def _proposed(before: Order, event: e.SellerProposed, after: Order) -> list[Call]:
    """To a queue of its own: it waits to see what becomes of the proposal."""
    body = {"order": event.seller_order_id, "seller": event.seller}
    return [Call(f"proposal:{event.seller}", "settle-proposal", event.seller_order_id, body)]


def _changed(before: Order, event: e.SellerChanged, after: Order) -> list[Call]:
    authorized = after.status is Status.PAYMENT_APPROVED
    return [
        *_down(before, "cancel-fulfillment"),
        *(_down(after, "authorize-fulfillment") if authorized else []),
    ]


def _canceled(before: Order, event: e.Canceled, after: Order) -> list[Call]:
    return [*_down(after, "cancel-fulfillment"), *_up(after, "tell-cancellation", "canceled")]


def _denied(before: Order, event: e.CancellationDenied, after: Order) -> list[Call]:
    """One decision denies all that the level above asked for."""
    asked = {one.id for one in after.requests if one.from_above and one.denied_at is None}
    ids = [event.request_id, *sorted(asked - {event.request_id})]
    return [call for one in ids for call in _up(after, "tell-denial", one)]


def _confirmed(before: Order, event: e.SellerConfirmed, after: Order) -> list[Call]:
    return _up(after, "confirm-order", "confirmed")


def _refused(before: Order, event: e.SellerRefused, after: Order) -> list[Call]:
    return _up(after, "refuse-order", "refused")


def _news(before: Order, event: e.OrderEvent, after: Order) -> list[Call]:
    """Each of these entries is a message of its own."""
    return _up(after, "forward-invoice")


CALLS: Mapping[type, Callable[[Order, Any, Order], Iterable[Call]]] = {
    e.SellerConfirmationAwaited: _awaited,
    e.SellerConfirmed: _confirmed,
    e.SellerRefused: _refused,
    e.PaymentApproved: _paid,
    e.CancellationRequested: _requested,
    e.CancellationDenied: _denied,
    e.SellerDecisionOverdue: _overdue,
    e.SellerProposed: _proposed,
    e.SellerChanged: _changed,
    e.Canceled: _canceled,
    e.InvoiceIssued: _news,
    e.InvoiceCompleted: _news,
    e.TrackingChanged: _news,
    e.TrackingReported: _news,
}
