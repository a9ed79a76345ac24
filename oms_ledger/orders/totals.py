"""Totals and values of an order: integer cents, exact decimals for unit multipliers."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from oms_ledger.orders.events import Item, Json, Total


def line_total(price: int, quantity: int, unit_multiplier: Decimal) -> int:
    """What a line costs before price tags, in cents."""
    exact = price * quantity * unit_multiplier
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


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


def divide(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount split in proportion to weights, to the cent, by largest remainder."""
    whole = sum(weights)
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    shares = [amount * weight // whole for weight in weights]
    remainders = [amount * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: amount - sum(shares)]:
        shares[i] += 1
    return shares


def unit_prices(total: int, quantity: int) -> list[tuple[int, int]]:
    """A line's total as (price of one, how many): 65 over 4 is [(17, 1), (16, 3)]."""
    if quantity <= 0:
        return []
    low, more = divmod(total, quantity)
    pairs = [(low + 1, more), (low, quantity - more)]
    return [(value, count) for value, count in pairs if count]
