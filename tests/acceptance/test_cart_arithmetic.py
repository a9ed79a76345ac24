"""Odd lines have the same figures in simulation, cart, placement and order, to the cent."""

import asyncio
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from tests.acceptance.test_cart_placement import pay, place
from tests.support.client import Client
from tests.support.storefront import Browser, figures, load_offers, set_account


def tag(name, value, raw=None):
    if raw is None:
        return {"name": name, "value": value}
    return {"name": name, "value": value, "raw_value": raw, "is_percentual": True}


# SKU, price, multiplier, quantity, tags; the tags in cents are beside them.
LINES = [
    ("a", 199, "0.3", 3, [], []),
    ("b", 3190, "1", 7, [tag("discount@price-1", -1)], [-1]),
    ("c", 333, "1", 3, [tag("discount@price-1", -10, -0.1)], [-100]),
    ("d", 700, "1", 2, [tag("discount@price-1", -900), tag("Promo", -500)], [-900, -500]),
    ("e", 0, "1", 4, [], []),
    ("f", 17, "1", 4, [tag("DISCOUNT@MARKETPLACE", -3)], [-3]),
    ("g", 10000, "1", 1, [tag("tax@price-1", 500)], []),
    ("h", 4490, "0.3", 7, [tag("discount@price-1", -7, -0.07), tag("x", -1)], [-660, -1]),
    ("i", 999, "0.125", 3, [tag("discount@price-1#a", -33, -0.33)], [-124]),
    ("j", 101, "1", 3, [tag("discount@shipping-1", -50, -0.5)], []),
]
FREIGHT = 333
"""Of each line. The price of a delivery is after its tags: the last line's tag lowers no total."""
TAX = 500


def rounded(number):
    return int(number.quantize(Decimal(1), ROUND_HALF_EVEN))


BASES = [rounded(Decimal(price) * quantity * Decimal(m)) for _, price, m, quantity, *_ in LINES]
TOTALS = [base + sum(line[5]) for base, line in zip(BASES, LINES, strict=True)]
TOTALIZERS = {
    "Items": sum(BASES),
    "Discounts": sum(sum(line[5]) for line in LINES),
    "Shipping": FREIGHT * len(LINES),
    "Tax": TAX,
}
VALUE = sum(TOTALIZERS.values())


@pytest.fixture
def browser(cell, app):
    offers = [
        {"sku": sku, "price": price, "name": sku, "unit_multiplier": m, "price_tags": tags}
        for sku, price, m, _, tags, _ in LINES
    ]
    delivery = {"kind": "delivery", "id": "Normal", "estimate": "3bd", "country": "BRA"}
    load_offers(cell, [*offers, {**delivery, "price": FREIGHT}])
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app))


def hold(items):
    """Each line has its total, and unit prices that add up to it."""
    for line, total in zip(items, TOTALS, strict=True):
        definition = line["priceDefinition"]
        assert definition["total"] == total, line["id"]
        units = definition["sellingPrices"]
        assert sum(one["value"] * one["quantity"] for one in units) == total, line["id"]
        assert sum(one["quantity"] for one in units) == line["quantity"], line["id"]


def some(totals):
    return {one["id"]: one["value"] for one in totals if one["value"]}


def test_odd_lines_have_the_same_figures_everywhere(browser, client):
    lines = [(line[0], line[3]) for line in LINES]
    simulation = {
        "items": [{"id": sku, "quantity": quantity, "seller": "1"} for sku, quantity in lines],
        "country": "BRA",
        "postalCode": "01310-100",
        "shippingData": {"logisticsInfo": [{"selectedSla": "Normal"} for _ in lines]},
    }
    simulated = browser.ok("POST", "/api/checkout/pub/orderForms/simulation", simulation)
    hold(simulated["items"])
    assert some(simulated["totals"]) == TOTALIZERS
    cart = browser.fill(*lines, sla="Normal")
    hold(cart["items"])
    assert (cart["value"], figures(cart)) == (VALUE, TOTALIZERS)
    placed = place(browser, value=VALUE)
    (order,) = placed["orders"]
    hold(order["items"])
    assert (order["value"], some(order["totals"])) == (VALUE, TOTALIZERS)
    assert [line["sellingPrice"] for line in order["items"]] == [
        line["sellingPrice"] for line in cart["items"]
    ]
    assert pay(browser, placed).status == 204
    document = client.call("GET", f"/api/oms/pvt/orders/{order['orderId']}").json()
    hold(document["items"])
    assert (document["value"], some(document["totals"])) == (VALUE, TOTALIZERS)
    assert document["paymentData"]["transactions"][0]["payments"][0]["value"] == VALUE
