"""Record once that an outbox message failed for good, was resumed, or was skipped."""

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order


def record_failure_for_good(
    order: Order, context: DecisionContext, *, message_id: str, recipient: str, kind: str, why: str
) -> list[events.OrderEvent]:
    """Say that a message will not be sent again by itself, so that people see it."""
    if message_id in order.failed_messages:
        return []
    return [
        events.OutboxMessageFailed(message_id=message_id, recipient=recipient, kind=kind, why=why)
    ]


def record_resumption(
    order: Order, context: DecisionContext, *, message_id: str
) -> list[events.OrderEvent]:
    """Say that it is sent again; nothing new for one that had not failed."""
    return [events.OutboxMessageResumed(message_id)] if message_id in order.failed_messages else []


def record_skip(
    order: Order, context: DecisionContext, *, message_id: str, reason: str
) -> list[events.OrderEvent]:
    """Say that it is left out, and why; nothing new for one that had not failed."""
    return (
        [events.OutboxMessageSkipped(message_id, reason)]
        if message_id in order.failed_messages
        else []
    )
