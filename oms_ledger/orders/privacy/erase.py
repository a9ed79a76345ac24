"""Erasing the person of an order (G56): by whom it is found, and whether it is over."""

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import ENDS


def erase_person(
    order: Order, context: DecisionContext, *, erasure_id: str
) -> list[events.OrderEvent]:
    """Once: the person of an order that was erased before stays erased."""
    return [] if order.erased_at else [events.PersonErased(erasure_id)]


def is_open(order: Order) -> bool:
    """Whether somebody still needs to know the person: to deliver, to invoice, to answer."""
    return order.status is not None and order.status not in ENDS


def spelled(kind: str, value: str) -> str:
    """An e-mail or document as it is compared: `Ana@x.com ` is `ana@x.com`, `1.2-3` is `123`."""
    if kind == "email":
        return value.strip().lower()
    return "".join(char for char in value if char.isalnum()).lower()


def names_of(profile: events.Json) -> set[tuple[str, str]]:
    """What the client of an order can be found by: (`email` or `document`, as compared)."""
    fields = (
        ("email", profile.get("email")),
        ("document", profile.get("document")),
        ("document", profile.get("corporateDocument")),
    )
    names = {(kind, spelled(kind, str(value))) for kind, value in fields if value}
    return {(kind, value) for kind, value in names if value}
