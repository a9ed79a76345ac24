"""An order that its buying policies may hold has to be evaluated."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage

EVALUATE = "evaluate-policies"


def _awaited(
    before: Order, event: events.PolicyJudgmentAwaited, after: Order
) -> list[OutboxMessage]:
    return [OutboxMessage("policies", EVALUATE, "evaluate")]


MESSAGES: Mapping[type, Callable[[Order, Any, Order], Iterable[OutboxMessage]]] = {
    events.PolicyJudgmentAwaited: _awaited,
}
