"""Sending the payments, processing the order, hearing that the money came or did not."""

from dataclasses import replace
from datetime import datetime, timedelta

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Money
from oms_ledger.orders.payments.gateway import Answer, Heard, Outcome
from oms_ledger.orders.payments.reactions import request_id
from oms_ledger.orders.payments.systems import NO_PAYMENT
from oms_ledger.orders.refusals import (
    NoWorkflow,
    PaymentNotPending,
    PlacementTooOld,
    UnknownPayment,
)
from oms_ledger.orders.status import Status

TIME_TO_PAY = timedelta(minutes=5)

# Where an order waits for its money, or for something that comes before it.
_HEARS = frozenset({Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING})


class PaymentsChanged(Exception):
    """Other payments were sent while the gateway was asked about these: ask again."""


def send_payments(
    order: Order, facts: Facts, *, payments: tuple[e.Payment, ...]
) -> list[e.OrderEvent]:
    if order.status is not None or order.payments == payments:
        return []  # sent twice, or after the order was processed: nothing new
    require_in_time(order, facts.now)
    return [e.PaymentsSent(payments)]


def open_transaction(order: Order, facts: Facts, *, gateway_id: str) -> list[e.OrderEvent]:
    if order.money.gateway_id == gateway_id:
        return []
    return [e.TransactionOpened(gateway_id)]


def add_data(order: Order, facts: Facts, *, data: e.Json) -> list[e.OrderEvent]:
    """Data sets about the transaction, by name; the same again is nothing new."""
    news = {k: v for k, v in data.items() if order.money.additional.get(k) != v}
    return [e.AdditionalDataSent(news)] if news else []


def attempt_of(order: Order) -> str:
    """The request id of the authorization at hand: a new one after each denial.

    It is made of the transaction, so that all orders of a purchase have the same.
    """
    transaction = order.placed.transaction_id or order.order_id
    return request_id(order.account, transaction, "authorize", len(order.money.denied_attempts))


def announce_authorization(order: Order, facts: Facts, *, attempt: str) -> list[e.OrderEvent]:
    """Put on record that a remote gateway is going to be asked."""
    if order.status is not None or order.money.authorizing == attempt:
        return []
    require_in_time(order, facts.now)
    return [e.AuthorizationRequested(attempt)]


