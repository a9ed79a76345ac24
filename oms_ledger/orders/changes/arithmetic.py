"""What units take with them when they leave a line, to the cent (contract 03 §6).

Money is integer cents. What stays and what leaves always add up to what there was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from oms_ledger.orders.events import Item, Json, PriceTag, Total
from oms_ledger.orders.pricing import divide
from oms_ledger.orders.totals import order_totals

ORDER = ("Items", "Discounts", "Shipping", "Tax", "Change")
_SHIPPING_PRICES = ("price", "listPrice", "sellingPrice", "freight", "tax")
_FIELDS_OF_PRICE = frozenset({"priceDefinition", "sellingPrice"})
_FIELDS_OF_VALUE = frozenset({"value", "rawValue"})


def unit_shares(value: int, units: int) -> list[int]:
    """A value of a whole line as shares of its units: -100 over 3 is [-34, -33, -33]."""
    sign = -1 if value < 0 else 1
    return [sign * share for share in divide(abs(value), [1] * units)]


def _staying(value: int, units: int, leaving: int) -> int:
    """What of a line's value stays when units leave; those that leave take the last shares."""
    return sum(unit_shares(value, units)[: units - leaving]) if units else 0


def repriced(item: Item, **changed: Any) -> Item:
    """The line with what changed; what its document said of its price no longer holds."""
    details = {key: fields for key, fields in item.details.items() if key not in _FIELDS_OF_PRICE}
    return replace(item, **{"details": details, **changed})


def revalued(tag: PriceTag, value: int) -> PriceTag:
    """The tag with another value; a percentage stays the percentage it is."""
    if value == tag.value:
        return tag
    kept = {key: fields for key, fields in tag.details.items() if key not in _FIELDS_OF_VALUE}
    return replace(tag, value=value, details=tag.details if tag.rate is not None else kept)


def without_units(item: Item, leaving: int) -> Item:
    """The line after units left it, its price tags in proportion."""
    if not leaving:
        return item
    units = item.quantity
    return repriced(
        item,
        quantity=units - leaving,
        price_tags=tuple(
            revalued(tag, _staying(tag.value, units, leaving)) for tag in item.price_tags
        ),
        difference=_staying(item.difference, units, leaving),
    )


def units_of(item: Item, taken: int) -> Item:
    """The part of a line that leaves with `taken` units."""
    rest = without_units(item, taken)
    tags = tuple(
        revalued(tag, tag.value - left.value)
        for tag, left in zip(item.price_tags, rest.price_tags, strict=True)
    )
    return repriced(
        item, quantity=taken, price_tags=tags, difference=item.difference - rest.difference
    )


def shipping_without(line: Json, units: int, leaving: int) -> Json:
    """The delivery of a line after units left it: its prices in proportion to the units."""
    return {
        **line,
        **{
            name: _staying(int(line[name]), units, leaving)
            for name in _SHIPPING_PRICES
            if line.get(name) is not None
        },
    }


def totals_after(
    totals: Sequence[Total],
    before: tuple[Sequence[Item], Sequence[Json]],
    after: tuple[Sequence[Item], Sequence[Json]],
    change: int = 0,
) -> tuple[Total, ...]:
    """The totals moved by what the lines and deliveries moved, and by `change` cents.

    Totals that do not come of the lines, as an imported order may have, stay what they are.
    """
    moved = {total.id: total.value for total in totals}
    was = {total.id: total.value for total in order_totals(*before)}
    for total in order_totals(*after):
        if total.value != was[total.id]:
            moved[total.id] = moved.get(total.id, 0) + total.value - was[total.id]
    if change or "Change" in moved:
        moved["Change"] = moved.get("Change", 0) + change
    named = [name for name in ORDER if name in moved]
    others = [name for name in moved if name not in ORDER]
    return tuple(Total(name, moved[name]) for name in [*named, *others])


def moved_totals(before: Iterable[Total], after: Iterable[Total]) -> tuple[Total, ...]:
    """How much each total moved; those that did not are left out."""
    was = {total.id: total.value for total in before}
    return tuple(
        Total(total.id, total.value - was.get(total.id, 0))
        for total in after
        if total.value != was.get(total.id, 0)
    )
