"""Parts that events are made of. Money is integer cents; `personal()` fields are encrypted."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

# Under this name a person's profile carries parts of the document that are about the person too,
# so that they are erased together.
BESIDES = "besides"


def personal() -> Any:
    """A mapping that says of a person; empty once the person was erased."""
    return field(default_factory=dict, metadata={"personal": True})


def personal_text() -> Any:
    """Text written by or about a person; None once the person was erased."""
    return field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class PriceTag:
    """What changes the price, freight or tax of a whole line by `value` cents.

    A percentage has its `rate` besides: -0.1 for -10 %; `value` is what it came to. `details`
    has what else was sent of the tag.
    """

    name: str
    value: int
    identifier: str | None = None
    is_percentual: bool = False
    rate: Decimal | None = None
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the order: `price` of one unit in cents before price tags.

    `arithmetic` is the rule by which the line was placed. By rule 1 the name of a tag says what
    it changes, and services are paid. By rule 0, that of lines recorded before, every tag changes
    the line, and services are not counted. `difference` is what the document of an imported line
    says that it costs beyond its prices and tags, in cents. `price_source` says who set the
    price: `request`, `offer`, or `manual` by somebody who may.
    """

    unique_id: str
    id: str
    seller: str
    quantity: int
    price: int
    unit_multiplier: Decimal = Decimal(1)
    price_tags: tuple[PriceTag, ...] = ()
    tax: int = 0
    details: Json = field(default_factory=dict)
    arithmetic: int = 0
    difference: int = 0
    price_source: str = "request"


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
    """A total of an order, in cents: `Items`, `Discounts`, `Shipping`, `Tax`, or of a change."""

    id: str
    value: int
