"""Sending the payments, processing the order, recording that the money came or did not."""

from dataclasses import replace
from datetime import datetime, timedelta

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import PaymentBalances
from oms_ledger.orders.payments.gateway import AuthorizationResult, Outcome, PaymentResult
from oms_ledger.orders.payments.reactions import request_id
from oms_ledger.orders.payments.systems import CARD_GROUPS, NO_PAYMENT
from oms_ledger.orders.refusals import (
    NoWorkflow,
    PaymentDataMissing,
    PaymentNotPending,
    PlacementTooOld,
    UnknownPayment,
)
from oms_ledger.orders.status import Status

TIME_TO_PAY = timedelta(minutes=5)

# Where an order waits for its money, or for something that comes before it.
_WAITS_FOR_MONEY = frozenset({Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING})


class PaymentsChanged(Exception):
    """Other payments were sent while the gateway answered for these: call it again."""


def send_payments(
    order: Order, context: DecisionContext, *, payments: tuple[e.Payment, ...]
) -> list[e.OrderEvent]:
    """Keep the payment data of an order that was placed and not processed yet."""
    if order.status is not None or (order.money.submitted and order.payments == payments):
        return []  # sent twice, or after the order was processed: nothing new
    require_in_time(order, context.now)
    return [e.PaymentsSubmitted(payments)]


def require_sent(order: Order) -> None:
    """Refuse a purchase by card of which no payment data came; a saved card needs none."""
    if order.money.submitted:
        return
    for payment in order.payments:
        saved = payment.details.get("accountId") or payment.details.get("tokenId")
        if payment.group in CARD_GROUPS and not saved:
            raise PaymentDataMissing()


def open_transaction(
    order: Order, context: DecisionContext, *, gateway_id: str
) -> list[e.OrderEvent]:
    """Keep the gateway's own id of the transaction; the same again is nothing new."""
    if order.money.gateway_id == gateway_id:
        return []
    return [e.TransactionOpened(gateway_id)]


def add_data(order: Order, context: DecisionContext, *, data: e.Json) -> list[e.OrderEvent]:
    """Data sets about the transaction, by name; the same again is nothing new."""
    news = {k: v for k, v in data.items() if order.money.additional.get(k) != v}
    return [e.AdditionalDataSent(news)] if news else []


def attempt_of(order: Order) -> str:
    """The request id of the authorization at hand: a new one after each denial.

    It is made of the transaction, so that all orders of a purchase have the same.
    """
    transaction = order.placed.transaction_id or order.order_id
    return request_id(order.account, transaction, "authorize", len(order.money.denied_attempts))


def announce_authorization(
    order: Order, context: DecisionContext, *, attempt: str
) -> list[e.OrderEvent]:
    """Put on record that a remote gateway is going to be called."""
    if order.status is not None or order.money.authorizing == attempt:
        return []
    require_in_time(order, context.now)
    return [e.AuthorizationRequested(attempt)]


