"""The arithmetic of a purchase: what each line costs, and what the lines cost together.

This is the only place that says what a price tag touches, what a line costs and which total a
figure belongs to. Carts, placements, imports, changes, invoices and lists call it:

1. Describe each line of a seller or cart as a `Line` (cents; tags as they were sent).
2. `price_line(line)` gives its `LineFigures`: whole-line amounts, selling prices, freight.
3. `sum_totals(figures)` gives Items, Discounts, Shipping and Tax; their sum is the value.

All amounts are integer cents. Sums are exact decimals with one rounding a figure, half to even.
A line whose `total` is below zero is for the caller to refuse (`CHK0053`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum

_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_DIGITS = 60  # leaves every product of cents, units and a multiplier exact
MANUAL_PRICE_TAG = "DISCOUNT@MANUALPRICE"


class Touches(StrEnum):
    """The figure of a line that a price tag changes."""

    PRICE = "price"
    FREIGHT = "freight"
    TAX = "tax"


@dataclass(frozen=True, slots=True)
class Tag:
    """A price tag: `value` in cents for the whole line, or a `rate` (-0.1 for -10 %).

    A tag with a rate is a percentage; its `value` is not looked at.
    """

    name: str
    value: int = 0
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a line before it is priced.

    `price` and `tax` are of one unit of measure and one unit. `services` are the prices of the
    services of one unit. `freight` is what the delivery of the whole line costs after freight
    tags; None: it is reckoned from `list_freight`. `list_freight` is before freight tags; None:
    the same as `freight`.
    """

    price: int
    quantity: int
    unit_multiplier: Decimal = _ONE
    tags: Sequence[Tag] = ()
    services: Sequence[int] = ()
    tax: int = 0
    freight: int | None = None
    list_freight: int | None = None
    freight_tax: int = 0


@dataclass(frozen=True, slots=True)
class LineFigures:
    """What a whole line costs, in cents.

    `base` is before tags, `total` after price tags alone: it is `priceDefinition.total`, and
    the sum of value times quantity of `selling_prices`. `selling_price` is for show, never
    summed.
    `tag_values` are the amounts of the tags, in their order.
    """

    base: int
    tag_values: tuple[int, ...]
    price_tags: int
    total: int
    selling_price: int
    selling_prices: tuple[tuple[int, int], ...]
    services: int
    freight: int
    list_freight: int
    taxes: int


@dataclass(frozen=True, slots=True)
class PurchaseTotals:
    """The four totals of an order or cart, in published order."""

    items: int = 0
    discounts: int = 0
    shipping: int = 0
    tax: int = 0

    @property
    def value(self) -> int:
        """What the purchase costs, in cents, all totals together."""
        return self.items + self.discounts + self.shipping + self.tax


def touches(name: str, *, increases: bool) -> Touches:
    """Tell what a tag changes by its published name `{type}@{where}-{id}`, in any case.

    A tag that `increases` is a tax, except a manual price, which goes either way.
    """
    fields = name.strip().casefold()
    if "@shipping" in fields:
        return Touches.FREIGHT
    if "@manualprice" in fields:
        return Touches.PRICE
    if fields.startswith("tax") or increases:
        return Touches.TAX
    return Touches.PRICE


def tag_touches(tag: Tag) -> Touches:
    """Tell what a tag changes."""
    return touches(tag.name, increases=(tag.value if tag.rate is None else tag.rate) > 0)


def round_cents(exact: Decimal) -> int:
    """Round to whole cents, half to even."""
    with localcontext(prec=_DIGITS):
        return int(exact.quantize(_ONE, rounding=ROUND_HALF_EVEN))


def line_total(price: int, quantity: int, unit_multiplier: Decimal) -> int:
    """Reckon what a line costs before price tags, in cents."""
    if unit_multiplier == _ONE:
        return price * quantity
    with localcontext(prec=_DIGITS):
        return round_cents(price * quantity * unit_multiplier)


def percentage(value: Decimal | int | None, raw_value: Decimal | None) -> Decimal:
    """Give the rate of a percentage tag: `value` is per cent and wins over the fraction."""
    if value is not None:
        return Decimal(value) / _HUNDRED
    return raw_value if raw_value is not None else Decimal(0)


