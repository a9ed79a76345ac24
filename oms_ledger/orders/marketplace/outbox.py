"""Messages of orders to their seller and their marketplace ("Order flow and status").

To the seller: place, authorize, ask for a cancellation, cancel. To the marketplace: taken or
refused (by a chain order), invoices and news of packages, denials, cancellations. An outsider
gets what the published protocol has a request for: invoices, tracking numbers, cancellations.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.marketplace.levels import (
    delegated,
    marketplace_endpoint,
    seller_order_id_of,
)
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage
from oms_ledger.orders.status import Status

AFFILIATE = "affiliate"
"""Before the colon of a recipient: a marketplace outside the deployment."""
INVOICE, CANCELLATION = "forward-invoice", "tell-cancellation"
QUESTION, FACT = "ask-cancellation", "cancel-fulfillment"
OUTSIDE = frozenset({INVOICE, CANCELLATION})
"""The kinds of messages to a marketplace outside."""


def _down(order: Order, kind: str, key: str = "", **body: Any) -> list[OutboxMessage]:
    if not delegated(order):
        return []
    key = key or seller_order_id_of(order)
    return [
        OutboxMessage(
            f"seller:{order.seller}", kind, key, {"order": seller_order_id_of(order), **body}
        )
    ]


def _up(order: Order, kind: str, key: str = "") -> list[OutboxMessage]:
    sold_by, marketplace_order = order.placed.sold_by, order.placed.marketplace_order_id
    if sold_by:
        recipient = f"marketplace:{sold_by}"
    elif kind in OUTSIDE and marketplace_endpoint(order) is not None:
        recipient = f"{AFFILIATE}:{order.placed.affiliate_id}"
    else:
        return []
    return [OutboxMessage(recipient, kind, key, {"order": marketplace_order})]


def _awaited(
    before: Order, event: events.SellerConfirmationAwaited, after: Order
) -> list[OutboxMessage]:
    return _down(after, "place-fulfillment")


def _paid(before: Order, event: events.PaymentApproved, after: Order) -> list[OutboxMessage]:
    return _down(after, "authorize-fulfillment")


def _requested(
    before: Order, event: events.CancellationRequested, after: Order
) -> list[OutboxMessage]:
    joins = before.status is Status.WAITING_FOR_SELLER_DECISION
    return [] if joins else _down(after, QUESTION, event.request_id)


def _overdue(
    before: Order, event: events.SellerDecisionOverdue, after: Order
) -> list[OutboxMessage]:
    requested = after.requests[-1].id if after.requests else ""
    return _down(after, FACT, f"overdue/{requested}")


def _proposed(before: Order, event: events.SellerProposed, after: Order) -> list[OutboxMessage]:
    """To a queue of its own: it waits to see what becomes of the proposal."""
    body = {"order": event.seller_order_id, "seller": event.seller}
    return [
        OutboxMessage(f"proposal:{event.seller}", "settle-proposal", event.seller_order_id, body)
    ]


def _changed(before: Order, event: events.SellerChanged, after: Order) -> list[OutboxMessage]:
    authorized = after.status is Status.PAYMENT_APPROVED
    return [
        *_down(before, FACT),
        *(_down(after, "authorize-fulfillment") if authorized else []),
    ]


def _canceled(before: Order, event: events.Canceled, after: Order) -> list[OutboxMessage]:
    return [*_down(after, FACT), *_up(after, CANCELLATION, "canceled")]


def _denied(before: Order, event: events.CancellationDenied, after: Order) -> list[OutboxMessage]:
    """One decision denies all that the level above requested."""
    requested = {one.id for one in after.requests if one.from_above and one.denied_at is None}
    ids = [event.request_id, *sorted(requested - {event.request_id})]
    return [outbox_message for one in ids for outbox_message in _up(after, "tell-denial", one)]


def _confirmed(before: Order, event: events.SellerConfirmed, after: Order) -> list[OutboxMessage]:
    return _up(after, "confirm-order", "confirmed")


def _refused(before: Order, event: events.SellerRefused, after: Order) -> list[OutboxMessage]:
    return _up(after, "refuse-order", "refused")


def _news(before: Order, event: events.OrderEvent, after: Order) -> list[OutboxMessage]:
    """Each of these events is a message of its own."""
    return _up(after, INVOICE)


def _whereabouts(
    before: Order, event: events.TrackingReported, after: Order
) -> list[OutboxMessage]:
    """The protocol has no request for where a package is: outsiders have the feed and the hook."""
    return _up(after, INVOICE) if after.placed.sold_by else []


MESSAGES: Mapping[type, Callable[[Order, Any, Order], Iterable[OutboxMessage]]] = {
    events.SellerConfirmationAwaited: _awaited,
    events.SellerConfirmed: _confirmed,
    events.SellerRefused: _refused,
    events.PaymentApproved: _paid,
    events.CancellationRequested: _requested,
    events.CancellationDenied: _denied,
    events.SellerDecisionOverdue: _overdue,
    events.SellerProposed: _proposed,
    events.SellerChanged: _changed,
    events.Canceled: _canceled,
    events.InvoiceIssued: _news,
    events.InvoiceCompleted: _news,
    events.TrackingChanged: _news,
    events.TrackingReported: _whereabouts,
}
