"""Which messages an order makes the ledger send, by the event that was recorded.

Each module here is a topic: functions from (order before, event, order after) to messages, filed
in its `MESSAGES` by type of event. Several topics may have messages for the same event.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.changes import outbox
from oms_ledger.orders.conversation import outbox as conversation
from oms_ledger.orders.marketplace import outbox as marketplace_outbox
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage
from oms_ledger.orders.payments import outbox as payments_outbox
from oms_ledger.orders.policies import outbox as policies

MessageRule = Callable[[Order, Any, Order], Iterable[OutboxMessage]]

TOPICS: list[Mapping[type, MessageRule]] = [
    marketplace_outbox.MESSAGES,
    payments_outbox.MESSAGES,
    outbox.MESSAGES,
    policies.MESSAGES,
    conversation.MESSAGES,
]


def outbox_events() -> frozenset[type]:
    """List the events that may lead to messages."""
    return frozenset(event for topic in TOPICS for event in topic)


def messages_after(
    before: Order | None, event: events.OrderEvent, after: Order
) -> tuple[OutboxMessage, ...]:
    """What has to be given to others because of an event, in the order it has to be given."""
    return tuple(
        outbox_message
        for topic in TOPICS
        if type(event) in topic
        for outbox_message in topic[type(event)](before or after, event, after)
    )
