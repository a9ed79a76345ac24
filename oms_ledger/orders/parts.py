"""Parts that events are made of. Money is integer cents; `personal()` fields are encrypted."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

# Under this name a person's profile carries parts of the document that also tell of the person,
# so that they are erased together.
BESIDES = "besides"


def personal() -> Any:
    """A mapping that tells of a person; empty once the person was erased."""
    return field(default_factory=dict, metadata={"personal": True})


def personal_text() -> Any:
    """Text written by or about a person; None once the person was erased."""
    return field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class PriceTag:
    """A discount (negative) or tax of a whole line, in cents."""

    name: str
    value: int
    identifier: str | None = None
    is_percentual: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the order: `price` of one unit in cents before price tags."""

    unique_id: str
    id: str
    seller: str
    quantity: int
    price: int
    unit_multiplier: Decimal = Decimal(1)
    price_tags: tuple[PriceTag, ...] = ()
    tax: int = 0
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of the transaction: what it pays of this order, in cents."""

    id: str
    payment_system: str
    payment_system_name: str
    group: str
    value: int
    reference_value: int
    installments: int = 1
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Total:
    id: str
    value: int
