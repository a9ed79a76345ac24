"""Showing a person's data unmasked, which is recorded each time."""

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order


def disclose(_order: Order, _context: DecisionContext, *, reason: str) -> list[events.OrderEvent]:
    """Record that somebody looked at the data in plain, and why."""
    return [events.PersonalDataDisclosed(reason)]
