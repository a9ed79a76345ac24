"""Writing a line into an order's log (contract 02 §11)."""

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order


def log_interaction(
    order: Order, context: DecisionContext, *, source: str, message: str
) -> list[events.OrderEvent]:
    """A line for the order's history; whatever its status, its document stays as it is."""
    return [events.InteractionLogged(source=source, message=message)]
