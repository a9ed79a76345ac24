"""Whom an order makes the ledger call, and with what: by the event that was recorded.

Each module here is a topic: functions from (order before, event, order after) to calls, filed in
its `CALLS` by type of event. Several topics may have something to say about the same event.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.calling import changes, partners, payments
from oms_ledger.orders.calls import Call
from oms_ledger.orders.order import Order

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
