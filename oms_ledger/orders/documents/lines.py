"""Lines and totals of the documents."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from oms_ledger.orders.events import Item, PriceTag, Total
from oms_ledger.orders.marketplace.levels import delegated
from oms_ledger.orders.order import Order
from oms_ledger.orders.totals import figures, rule_of, shipping_price

Fields = dict[str, Any]

TOTAL_NAMES = {
    "Items": "Total Items",
    "Discounts": "Total Discounts",
    "Shipping": "Total Shipping",
    "Tax": "Total Taxes",
    "Change": "Total Changes",
}


def items(order: Order) -> list[Fields]:
    """The lines as the documents show them, in the order's own order; values in cents."""
    lock = _lock(order)
    return [item_facts(item, lock, imported=order.imported) for item in order.items]


def _lock(order: Order) -> str | None:
    """What the goods are reserved for: the order at whoever delivers, where that is the account.

    Published documents name no reservation where another seller delivers.
    """
    if order.status is None or order.imported or delegated(order):
        return None
    return order.order_id if order.flow == "seller" else f"00-{order.order_id}"


def item_facts(item: Item, lock: str | None, *, imported: bool = False) -> Fields:
    """A line by the names of the documents; `lock` is its reservation.

    What the document of an imported line said stands, nulls too.
    """
    definition = price_definition(item)
    derived = {
        "name": item.id,
        "sellerSku": item.id,
        "listPrice": item.price,
        "lockId": lock,
        "sellingPrice": definition["calculatedSellingPrice"],
        "priceDefinition": definition,
    }
    own = {
        "uniqueId": item.unique_id,
        "id": item.id,
        "seller": item.seller,
        "quantity": item.quantity,
        "price": item.price,
        "tax": item.tax,
        "unitMultiplier": float(item.unit_multiplier),
        "priceTags": [_tag(tag) for tag in item.price_tags],
    }
    if imported:
        return {**derived, **own, **item.details}
    return {**derived, **{k: v for k, v in item.details.items() if v is not None}, **own}


def _tag(tag: PriceTag) -> Fields:
    """A tag: the cents of the whole line, or a percentage as it was sent."""
    value: float = tag.value
    raw = tag.value / 100
    if tag.rate is not None:
        value, raw = _number(tag.rate * 100), float(tag.rate)
    return {
        "value": value,
        "rawValue": raw,
        "name": tag.name,
        "isPercentual": tag.is_percentual,
        "identifier": tag.identifier,
        **tag.details,
    }


def _number(exact: Decimal) -> float:
    whole = int(exact)
    return whole if whole == exact else float(exact)


def price_definition(item: Item) -> Fields:
    """What the line costs after price tags: unit prices whose sum is exact."""
    content = figures(item)
    return {
        "calculatedSellingPrice": content.selling_price,
        "total": content.total,
        "sellingPrices": [
            {"value": value, "quantity": count} for value, count in content.selling_prices
        ],
    }


def item_metadata(lines: list[Fields]) -> Fields:
    """One event per distinct SKU and seller."""
    entries = {(line["id"], line["seller"]): line for line in reversed(lines)}
    return {
        "items": [
            {"skuName": line["name"], **line, "assemblyOptions": line.get("assemblyOptions") or []}
            for line in reversed(entries.values())
        ]
    }


def totals(order: Order) -> list[Fields]:
    """The totals; of an imported order with the names and parts that its document said."""
    content = order.placed.details.get("totals") if order.imported else None
    return [_total(order, total, content or ()) for total in order.totals]


def _name(answer: Fields) -> Fields:
    return {"name": answer["name"]} if "name" in answer else {}


def _total(order: Order, total: Total, content: Sequence[Fields]) -> Fields:
    answer = next((one for one in content if one.get("id") == total.id), {})
    return {
        "name": TOTAL_NAMES.get(total.id, total.id),
        "alternativeTotals": _alternatives(order)
        if total.id == "Shipping" and not content
        else None,
        **(answer if answer.get("value") == total.value else _name(answer)),
        "id": total.id,
        "value": total.value,
    }


def _alternatives(order: Order) -> list[Fields] | None:
    """Gross shipping and its discount, when there is one."""
    lines, rule = order.logistics, rule_of(order.items)
    before = "listPrice" if rule else "price"
    gross = sum(int(line.get(before) or 0) for line in lines)
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
