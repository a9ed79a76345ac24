"""Figures of an order's lines and totals, by the rule that each line was recorded by."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from oms_ledger.orders.events import Item, Json, Total
from oms_ledger.orders.pricing import (
    Line,
    LineFigures,
    Tag,
    line_total,
    price_line,
    round_cents,
    sum_totals,
    unit_prices,
)

ARITHMETIC = 1
"""The rule of lines that are placed or imported now."""


def figures(item: Item, delivery: Json | None = None) -> LineFigures:
    """Reckon what a line costs; without its delivery, no freight."""
    if not item.arithmetic:
        return _before_tags_had_names(item, delivery)
    fields = price_line(
        Line(
            price=item.price,
            quantity=item.quantity,
            unit_multiplier=item.unit_multiplier,
            tags=[Tag(tag.name, tag.value) for tag in item.price_tags],
            services=services(item),
            tax=item.tax,
            freight=0 if delivery is None else shipping_price(delivery),
            freight_tax=0 if delivery is None else freight_tax(delivery),
        )
    )
    if not item.difference:
        return fields
    total = fields.total + item.difference
    return replace(
        fields,
        base=fields.base + item.difference,
        total=total,
        selling_prices=tuple(unit_prices(total, item.quantity)),
    )


def _before_tags_had_names(item: Item, delivery: Json | None) -> LineFigures:
    """Figures of a line that was recorded when every tag counted for the line."""
    base = line_total(item.price, item.quantity, item.unit_multiplier)
    values = tuple(tag.value for tag in item.price_tags)
    total = base + sum(values)
    freight = 0 if delivery is None else shipping_price(delivery)
    return LineFigures(
        base=base,
        tag_values=values,
        price_tags=sum(value for value in values if value < 0),
        total=total,
        selling_price=round_cents(Decimal(total) / item.quantity) if item.quantity else 0,
        selling_prices=tuple(unit_prices(total, item.quantity)),
        services=0,
        freight=freight,
        list_freight=freight,
        taxes=sum(value for value in values if value > 0) + item.tax * item.quantity,
    )


def line_value(item: Item) -> int:
    """Reckon what a whole line costs after its price tags, in cents."""
    return figures(item).total


def services(item: Item) -> list[int]:
    """List the prices of the services of one unit, in cents."""
    bundles = item.details.get("bundleItems")
    prices = (
        bundle.get("price")
        for bundle in (bundles if isinstance(bundles, list) else ())
        if isinstance(bundle, dict)
    )
    return [price for price in prices if isinstance(price, int) and not isinstance(price, bool)]


def shipping_price(line: Json) -> int:
    """Tell what the delivery of a whole line costs after freight tags, in cents.

    `freight` stands where the prices of an imported document say something else.
    """
    names = ("freight", "sellingPrice", "price")
    return int(next((line[name] for name in names if line.get(name) is not None), 0))


def charged(line: Json, price: int) -> Json:
    """Let the delivery of a whole line cost this much."""
    kept = {name: fields for name, fields in line.items() if name != "freight"}
    return {**kept, "price": price, "sellingPrice": price}


def freight_tax(line: Json) -> int:
    """Tell the tax on a line's freight: the line's own, else that of the SLA it travels by."""
    fields: Any = line.get("tax")
    if fields is None:
        chosen = (
            sla
            for sla in line.get("slas") or ()
            if isinstance(sla, dict) and sla.get("id") == line.get("selectedSla")
        )
        fields = next(chosen, {}).get("tax")
    return fields if isinstance(fields, int) and not isinstance(fields, bool) else 0


def order_totals(items: Sequence[Item], logistics: Sequence[Json]) -> tuple[Total, ...]:
    """Items, Discounts, Shipping, Tax: in this order, and their sum is the order's value."""
    lines = sum_totals(figures(item) for item in items)
    freight = sum(map(shipping_price, logistics))
    taxes = sum(map(freight_tax, logistics)) if rule_of(items) else 0
    return (
        Total("Items", lines.items),
        Total("Discounts", lines.discounts),
        Total("Shipping", freight),
        Total("Tax", lines.tax + taxes),
    )


def rule_of(items: Iterable[Item]) -> int:
    """Tell by which rule an order is reckoned: that of its lines."""
    return max((item.arithmetic for item in items), default=ARITHMETIC)
