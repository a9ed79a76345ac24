"""Asking the gateway to settle, refund or cancel by hand, and recording what it answered."""

from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts
from oms_ledger.orders.decisions.asking import give_back, release, settle
from oms_ledger.orders.gateway import Receipt
from oms_ledger.orders.money import Kind
from oms_ledger.orders.order import Order

_DONE: dict[Kind, type[e.PaymentSettled | e.PaymentRefunded | e.PaymentCanceled]] = {
    Kind.SETTLE: e.PaymentSettled,
    Kind.REFUND: e.PaymentRefunded,
    Kind.CANCEL: e.PaymentCanceled,
}
_ASKS = {Kind.SETTLE: settle, Kind.REFUND: give_back, Kind.CANCEL: release}


def available(order: Order, kind: Kind) -> int:
    """Cents of the order that could be asked for: held, captured, or not captured yet."""
    match kind:
        case Kind.SETTLE:
            return sum(one.held for one in order.balances)
        case Kind.REFUND:
            return sum(max(0, one.captured) for one in order.balances)
        case Kind.CANCEL:
            return sum(one.open for one in order.balances)


def ask_by_hand(
    order: Order, facts: Facts, *, kind: Kind, value: int, asked_as: str
) -> list[e.OrderEvent]:
    """Ask for `value` cents of this order; nothing new when the same was asked before."""
    return _ASKS[kind](order, value, "request", "by hand", asked_as) if value else []


def record_outcome(
    order: Order, facts: Facts, *, request_id: str, receipt: Receipt
) -> list[e.OrderEvent]:
    """The gateway did what it was asked; heard twice, it is recorded once."""
    request = order.money.request(request_id)
    if request is None or request.receipt is not None:
        return []
    done = _DONE[request.kind]
    return [
        done(
            request_id=request_id,
            value=request.value,
            receipt=receipt.token,
            connector=receipt.connector,
        )
    ]


def record_failure(
    order: Order, facts: Facts, *, request_id: str, reason: str, connector: e.Json
) -> list[e.OrderEvent]:
    """The gateway will not do it: a person has to look."""
    request = order.money.request(request_id)
    if request is None or request.receipt is not None or request.failure == reason:
        return []
    return [e.PaymentRequestFailed(request_id=request_id, reason=reason, connector=connector)]