def tag_value(tag: Tag, base: int, list_freight: int) -> int:
    """Give what a tag comes to in cents: a percentage is of the line, or of its freight."""
    if tag.rate is None:
        return tag.value
    of = list_freight if tag_touches(tag) is Touches.FREIGHT else base
    with localcontext(prec=_DIGITS):
        return round_cents(of * tag.rate)


def price_line(line: Line) -> LineFigures:
    """Reckon every figure of a line."""
    base = line_total(line.price, line.quantity, line.unit_multiplier)
    kinds = [tag_touches(tag) for tag in line.tags]
    list_freight = line.freight if line.list_freight is None else line.list_freight
    values = tuple(tag_value(tag, base, list_freight or 0) for tag in line.tags)
    of_kind = {Touches.PRICE: 0, Touches.FREIGHT: 0, Touches.TAX: 0}
    for value, kind in zip(values, kinds, strict=True):
        of_kind[kind] += value
    discounts = of_kind[Touches.PRICE]
    freight = line.freight
    if freight is None:
        freight = max((list_freight or 0) + of_kind[Touches.FREIGHT], 0)
    total = base + discounts
    return LineFigures(
        base=base,
        tag_values=values,
        price_tags=discounts,
        total=total,
        selling_price=selling_price(line.price, line.quantity, line.unit_multiplier, discounts),
        selling_prices=tuple(unit_prices(total, line.quantity)),
        services=sum(line.services) * line.quantity,
        freight=freight,
        list_freight=freight if list_freight is None else list_freight,
        taxes=of_kind[Touches.TAX] + line.tax * line.quantity + line.freight_tax,
    )


def sum_totals(lines: Iterable[LineFigures]) -> PurchaseTotals:
    """Sum up the lines of an order or cart."""
    items = discounts = shipping = tax = 0
    for line in lines:
        items += line.base + line.services
        discounts += line.price_tags
        shipping += line.freight
        tax += line.taxes
    return PurchaseTotals(items, discounts, shipping, tax)


def selling_price(price: int, quantity: int, unit_multiplier: Decimal, price_tags: int) -> int:
    """Give the published price of one unit after its price tags; 0 of an empty line."""
    if not quantity:
        return 0
    one = price
    if unit_multiplier != _ONE:
        with localcontext(prec=_DIGITS):
            one = int((price * unit_multiplier).to_integral_value(rounding=ROUND_DOWN))
    return one + (round_cents(Decimal(price_tags) / quantity) if price_tags else 0)


def unit_prices(total: int, quantity: int) -> list[tuple[int, int]]:
    """Divide a line's total as (price of one, how many): 65 over 4 is [(17, 1), (16, 3)]."""
    if quantity <= 0:
        return []
    low, more = divmod(total, quantity)
    pairs = [(low + 1, more), (low, quantity - more)]
    return [(value, count) for value, count in pairs if count]


def manual_price_tag(
    price: int, manual_price: int, quantity: int, unit_multiplier: Decimal = _ONE
) -> Tag:
    """Give the tag that makes a line cost its manual price, which may be above the price."""
    return Tag(MANUAL_PRICE_TAG, line_total(manual_price - price, quantity, unit_multiplier))


def divide(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights, to the cent, by largest remainder."""
    whole = sum(weights)
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    shares = [amount * weight // whole for weight in weights]
    remainders = [amount * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: amount - sum(shares)]:
        shares[i] += 1
    return shares


@dataclass(frozen=True, slots=True)
class Installment:
    """`count` payments of `value`, which come to `total` in cents.

    The total is never below what is paid, as it would be where a low rate is rounded down.
    """

    count: int
    value: int
    total: int


def installment(amount: int, count: int, interest_rate: int = 0) -> Installment:
    """Divide an amount into installments; the rate is in hundredths of a per cent a month."""
    if not interest_rate:
        return Installment(count, amount // count, amount)
    with localcontext(prec=_DIGITS):
        monthly = Decimal(interest_rate) / (_HUNDRED * _HUNDRED)
        value = round_cents(amount * monthly / (1 - (1 + monthly) ** -count))
    return Installment(count, value, max(amount, value * count))
