"""Writing a line into an order's log (contract 02 §11)."""

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts
from oms_ledger.orders.order import Order


def log_interaction(order: Order, facts: Facts, *, source: str, message: str) -> list[e.OrderEvent]:
    """A line for the order's history; whatever its status, its document stays as it is."""
    return [e.InteractionLogged(source=source, message=message)]
