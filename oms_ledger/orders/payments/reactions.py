"""What a recorded fact makes the ledger ask of the payment gateway, recorded together with it.

An invoice settles its value and its share of the interest; the one that completes the order
settles what is left of it. A return gives money back, as does the cancellation of an order of
which some was captured. An order that ends without the money releases what was authorized, and
has the gateway forget what it waits for. Only orders with a transaction ask: those that took the
shopper's money.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Kind, shared
from oms_ledger.orders.payments.systems import NO_PAYMENT
from oms_ledger.orders.status import Status

_PAID_ELSEWHERE = frozenset({"seller", "chain"})


def _takes_money(order: Order) -> bool:
    """Whether the shopper paid for this very order, and not for its marketplace order."""
    if order.placed.transaction_id in (None, NO_PAYMENT):
        return False
    return order.flow not in _PAID_ELSEWHERE


def request_id(account: str, whose: str, *what: object) -> str:
    """32 hex digits, the same whenever the same thing is asked for the same order."""
    name = "\x1f".join((account, whose, *map(str, what)))
    return hashlib.sha256(name.encode()).hexdigest()[:32].upper()


def with_payment_requests(
    order: Order, events: Sequence[e.OrderEvent], context: DecisionContext
) -> list[e.OrderEvent]:
    """The events, and after each what it makes the ledger ask of the gateway."""
    if not _takes_money(order):
        return list(events)
    done: list[e.OrderEvent] = []
    began_in = order.status
    for event in events:
        before, order = order, _after(order, event, context)
        done.append(event)
        if asks := _ASKS.get(type(event)):
            for request in asks(before, event, order):
                order = _after(order, request, context)
                done.append(request)
    if order.status is Status.PAYMENT_PENDING is not began_in and context.payment_expiry:
        done.append(e.PaymentDue(context.now + context.payment_expiry))
    return done


def _after(order: Order, event: e.OrderEvent, context: DecisionContext) -> Order:
    return evolve(order, event, context.now, order.order_id, order.account)


def settle(order: Order, value: int, cause: str, *what: object) -> list[e.OrderEvent]:
    """Ask to capture some of what is held; nothing when nothing is."""
    parts = shared(value, [(one.payment.id, one.held) for one in order.balances])
    return _requested(e.PaymentSettlementRequested, order, parts, cause, Kind.SETTLE, *what)


def refund(order: Order, value: int, cause: str, *what: object) -> list[e.OrderEvent]:
    """Ask to give back some of what was captured."""
    parts = _captured_parts(order, value)
    return _requested(e.PaymentRefundRequested, order, parts, cause, Kind.REFUND, *what)


def release(order: Order, value: int, cause: str, *what: object) -> list[e.OrderEvent]:
    """Ask to let go of some of what is held or waited for."""
    parts = shared(value, [(one.payment.id, one.open) for one in order.balances])
    return _requested(e.PaymentCancellationRequested, order, parts, cause, Kind.CANCEL, *what)


def _captured_parts(order: Order, value: int) -> tuple[e.Part, ...]:
    return shared(value, [(one.payment.id, max(0, one.captured)) for one in order.balances])


def _requested(
    event: Any, order: Order, parts: tuple[e.Part, ...], cause: str, *what: object
) -> list[e.OrderEvent]:
    if not parts:
        return []
    value = sum(part.value for part in parts)
    name = request_id(order.account, order.order_id, *what)
    if order.money.request(name) is not None:
        return []
    return [event(request_id=name, value=value, cause=cause, parts=parts)]


def _interest_due(order: Order, invoiced: int) -> int:
    """The share of the interest that so much invoiced value carries; all of it with the last."""
    if invoiced >= order.value:
        return order.interest
    return order.interest * invoiced // order.value


def _invoiced(before: Order, event: e.InvoiceIssued, after: Order) -> list[e.OrderEvent]:
    """What all invoices so far come to, interest included, less what was requested before."""
    if event.type != "Output":
        return []
    due = after.invoiced_value + _interest_due(after, after.invoiced_value)
    cause = f"invoice {event.number}"
    return settle(after, max(0, due - before.captured), cause, event.number.strip())


def _returned(before: Order, event: e.RefundRequested, after: Order) -> list[e.OrderEvent]:
    """A return asks for its refund under the id that it was recorded with."""
    parts = _captured_parts(after, event.value)
    if not parts or after.money.request(event.request_id) is not None:
        return []
    return [
        e.PaymentRefundRequested(
            request_id=event.request_id,
            value=sum(part.value for part in parts),
            cause=f"invoice {event.invoice_number}",
            parts=parts,
        )
    ]


def _finished(before: Order, event: e.FullyInvoiced, after: Order) -> list[e.OrderEvent]:
    """What is still held when all is invoiced belongs to nobody: an order that became cheaper."""
    held = sum(one.held for one in after.balances)
    return release(after, held, "invoiced", "invoiced")


def _ended(before: Order, event: e.OrderEvent, after: Order) -> list[e.OrderEvent]:
    """Canceled, or expired before it began: what is held is released, what was taken goes back."""
    left = sum(one.open for one in after.balances)
    cause = "canceled" if after.status is not None else "expired"
    requested = after.status is not None or after.money.authorizing or after.money.answers
    released = release(after, left, cause, "end") if requested else []
    captured = sum(max(0, one.captured) for one in after.balances)
    return [*released, *refund(after, captured, cause, "end")]


def _came_too_late(before: Order, event: e.PaymentAuthorized, after: Order) -> list[e.OrderEvent]:
    """Money for an order that has ended is not kept."""
    if after.status is not Status.CANCELED and not after.expired:
        return []
    approved = event.value if event.value is not None else None
    parts = tuple(
        e.Part(one.id, one.value if approved is None else min(approved, one.value))
        for one in after.payments
        if one.id == event.payment_id
    )
    return _requested(
        e.PaymentCancellationRequested, after, parts, "too late", "late", event.payment_id, approved
    )


def _denied(before: Order, event: e.PaymentDenied, after: Order) -> list[e.OrderEvent]:
    """Of a denied attempt nothing is kept: what it approved or waits for is taken back."""
    if after.status is not None or event.request_id is None:
        return []
    taken = {
        one.payment_id
        for one in after.money.past_answers
        if one.request_id == event.request_id and one.outcome != "denied"
    }
    parts = tuple(e.Part(one.id, one.value) for one in after.payments if one.id in taken)
    name = request_id(after.account, after.order_id, "denied", event.request_id)
    if not parts or after.money.request(name) is not None:
        return []
    return [
        e.PaymentCancellationRequested(
            request_id=name,
            value=sum(part.value for part in parts),
            cause="denied",
            parts=parts,
            attempt=event.request_id,
        )
    ]


_ASKS: Mapping[type, Callable[[Order, Any, Order], list[e.OrderEvent]]] = {
    e.InvoiceIssued: _invoiced,
    e.RefundRequested: _returned,
    e.FullyInvoiced: _finished,
    e.Canceled: _ended,
    e.PlacementExpired: _ended,
    e.PaymentAuthorized: _came_too_late,
    e.PaymentDenied: _denied,
}
