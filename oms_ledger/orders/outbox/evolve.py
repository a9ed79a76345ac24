"""Which calls failed for good and wait for a person."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.order import Order


def _failed(order: Order, event: e.CallFailed, at: datetime) -> Order:
    return replace(order, failed_calls={**order.failed_calls, event.call_id: event})


def _settled(order: Order, event: e.CallResumed | e.CallSkipped, at: datetime) -> Order:
    left = {id: one for id, one in order.failed_calls.items() if id != event.call_id}
    return replace(order, failed_calls=left)


LEARNS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    e.CallFailed: _failed,
    e.CallResumed: _settled,
    e.CallSkipped: _settled,
}
