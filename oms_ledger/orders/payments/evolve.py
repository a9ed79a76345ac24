"""What is known of the money."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import (
    Answered,
    Kind,
    PaymentBalances,
    Request,
)

_RECEIPTS = {Kind.SETTLE: "settlePayment", Kind.REFUND: "refundPayment"}


def _sent(order: Order, event: events.PaymentsSubmitted, at: datetime) -> Order:
    return _with(replace(order, payments=event.payments), submitted=True)


def _with(order: Order, **news: Any) -> Order:
    return replace(order, money=replace(order.money, **news))


def _opened(order: Order, event: events.TransactionOpened, at: datetime) -> Order:
    return _with(order, gateway_id=event.gateway_id)


def _additional(order: Order, event: events.AdditionalDataSent, at: datetime) -> Order:
    return _with(order, additional={**order.money.additional, **event.data})


def _authorizing(order: Order, event: events.AuthorizationRequested, at: datetime) -> Order:
    return _with(order, authorizing=event.request_id)


def _authorized(order: Order, event: events.PaymentAuthorized, at: datetime) -> Order:
    answer = Answered(
        event.payment_id,
        at,
        "approved",
        receipt=event.receipt,
        value=event.value,
        request_id=event.request_id,
        connector=event.connector or _connector(order, event.payment_id),
    )
    whole = event.value is None or any(
        one.id == event.payment_id and one.value <= event.value for one in order.payments
    )
    return replace(
        order,
        money=order.money.result(answer),
        approved=order.approved | {event.payment_id} if whole else order.approved,
        receipts=(*order.receipts, ("authorizePayment", event.receipt, at)),
    )


def _connector(order: Order, payment_id: str) -> events.Json:
    known = order.money.answer(payment_id)
    return known.connector if known else {}


def _awaited(order: Order, event: events.PaymentAwaited, at: datetime) -> Order:
    answer = Answered(
        event.payment_id,
        at,
        "pending",
        request_id=event.request_id,
        connector=event.connector,
    )
    return replace(order, money=order.money.result(answer))


def _denied(order: Order, event: events.PaymentDenied, at: datetime) -> Order:
    """Before the workflow a denial closes the attempt: whatever it approved is of the past."""
    answer = Answered(
        event.payment_id,
        at,
        "denied",
        receipt=event.receipt,
        request_id=event.request_id,
        reason=event.reason,
        connector=event.connector,
    )
    money = order.money
    if order.status is not None or event.request_id is None:
        return replace(
            order, money=money.result(answer), approved=order.approved - {event.payment_id}
        )
    return replace(
        order, money=_closed(money, event.request_id, answer), approved=_kept(order, event)
    )


def _closed(money: PaymentBalances, request_id: str, denial: Answered) -> PaymentBalances:
    attempts = money.denied_attempts
    of_it = tuple(one for one in money.answers if one.request_id == request_id)
    return replace(
        money,
        authorizing=None,
        denied_attempts=attempts if request_id in attempts else (*attempts, request_id),
        answers=tuple(one for one in money.answers if one.request_id != request_id),
        past_answers=(*money.past_answers, *of_it, denial),
    )


def _kept(order: Order, event: events.PaymentDenied) -> frozenset[str]:
    gone = {one.payment_id for one in order.money.answers if one.request_id == event.request_id}
    return order.approved - gone


def _due(order: Order, event: events.PaymentDue, at: datetime) -> Order:
    return _with(order, due_at=event.at)


def _requested(kind: Kind) -> Callable[[Order, Any, datetime], Order]:
    def learn(order: Order, event: Any, at: datetime) -> Order:
        request = Request(
            event.request_id,
            kind,
            event.value,
            event.cause,
            at,
            parts=event.parts,
            attempt=getattr(event, "attempt", None),
        )
        return _with(order, requests=(*order.money.requests, request))

    return learn


def _done(order: Order, event: Any, at: datetime) -> Order:
    requests = tuple(
        replace(one, receipt=event.receipt, done_at=at, failure=None, connector=event.connector)
        if one.id == event.request_id
        else one
        for one in order.money.requests
    )
    known = order.money.request(event.request_id)
    receipt = _RECEIPTS.get(known.kind) if known else None
    return replace(
        _with(order, requests=requests),
        receipts=(*order.receipts, (receipt, event.receipt, at)) if receipt else order.receipts,
    )


def _failed(order: Order, event: events.PaymentRequestFailed, at: datetime) -> Order:
    requests = tuple(
        replace(one, failure=event.reason, connector=event.connector)
        if one.id == event.request_id and one.receipt is None
        else one
        for one in order.money.requests
    )
    return _with(order, requests=requests)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.PaymentsSubmitted: _sent,
    events.TransactionOpened: _opened,
    events.AdditionalDataSent: _additional,
    events.AuthorizationRequested: _authorizing,
    events.PaymentAuthorized: _authorized,
    events.PaymentAwaited: _awaited,
    events.PaymentDenied: _denied,
    events.PaymentDue: _due,
    events.PaymentSettlementRequested: _requested(Kind.SETTLE),
    events.PaymentRefundRequested: _requested(Kind.REFUND),
    events.PaymentCancellationRequested: _requested(Kind.CANCEL),
    events.PaymentSettled: _done,
    events.PaymentRefunded: _done,
    events.PaymentCanceled: _done,
    events.PaymentRequestFailed: _failed,
}
