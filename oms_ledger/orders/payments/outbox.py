"""What the payment gateway is called for: each request once, under its own id."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage
from oms_ledger.orders.payments.balances import Kind

GATEWAY = "gateway"


def _call(kind: Kind) -> Callable[[Order, Any, Order], Iterable[OutboxMessage]]:
    def messages(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
        return [OutboxMessage(GATEWAY, kind.value, event.request_id, {"value": event.value})]

    return messages


MESSAGES: Mapping[type, Callable[[Order, Any, Order], Iterable[OutboxMessage]]] = {
    events.PaymentSettlementRequested: _call(Kind.SETTLE),
    events.PaymentRefundRequested: _call(Kind.REFUND),
    events.PaymentCancellationRequested: _call(Kind.CANCEL),
}
