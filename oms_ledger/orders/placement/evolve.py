"""The order as placed or imported."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.changes.imported import imported_changes
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import (
    Answered,
    Kind,
    PaymentBalances,
    Request,
    shared,
)
from oms_ledger.orders.status import Status


def placed(event: events.OrderPlaced, at: datetime, order_id: str, account: str) -> Order:
    """The order as its first event leaves it: incomplete, with no status."""
    return Order(
        order_id,
        account,
        event,
        created_at=at,
        changed_at=at,
        domain="Fulfillment" if event.flow == "seller" else "Marketplace",
        **_as_placed(event),
    )


def _as_placed(placed: events.OrderPlaced) -> dict[str, Any]:
    """What may change later, as it was at first."""
    return {
        "items": placed.items,
        "totals": placed.totals,
        "logistics": placed.logistics,
        "seller": placed.seller,
        "seller_name": placed.seller_name,
        "seller_order_id": placed.seller_order_id,
        "payments": placed.payments,
        "shared_payments": placed.shared_payments,
    }


# Where an imported order goes on after a denial, as far as its status says.
_RESUMES: dict[tuple[str, Status | None], Status] = {
    ("complete", Status.CANCELLATION_REQUESTED): Status.READY_FOR_HANDLING,
    ("seller", Status.CANCELLATION_REQUESTED): Status.READY_FOR_HANDLING,
    ("marketplace", Status.WAITING_FOR_SELLER_DECISION): Status.PAYMENT_APPROVED,
    ("marketplace", Status.WINDOW_TO_CHANGE_SELLER): Status.PAYMENT_APPROVED,
    ("chain", Status.WAITING_FOR_SELLER_DECISION): Status.WAITING_SELLER_HANDLING,
}


def imported(event: events.OrderImported, order_id: str, account: str) -> Order:
    """The order as it stood elsewhere, at the instants that its document says."""
    placed = replace(
        event.placed,
        client_profile=event.client_profile,
        address=event.address,
        invoice_data=event.invoice_data,
        custom_data=event.custom_data,
        open_text=event.open_text,
    )
    status = Status(event.status) if event.status else None
    return Order(
        order_id,
        account,
        placed,
        created_at=event.created_at,
        changed_at=event.changed_at,
        status=status,
        moved_at=event.changed_at if status else None,
        domain="Fulfillment" if placed.flow == "seller" else "Marketplace",
        **_as_placed(placed),
        approved=frozenset(p.id for p in placed.payments) if event.authorized_at else frozenset(),
        money=_money(event),
        invoices=event.invoices,
        authorized_at=event.authorized_at,
        invoiced_at=event.invoiced_at,
        cancellation=_with_reason(event),
        canceled_at=event.changed_at if event.cancellation else None,
        timeline=((status, event.changed_at),) if status else (),
        closes_at=_closes_at(status, event.changed_at) if event.timers else None,
        resumes=_RESUMES.get((placed.flow, status)),
        registered_changes=imported_changes(placed, event.changed_at),
        imported=True,
        timers=event.timers,
    )


def _closes_at(status: Status | None, at: datetime) -> datetime | None:
    return at if status is Status.WINDOW_TO_CANCEL else None


def _money(event: events.OrderImported) -> PaymentBalances:
    """What was authorized where the order lived before; of that its invoices were settled."""
    if event.authorized_at is None:
        return PaymentBalances()
    at, payments = event.authorized_at, event.placed.payments
    left = [(payment.id, payment.value) for payment in payments]
    invoiced = sum(one.value for one in event.invoices if one.type == "Output")
    if invoiced >= sum(total.value for total in event.placed.totals):
        invoiced += sum(payment.value - payment.reference_value for payment in payments)
    parts = shared(invoiced, left)
    value = sum(part.value for part in parts)
    settled = Request("imported", Kind.SETTLE, value, "imported", at, parts, None, "imported", at)
    return PaymentBalances(
        answers=tuple(Answered(payment.id, at, "approved") for payment in payments),
        requests=(settled,) if parts else (),
    )


def _with_reason(event: events.OrderImported) -> events.CancellationStarted | None:
    """Parts of an event are not encrypted, so a reason lies beside the cancellation it is of."""
    if event.cancellation is None or event.cancel_reason is None:
        return event.cancellation
    return replace(event.cancellation, reason=event.cancel_reason)


def _expired(order: Order, event: events.PlacementExpired, at: datetime) -> Order:
    return replace(order, expired=True)


def _resumed(order: Order, event: events.TimersResumed, at: datetime) -> Order:
    came_with_it = len(order.timeline) == 1
    closes_at = _closes_at(order.status, order.moved_at or at) if came_with_it else order.closes_at
    return replace(order, timers=True, closes_at=closes_at)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.PlacementExpired: _expired,
    events.TimersResumed: _resumed,
}
