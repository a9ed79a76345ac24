"""Whom an order makes the ledger call, and with what: by the event that was recorded.

Each module here is a topic: functions from (order before, event, order after) to calls, filed in
its `CALLS` by type of event. Several topics may have something to say about the same event.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.changes import outbox as changes
from oms_ledger.orders.marketplace import outbox as partners
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import Call
from oms_ledger.orders.payments import outbox as payments

Calling = Callable[[Order, Any, Order], Iterable[Call]]

TOPICS: list[Mapping[type, Calling]] = [
    partners.CALLS,
    payments.CALLS,
    changes.CALLS,
]


def speaking() -> frozenset[type]:
    """The events that may make somebody be called."""
    return frozenset(event for topic in TOPICS for event in topic)


def calls_after(before: Order | None, event: e.OrderEvent, after: Order) -> tuple[Call, ...]:
    """What has to be told to others because of an event, in the order it has to be told."""
    return tuple(
        call
        for topic in TOPICS
        if type(event) in topic
        for call in topic[type(event)](before or after, event, after)
    )
