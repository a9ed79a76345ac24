"""Lines and totals of the documents."""

from typing import Any

from oms_ledger.orders.events import Item
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import line_total, unit_prices
from oms_ledger.orders.totals import shipping_price

Facts = dict[str, Any]

TOTAL_NAMES = {
    "Items": "Total Items",
    "Discounts": "Total Discounts",
    "Shipping": "Total Shipping",
    "Tax": "Total Taxes",
    "Change": "Total Changes",
}


def items(order: Order) -> list[Facts]:
    lock = None if order.status is None or order.imported else f"00-{order.order_id}"
    return [item_facts(item, lock) for item in order.items]


def item_facts(item: Item, lock: str | None) -> Facts:
    """A line by the names of the documents; `lock` is its reservation."""
    details = item.details
    definition = price_definition(item)
    given = details.get("priceDefinition")
    if isinstance(given, dict) and given.get("total") == definition["total"]:
        definition = given
    return {
        "name": item.id,
        "sellerSku": item.id,
        "listPrice": item.price,
        "lockId": lock,
        **{key: value for key, value in details.items() if value is not None},
        "uniqueId": item.unique_id,
        "id": item.id,
        "seller": item.seller,
        "quantity": item.quantity,
        "price": item.price,
        "tax": item.tax,
        "unitMultiplier": float(item.unit_multiplier),
        "sellingPrice": definition.get("calculatedSellingPrice", item.price),
        "priceTags": [
            {
                "name": tag.name,
                "value": tag.value,
                "rawValue": tag.value / 100,
                "isPercentual": tag.is_percentual,
                "identifier": tag.identifier,
            }
            for tag in item.price_tags
        ],
        "priceDefinition": definition,
    }


def price_definition(item: Item) -> Facts:
    """What the line costs after price tags: unit prices whose sum is exact."""
    total = line_total(item.price, item.quantity, item.unit_multiplier)
    total += sum(tag.value for tag in item.price_tags)
    prices = unit_prices(total, item.quantity)
    return {
        "calculatedSellingPrice": round(total / item.quantity) if item.quantity else 0,
        "total": total,
        "sellingPrices": [{"value": value, "quantity": count} for value, count in prices],
    }


def item_metadata(lines: list[Facts]) -> Facts:
    """One entry per distinct SKU and seller."""
    entries = {(line["id"], line["seller"]): line for line in reversed(lines)}
    return {
        "items": [
            {"skuName": line["name"], **line, "assemblyOptions": line.get("assemblyOptions") or []}
            for line in reversed(entries.values())
        ]
    }


def totals(order: Order) -> list[Facts]:
    return [
        {
            "id": total.id,
            "name": TOTAL_NAMES.get(total.id, total.id),
            "value": total.value,
            "alternativeTotals": _alternatives(order) if total.id == "Shipping" else None,
        }
        for total in order.totals
    ]


def _alternatives(order: Order) -> list[Facts] | None:
    """Gross shipping and its discount, when there is one."""
    lines = order.logistics
    gross = sum(int(line.get("price") or 0) for line in lines)
    discount = sum(shipping_price(line) for line in lines) - gross
    if discount >= 0:
        return None
    return [
        {
            "id": "AlternativeShippingTotal",
            "name": "Alternative Shipping Total",
            "value": gross,
        },
        {
            "id": "AlternativeShippingDiscount",
            "name": "Alternative Shipping Discount",
            "value": discount,
        },
    ]
