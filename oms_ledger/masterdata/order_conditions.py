"""Conditions on the entity `orders`, whose guide spells fields and statuses otherwise."""

from dataclasses import replace

from oms_ledger.masterdata.condition import And, Between, Compare, Condition, IsNull, Literal, Or
from oms_ledger.notifications.filters import ALIASES

_PREFIX = "order."
_STATUSES = ("status", "state")


def as_of_orders(condition: Condition) -> Condition:
    """The condition with a leading `order.` dropped and aliases of statuses resolved."""
    match condition:
        case And(parts):
            return And(tuple(map(as_of_orders, parts)))
        case Or(parts):
            return Or(tuple(map(as_of_orders, parts)))
        case Compare(field, _, value):
            name = plain_name(field)
            literal = Literal(ALIASES.get(value.text, value.text)) if name in _STATUSES else value
            return replace(condition, field=name, value=literal)
        case Between(field) | IsNull(field):
            return replace(condition, field=plain_name(field))


def plain_name(field: str) -> str:
    """An order has no field `order`: the guide's prefix says nothing."""
    return field.removeprefix(_PREFIX)
