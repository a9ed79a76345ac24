"""Sending the payments, processing the order, hearing that the money came."""

from datetime import timedelta

from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    NoWorkflow,
    PaymentNotPending,
    PlacementTooOld,
    UnknownPayment,
)
from oms_ledger.orders.status import Status

TIME_TO_PAY = timedelta(minutes=5)


def send_payments(
    order: Order, facts: Facts, *, payments: tuple[e.Payment, ...]
) -> list[e.OrderEvent]:
    if order.status is not None or order.payments == payments:
        return []  # sent twice, or after the order was processed: nothing new
    _in_time(order, facts)
    return [e.PaymentsSent(payments)]


def process_order(order: Order, facts: Facts, *, approved: frozenset[str]) -> list[e.OrderEvent]:
    """The gateway answered: the workflow begins; `approved` are the payments it approved."""
    if order.status is not None:
        return []  # a repeated callback is answered as the first time
    _in_time(order, facts)
    begun = follow_through(order, [e.WorkflowCreated()], facts)
    authorized: list[e.OrderEvent] = [
        e.PaymentAuthorized(payment.id, facts.receipt)
        for payment in order.payments
        if payment.id in approved
    ]
    if len(authorized) < len(order.payments):
        return begun + authorized
    return follow_through(order, [*begun, *authorized, e.PaymentApprovalRecorded()], facts)


def notify_payment(order: Order, facts: Facts, *, payment_id: str) -> list[e.OrderEvent]:
    """A payment was approved, as somebody says who may say so."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    payment = next((p for p in order.payments if p.id.lower() == payment_id.lower()), None)
    if payment is None:
        raise UnknownPayment(payment_id)
    if payment.id in order.approved:
        return []  # a gateway may notify the same approval more than once
    if order.status is not Status.PAYMENT_PENDING:
        raise PaymentNotPending(order.status)
    authorized = e.PaymentAuthorized(payment.id, facts.receipt)
    if {p.id for p in order.payments} - order.approved - {payment.id}:
        return [authorized]
    return follow_through(order, [authorized, e.PaymentApprovalRecorded()], facts)


def expire_placement(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The five minutes are over; void when the order was processed."""
    if order.status is not None or order.expired or facts.now < order.created_at + TIME_TO_PAY:
        return []
    return [e.PlacementExpired(facts.now)]


def _in_time(order: Order, facts: Facts) -> None:
    if order.expired or facts.now > order.created_at + TIME_TO_PAY:
        raise PlacementTooOld(order.order_id)
