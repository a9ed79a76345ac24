"""The arithmetic of a purchase, against every worked example of the guides and real orders."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms_ledger.orders.pricing import (
    Line,
    Tag,
    Touches,
    divide,
    installment,
    manual_price_tag,
    price_line,
    sum_totals,
    tag_touches,
    touches,
)

SHIPPING_TAG = "discount@shipping-e4b22e4e-11b4-43a5-9339-dc4e1f48d10c#9bf084aa"


@pytest.mark.parametrize(
    ("line", "base", "total", "selling_price", "selling_prices"),
    [
        (
            Line(3190, 5, tags=[Tag("discount@price-1", -416)]),
            15950,
            15534,
            3107,
            ((3107, 4), (3106, 1)),
        ),
        (Line(199, 3, Decimal("0.3")), 179, 179, 59, ((60, 2), (59, 1))),
        (
            Line(4490, 3, Decimal(100), [Tag("DISCOUNT@MARKETPLACE", -480)]),
            1347000,
            1346520,
            448840,
            ((448840, 3),),
        ),
        (
            Line(15999, 2, tags=[Tag(SHIPPING_TAG, -1184)], freight=0, list_freight=1184),
            31998,
            31998,
            15999,
            ((15999, 2),),
        ),
        (
            Line(6999, 1, tags=[Tag("DISCOUNT@MARKETPLACE", -1750)], freight=209),
            6999,
            5249,
            5249,
            ((5249, 1),),
        ),
        (Line(3190, 3, tags=[manual_price_tag(3190, 1700, 3)]), 9570, 5100, 1700, ((1700, 3),)),
        (
            Line(333, 3, tags=[Tag("discount@price-1", -10, Decimal("-0.1"))]),
            999,
            899,
            300,
            ((300, 2), (299, 1)),
        ),
        (Line(17, 4, tags=[Tag("discount@price-1", -3)]), 68, 65, 16, ((17, 1), (16, 3))),
        (Line(10000, 2, services=[199], freight=100), 20000, 20000, 10000, ((10000, 2),)),
        (
            Line(10000, 1, tags=[Tag("tax@price-1", 500)], freight=100),
            10000,
            10000,
            10000,
            ((10000, 1),),
        ),
        (Line(333, 2, Decimal("0.45")), 300, 300, 149, ((150, 2),)),
    ],
)
def test_line_figures_worked_examples(
    line: Line,
    base: int,
    total: int,
    selling_price: int,
    selling_prices: tuple[tuple[int, int], ...],
) -> None:
    figures = price_line(line)
    assert (figures.base, figures.total) == (base, total)
    assert figures.selling_price == selling_price
    assert figures.selling_prices == selling_prices


@pytest.mark.parametrize(
    ("line", "items", "discounts", "shipping", "tax"),
    [
        (
            Line(15999, 2, tags=[Tag(SHIPPING_TAG, -1184)], freight=0, list_freight=1184),
            31998,
            0,
            0,
            0,
        ),
        (
            Line(
                6999, 1, tags=[Tag("DISCOUNT@MARKETPLACE", -1750)], freight=209, list_freight=2435
            ),
            6999,
            -1750,
            209,
            0,
        ),
        (Line(3190, 3, tags=[manual_price_tag(3190, 1700, 3)]), 9570, -4470, 0, 0),
        (Line(3190, 3, tags=[manual_price_tag(3190, 3200, 3)]), 9570, 30, 0, 0),
        (Line(10000, 2, services=[199], freight=100), 20398, 0, 100, 0),
        (Line(10000, 1, tags=[Tag("tax@price-1", 500)], freight=100), 10000, 0, 100, 500),
        (Line(1000, 2, tax=7, freight=50, freight_tax=3), 2000, 0, 50, 17),
        (
            Line(1000, 1, tags=[Tag(SHIPPING_TAG, 0, Decimal("-0.5"))], list_freight=301),
            1000,
            0,
            151,
            0,
        ),
        (Line(1000, 1, tags=[Tag(SHIPPING_TAG, -500)], list_freight=301), 1000, 0, 0, 0),
        (Line(8000, 1, tags=[Tag("discount@price-3", -15, Decimal("-0.15"))]), 8000, -1200, 0, 0),
    ],
)
def test_totals_worked_examples(
    line: Line, items: int, discounts: int, shipping: int, tax: int
) -> None:
    totals = sum_totals([price_line(line)])
    assert (totals.items, totals.discounts, totals.shipping, totals.tax) == (
        items,
        discounts,
        shipping,
        tax,
    )
    assert totals.value == items + discounts + shipping + tax


@pytest.mark.parametrize(
    ("name", "increases", "expected"),
    [
        ("discount@price-203#DiscountResource", False, Touches.PRICE),
        ("DISCOUNT@PRICE-203", False, Touches.PRICE),
        ("discount@shipping-138#DiscountResource", False, Touches.FREIGHT),
        ("DISCOUNT@SHIPPING-138", False, Touches.FREIGHT),
        ("Discount@Shipping", True, Touches.FREIGHT),
        ("DISCOUNT@MARKETPLACE", False, Touches.PRICE),
        ("DISCOUNT@MANUALPRICE", True, Touches.PRICE),
        ("discount@manualPrice", False, Touches.PRICE),
        ("tax@price-1#x", True, Touches.TAX),
        ("TAX@MARKETPLACE", True, Touches.TAX),
        ("tax@price-1#x", False, Touches.TAX),
        ("discount@price-1", True, Touches.TAX),
        ("", False, Touches.PRICE),
        ("", True, Touches.TAX),
    ],
)
def test_tag_is_known_by_its_name(name: str, increases: bool, expected: Touches) -> None:
    assert touches(name, increases=increases) is expected
    assert tag_touches(Tag(name, 1 if increases else -1)) is expected


@pytest.mark.parametrize(
    ("amount", "count", "rate", "value", "total"),
    [(700, 3, 0, 233, 700), (30000, 2, 200, 15451, 30902), (16175, 4, 132, 4178, 16712)],
)
def test_installments_worked_examples(
    amount: int, count: int, rate: int, value: int, total: int
) -> None:
    found = installment(amount, count, rate)
    assert (found.value, found.total) == (value, total)


names = st.sampled_from(
    ["discount@price-1", "DISCOUNT@MARKETPLACE", "Discount@Shipping-2#x", "tax@price-9", ""]
)
tags = st.builds(
    Tag,
    name=names,
    value=st.integers(-5000, 5000),
    rate=st.none() | st.decimals("-0.9", "0.9", places=3),
)
lines = st.builds(
    Line,
    price=st.integers(0, 10**9),
    quantity=st.integers(1, 1000),
    unit_multiplier=st.decimals("0.001", "100", places=3),
    tags=st.lists(tags, max_size=5),
    services=st.lists(st.integers(0, 9999), max_size=2),
    tax=st.integers(0, 500),
    freight=st.none() | st.integers(0, 9999),
    list_freight=st.none() | st.integers(0, 9999),
)


@pytest.mark.guarantee("G21")
@given(st.lists(lines, max_size=5))
def test_the_figures_of_lines_add_up(given_lines: list[Line]) -> None:
    figures = [price_line(line) for line in given_lines]
    totals = sum_totals(figures)
    assert totals.value == sum(f.total + f.services + f.freight + f.taxes for f in figures)
    for line, found in zip(given_lines, figures, strict=True):
        assert sum(value * count for value, count in found.selling_prices) == found.total
        assert sum(count for _, count in found.selling_prices) == line.quantity
        assert found.total == found.base + found.price_tags


@pytest.mark.guarantee("G21")
@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_a_division_loses_no_cent(amount: int, weights: list[int]) -> None:
    assert sum(divide(amount, weights)) == amount


@pytest.mark.guarantee("G21")
@given(st.integers(0, 10**7), st.integers(1, 24), st.integers(0, 900))
def test_installments_never_come_to_less_than_is_paid(amount: int, times: int, rate: int) -> None:
    found = installment(amount, times, rate)
    assert amount <= found.total
    assert found.total == max(amount, found.value * times)
