"""What the payment gateway is called for: each request once, under its own id."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import Call
from oms_ledger.orders.payments.balances import Kind

GATEWAY = "gateway"


def _call(kind: Kind) -> Callable[[Order, Any, Order], Iterable[Call]]:
    def calls(before: Order, event: Any, after: Order) -> Iterable[Call]:
        return [Call(GATEWAY, kind.value, event.request_id, {"value": event.value})]

    return calls


CALLS: Mapping[type, Callable[[Order, Any, Order], Iterable[Call]]] = {
    e.PaymentSettlementRequested: _call(Kind.SETTLE),
    e.PaymentRefundRequested: _call(Kind.REFUND),
    e.PaymentCancellationRequested: _call(Kind.CANCEL),
}
