"""Asking the gateway to settle, refund or cancel manually, and recording what it answered."""

from collections.abc import Sequence

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Kind, Request
from oms_ledger.orders.payments.decide import canceled_for_payment
from oms_ledger.orders.payments.gateway import Receipt
from oms_ledger.orders.payments.reactions import (
    refund,
    release,
    request_id,
    settle,
)
from oms_ledger.orders.refusals import NotThatMuch, RefundExceedsCaptured

_DONE: dict[Kind, type[events.PaymentSettled | events.PaymentRefunded | events.PaymentCanceled]] = {
    Kind.SETTLE: events.PaymentSettled,
    Kind.REFUND: events.PaymentRefunded,
    Kind.CANCEL: events.PaymentCanceled,
}
_HAND = ("by hand",)
_ASKS = {Kind.SETTLE: settle, Kind.REFUND: refund, Kind.CANCEL: release}


def available(order: Order, kind: Kind) -> int:
    """Cents of the order that could be asked for: held, captured, or not captured yet."""
    match kind:
        case Kind.SETTLE:
            return sum(one.held for one in order.balances)
        case Kind.REFUND:
            return sum(max(0, one.captured) for one in order.balances)
        case Kind.CANCEL:
            return sum(one.open for one in order.balances)


def request_manually(
    order: Order,
    context: DecisionContext,
    *,
    kind: Kind,
    value: int,
    asked_as: str,
    whole: bool = False,
) -> list[events.OrderEvent]:
    """Ask for `value` cents of this order; nothing new when the same was requested before.

    An order that waits for its money and has all of it canceled waits in vain: it is canceled.
    So is one that costs nothing when the `whole` transaction is canceled.
    """
    if not value:
        waits = kind is Kind.CANCEL and whole and not available(order, kind)
        if waits and order.allows(events.PaymentApprovalRecorded) and not order.paid:
            return canceled_for_payment(order, context, [], "The transaction was canceled")
        return []
    if order.money.request(_id(order, kind, asked_as)) is not None:
        return []
    rest = available(order, kind)
    if value > rest and kind is Kind.REFUND:
        raise RefundExceedsCaptured(rest)
    if value > rest:
        raise NotThatMuch(value, kind, rest)
    requested = _ASKS[kind](order, value, "request", *_HAND, asked_as)
    if kind is Kind.CANCEL and value == rest and order.allows(events.PaymentApprovalRecorded):
        return canceled_for_payment(order, context, requested, "The transaction was canceled")
    return requested


def manual_request_id(orders: Sequence[Order], kind: Kind, asked_as: str) -> list[Request]:
    """What was requested of some orders under this name before."""
    found = (order.money.request(_id(order, kind, asked_as)) for order in orders)
    return [request for request in found if request is not None]


def _id(order: Order, kind: Kind, asked_as: str) -> str:
    return request_id(order.account, order.order_id, kind, *_HAND, asked_as)


def record_outcome(
    order: Order, context: DecisionContext, *, asked_as: str, receipt: Receipt
) -> list[events.OrderEvent]:
    """Record what the gateway did; a second answer records nothing."""
    request = order.money.request(asked_as)
    if request is None or request.receipt is not None:
        return []
    done = _DONE[request.kind]
    return [
        done(
            request_id=asked_as,
            value=request.value,
            receipt=receipt.token,
            connector=receipt.connector,
        )
    ]


def record_failure(
    order: Order, context: DecisionContext, *, asked_as: str, reason: str, connector: events.Json
) -> list[events.OrderEvent]:
    """The gateway will not do it: a person has to look."""
    request = order.money.request(asked_as)
    if request is None or request.receipt is not None or request.failure == reason:
        return []
    return [events.PaymentRequestFailed(request_id=asked_as, reason=reason, connector=connector)]
