"""A call failed for good, was resumed, or was skipped: each is told once."""

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts
from oms_ledger.orders.order import Order


def tell_failure(
    order: Order, facts: Facts, *, call_id: str, party: str, kind: str, why: str
) -> list[e.OrderEvent]:
    if call_id in order.failed_calls:
        return []
    return [e.CallFailed(call_id=call_id, party=party, kind=kind, why=why)]


def tell_resumption(order: Order, facts: Facts, *, call_id: str) -> list[e.OrderEvent]:
    return [e.CallResumed(call_id)] if call_id in order.failed_calls else []


def tell_skip(order: Order, facts: Facts, *, call_id: str, reason: str) -> list[e.OrderEvent]:
    return [e.CallSkipped(call_id, reason)] if call_id in order.failed_calls else []