def begin_without_payment(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
    """The workflow of a purchase that costs nothing begins at once; of another one it waits."""
    if order.placed.transaction_id != NO_PAYMENT:
        return []
    return process_order(order, context, approved=frozenset())


def process_order(
    order: Order, context: DecisionContext, *, approved: frozenset[str]
) -> list[e.OrderEvent]:
    """The workflow begins; `approved` are the payments that are known to be approved."""
    answers = {
        payment.id: PaymentResult(Outcome.APPROVED if payment.id in approved else Outcome.PENDING)
        for payment in order.payments
    }
    return record_authorization(order, context, result=AuthorizationResult(answers=answers))


def record_authorization(
    order: Order, context: DecisionContext, *, result: AuthorizationResult, begin: bool = True
) -> list[e.OrderEvent]:
    """The gateway answered: the workflow begins, unless a payment was denied, or not `begin`.

    A denial is recorded and the order stays incomplete: other payments may be sent in time.
    """
    if order.status is not None:
        return []  # a repeated callback is answered as the first time
    require_in_time(order, context.now)
    if result.request_id is not None:
        if result.request_id in order.money.denied_attempts:
            return []  # recorded before
        if _requested(result.payments) != _requested(unapproved(order)):
            raise PaymentsChanged(order.order_id)
    news = [
        event
        for payment in order.payments
        if payment.id in result.answers and payment.id not in order.approved
        for event in _received(payment, result.answers[payment.id], result.request_id, context)
    ]
    if result.denied:
        return sorted(news, key=lambda event: isinstance(event, e.PaymentDenied))
    if not begin:
        return news
    return with_automatic_transitions(order, [*_begun(order, context), *news], context)


def unapproved(order: Order) -> tuple[e.Payment, ...]:
    """The payments that a gateway has still to answer for."""
    return tuple(payment for payment in order.payments if payment.id not in order.approved)


def _begun(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
    """The workflow up to where it waits, before any payment result is known."""
    return with_automatic_transitions(
        replace(order, money=PaymentBalances()), [e.WorkflowCreated()], context
    )


def _requested(payments: tuple[e.Payment, ...]) -> list[tuple[object, ...]]:
    """Payments but for their values: an order knows its share only."""
    return [(p.id, p.payment_system, p.installments, p.details) for p in payments]


def _received(
    payment: e.Payment, answer: PaymentResult, requested: str | None, context: DecisionContext
) -> list[e.OrderEvent]:
    match answer.outcome:
        case Outcome.APPROVED:
            return [
                e.PaymentAuthorized(
                    payment.id, context.receipt, request_id=requested, connector=answer.connector
                )
            ]
        case Outcome.DENIED:
            return [
                e.PaymentDenied(
                    payment_id=payment.id,
                    receipt=context.receipt,
                    request_id=requested,
                    reason=answer.reason,
                    connector=answer.connector,
                )
            ]
        case Outcome.PENDING:
            if requested is None or not answer.connector:
                return []  # nothing to keep: it waits for its notification
            return [
                e.PaymentAwaited(
                    payment_id=payment.id, request_id=requested, connector=answer.connector
                )
            ]


def notify_payment(
    order: Order,
    context: DecisionContext,
    *,
    payment_id: str,
    paid: int | None = None,
    sibling: bool = False,
) -> list[e.OrderEvent]:
    """A payment was approved, as somebody says who may say so.

    `paid` is what of this order's share is paid by now, in cents, when it is not all. It may be
    recorded before the order is processed: then it counts when it is. A `sibling` is another order
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
    authorized = e.PaymentAuthorized(payment.id, context.receipt, None if whole else paid)
    return with_automatic_transitions(order, [authorized], context)


def waits_for_money(order: Order) -> bool:
    """Whether the order takes the news of a payment; an incomplete one keeps it for later."""
    return not order.expired if order.status is None else order.status in _WAITS_FOR_MONEY


def _must_wait_for_money(order: Order) -> None:
    if waits_for_money(order):
        return
    raise NoWorkflow(order.order_id) if order.status is None else PaymentNotPending(order.status)


def _approved(order: Order, payment: e.Payment) -> int:
    return next(one.approved for one in order.balances if one.payment.id == payment.id)


def deny_payment(
    order: Order, context: DecisionContext, *, payment_id: str, reason: str | None = None
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
    if order.status not in _WAITS_FOR_MONEY or payment.id in order.approved:
        raise PaymentNotPending(order.status)
    denied = e.PaymentDenied(payment_id=payment.id, receipt=context.receipt, reason=reason)
    return canceled_for_payment(order, context, [denied], reason or "The payment was denied")


def expire_payment(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
    """The account's `payment_expiry` is over; void when the order has its money or moved on."""
    due_at = order.money.due_at
    if order.status is not Status.PAYMENT_PENDING or due_at is None or context.now < due_at:
        return []
    return canceled_for_payment(order, context, [], "The payment was not made in time")


def canceled_for_payment(
    order: Order, context: DecisionContext, events: list[e.OrderEvent], reason: str
) -> list[e.OrderEvent]:
    """The events, and the cancellation that follows because the money will not come."""
    started = e.CancellationStarted(
        by="payment-notification", receipt=context.receipt, reason=reason
    )
    return with_automatic_transitions(order, [*events, started], context)


def expire_placement(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
    """The five minutes are over; void when the order was processed."""
    if order.status is not None or order.expired or context.now < order.created_at + TIME_TO_PAY:
        return []
    return [e.PlacementExpired(context.now)]


def require_in_time(order: Order, now: datetime) -> None:
    """Payments may be sent, and the order processed, within five minutes of its placement."""
    if order.expired or now > order.created_at + TIME_TO_PAY:
        raise PlacementTooOld(order.order_id)
