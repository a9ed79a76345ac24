"""Totals and values of an order: integer cents, exact decimals for unit multipliers."""

from collections.abc import Iterable, Sequence

from oms_ledger.orders.events import Item, Json, Total
from oms_ledger.orders.pricing import line_total


def items_total(items: Iterable[Item]) -> int:
    return sum(line_total(item.price, item.quantity, item.unit_multiplier) for item in items)


def shipping_price(line: Json) -> int:
    price = line.get("sellingPrice")
    return int(price if price is not None else line.get("price") or 0)


def order_totals(items: Sequence[Item], logistics: Sequence[Json]) -> tuple[Total, ...]:
    """Items, Discounts, Shipping, Tax: in this order, and their sum is the order's value."""
    discounts = sum(tag.value for item in items for tag in item.price_tags if tag.value < 0)
    taxes = sum(tag.value for item in items for tag in item.price_tags if tag.value > 0)
    return (
        Total("Items", items_total(items)),
        Total("Discounts", discounts),
        Total("Shipping", sum(shipping_price(line) for line in logistics)),
        Total("Tax", taxes + sum(item.tax * item.quantity for item in items)),
    )
