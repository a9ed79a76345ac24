"""Which outbox messages failed for good and wait for a person."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order


def _failed(order: Order, event: events.OutboxMessageFailed, at: datetime) -> Order:
    return replace(order, failed_messages={**order.failed_messages, event.message_id: event})


def _settled(
    order: Order, event: events.OutboxMessageResumed | events.OutboxMessageSkipped, at: datetime
) -> Order:
    left = {id: one for id, one in order.failed_messages.items() if id != event.message_id}
    return replace(order, failed_messages=left)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.OutboxMessageFailed: _failed,
    events.OutboxMessageResumed: _settled,
    events.OutboxMessageSkipped: _settled,
}
