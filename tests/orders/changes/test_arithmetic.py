"""What units take with them, to the cent: the pieces of contract 03 §6."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.orders import events
from oms_ledger.orders.changes.arithmetic import (
    shipping_without,
    totals_after,
    unit_shares,
    units_of,
    without_units,
)
from oms_ledger.orders.totals import order_totals


def test_a_tag_is_divided_over_units_by_largest_remainder():
    assert unit_shares(-100, 3) == [-34, -33, -33]
    assert unit_shares(100, 3) == [34, 33, 33]
    assert unit_shares(-2, 4) == [-1, -1, 0, 0]


def test_the_unit_that_leaves_takes_the_last_share():
    line = events.Item("A", "a", "1", 3, 1000, price_tags=(events.PriceTag("promo", -100),))
    rest = without_units(line, 1)
    assert (rest.quantity, rest.price_tags[0].value) == (2, -67)
    assert units_of(line, 1).price_tags[0].value == -33


def test_shipping_leaves_in_proportion_and_with_the_last_unit_altogether():
    line = {"itemIndex": 0, "price": 601, "sellingPrice": 600, "selectedSla": "Normal"}
    assert shipping_without(line, 3, 1) == {**line, "price": 401, "sellingPrice": 400}
    assert shipping_without(line, 3, 3) == {**line, "price": 0, "sellingPrice": 0}


def test_totals_that_do_not_come_of_lines_stay():
    line = events.Item("A", "a", "1", 3, 1000)
    totals = (events.Total("Items", 3000), events.Total("Interest", 50))
    after = totals_after(totals, ([line], ()), ([without_units(line, 1)], ()), change=-7)
    assert after == (
        events.Total("Items", 2000),
        events.Total("Change", -7),
        events.Total("Interest", 50),
    )


@pytest.mark.guarantee("G21")
@settings(max_examples=200, deadline=None)
@given(
    st.integers(-10_000, 10_000),
    st.integers(1, 30),
    st.data(),
)
def test_what_stays_and_what_leaves_add_up_however_often_units_leave(value, units, data):
    line = events.Item(
        "A",
        "a",
        "1",
        units,
        data.draw(st.integers(0, 9999)),
        unit_multiplier=data.draw(st.sampled_from([Decimal(1), Decimal("0.35"), Decimal("1.5")])),
        price_tags=(events.PriceTag("tag", value),),
    )
    while line.quantity:
        leaving = data.draw(st.integers(1, line.quantity))
        rest, gone = without_units(line, leaving), units_of(line, leaving)
        assert rest.price_tags[0].value + gone.price_tags[0].value == line.price_tags[0].value
        assert rest.quantity + gone.quantity == line.quantity
        totals = totals_after(order_totals([line], ()), ([line], ()), ([rest], ()))
        assert sum(t.value for t in totals) == sum(t.value for t in order_totals([rest], ()))
        line = rest
    assert line.price_tags[0].value == 0