def begin_without_payment(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The workflow of a purchase that costs nothing begins at once; of another one it waits."""
    if order.placed.transaction_id != NO_PAYMENT:
        return []
    return process_order(order, facts, approved=frozenset())


def process_order(order: Order, facts: Facts, *, approved: frozenset[str]) -> list[e.OrderEvent]:
    """The workflow begins; `approved` are the payments that are known to be approved."""
    answers = {
        payment.id: Answer(Outcome.APPROVED if payment.id in approved else Outcome.PENDING)
        for payment in order.payments
    }
    return hear_authorization(order, facts, heard=Heard(answers=answers))


def hear_authorization(
    order: Order, facts: Facts, *, heard: Heard, begin: bool = True
) -> list[e.OrderEvent]:
    """The gateway answered: the workflow begins, unless a payment was denied, or not `begin`.

    A denial is recorded and the order stays incomplete: other payments may be sent in time.
    """
    if order.status is not None:
        return []  # a repeated callback is answered as the first time
    require_in_time(order, facts.now)
    if heard.request_id is not None:
        if heard.request_id in order.money.denied_attempts:
            return []  # heard before
        if _asked(heard.payments) != _asked(unapproved(order)):
            raise PaymentsChanged(order.order_id)
    news = [
        event
        for payment in order.payments
        if payment.id in heard.answers and payment.id not in order.approved
        for event in _heard(payment, heard.answers[payment.id], heard.request_id, facts)
    ]
    if heard.denied:
        return sorted(news, key=lambda event: isinstance(event, e.PaymentDenied))
    if not begin:
        return news
    return follow_through(order, [*_begun(order, facts), *news], facts)


def unapproved(order: Order) -> tuple[e.Payment, ...]:
    """The payments that a gateway has still to be asked about."""
    return tuple(payment for payment in order.payments if payment.id not in order.approved)


def _begun(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The workflow up to where it waits, before any money is heard of."""
    return follow_through(replace(order, money=Money()), [e.WorkflowCreated()], facts)


def _asked(payments: tuple[e.Payment, ...]) -> list[tuple[object, ...]]:
    """Payments but for their values: an order knows its share only."""
    return [(p.id, p.payment_system, p.installments, p.details) for p in payments]


def _heard(
    payment: e.Payment, answer: Answer, asked: str | None, facts: Facts
) -> list[e.OrderEvent]:
    match answer.outcome:
        case Outcome.APPROVED:
            return [
                e.PaymentAuthorized(
                    payment.id, facts.receipt, request_id=asked, connector=answer.connector
                )
            ]
        case Outcome.DENIED:
            return [
                e.PaymentDenied(
                    payment_id=payment.id,
                    receipt=facts.receipt,
                    request_id=asked,
                    reason=answer.reason,
                    connector=answer.connector,
                )
            ]
        case Outcome.PENDING:
            if asked is None or not answer.connector:
                return []  # nothing to keep: it waits for its notification
            return [
                e.PaymentAwaited(
                    payment_id=payment.id, request_id=asked, connector=answer.connector
                )
            ]


def notify_payment(
    order: Order,
    facts: Facts,
    *,
    payment_id: str,
    paid: int | None = None,
    sibling: bool = False,
) -> list[e.OrderEvent]:
    """A payment was approved, as somebody says who may say so.

    `paid` is what of this order's share is paid by now, in cents, when it is not all. It may be
    heard before the order is processed: then it counts when it is. A `sibling` is another order
    that is paid by the same payment: it learns what it can, and refuses nothing.
    """
    payment = next((p for p in order.payments if p.id.lower() == payment_id.lower()), None)
    if payment is None:
        if sibling:
            return []
        raise UnknownPayment(payment_id)
    if payment.id in order.approved or (paid is not None and paid <= _approved(order, payment)):
        return []  # a gateway may notify the same approval more than once
    if not sibling:
        _must_wait_for_money(order)
    whole = paid is None or paid >= payment.value
    authorized = e.PaymentAuthorized(payment.id, facts.receipt, None if whole else paid)
    return follow_through(order, [authorized], facts)


def waits_for_money(order: Order) -> bool:
    """Whether the order takes the news of a payment; an incomplete one keeps it for later."""
    return not order.expired if order.status is None else order.status in _HEARS


def _must_wait_for_money(order: Order) -> None:
    if waits_for_money(order):
        return
    raise NoWorkflow(order.order_id) if order.status is None else PaymentNotPending(order.status)


def _approved(order: Order, payment: e.Payment) -> int:
    return next(one.approved for one in order.balances if one.payment.id == payment.id)


def deny_payment(
    order: Order, facts: Facts, *, payment_id: str, reason: str | None = None
) -> list[e.OrderEvent]:
    """The gateway says later that a pending payment was denied: the order is canceled for it."""
    payment = next((p for p in order.payments if p.id.lower() == payment_id.lower()), None)
    if payment is None:
        raise UnknownPayment(payment_id)
    answer = order.money.answer(payment.id)
    if (answer and answer.outcome == "denied") or order.status is Status.CANCELED:
        return []
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status not in _HEARS or payment.id in order.approved:
        raise PaymentNotPending(order.status)
    denied = e.PaymentDenied(payment_id=payment.id, receipt=facts.receipt, reason=reason)
    return canceled_for_payment(order, facts, [denied], reason or "The payment was denied")


def expire_payment(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The account's `payment_expiry` is over; void when the order has its money or moved on."""
    due_at = order.money.due_at
    if order.status is not Status.PAYMENT_PENDING or due_at is None or facts.now < due_at:
        return []
    return canceled_for_payment(order, facts, [], "The payment was not made in time")


def canceled_for_payment(
    order: Order, facts: Facts, events: list[e.OrderEvent], reason: str
) -> list[e.OrderEvent]:
    """The events, and the cancellation that follows because the money will not come."""
    started = e.CancellationStarted(by="payment-notification", receipt=facts.receipt, reason=reason)
    return follow_through(order, [*events, started], facts)


def expire_placement(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The five minutes are over; void when the order was processed."""
    if order.status is not None or order.expired or facts.now < order.created_at + TIME_TO_PAY:
        return []
    return [e.PlacementExpired(facts.now)]


def require_in_time(order: Order, now: datetime) -> None:
    """Payments may be sent, and the order processed, within five minutes of its placement."""
    if order.expired or now > order.created_at + TIME_TO_PAY:
        raise PlacementTooOld(order.order_id)
