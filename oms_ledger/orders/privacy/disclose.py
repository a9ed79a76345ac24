"""Showing a person's data unmasked, which is recorded each time."""

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts
from oms_ledger.orders.order import Order


def disclose(_order: Order, _facts: Facts, *, reason: str) -> list[e.OrderEvent]:
    return [e.PersonalDataDisclosed(reason)]
