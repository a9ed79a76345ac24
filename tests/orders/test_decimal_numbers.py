"""What may be a decimal number: whatever is taken can be reckoned with, whatever else is None."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms_ledger.decimal_numbers import LARGEST, decimal_number


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    "text",
    [
        *("1e999999", "-1e999999", "1e999999999999999999", "1e99999999999999999999", "sNaN", "NaN"),
        *("Infinity", "1e-999999", "1e-99999999999999999999", "9" * 5000, "²", "", "1,5", "0x10"),
        *(None, True, [], {}, float("inf"), float("nan"), 2**53, 10**5000, 1e16),
    ],
    ids=lambda value: f"{str(value)[:24] if value != 10**5000 else 'digits'}",
)
def test_what_cannot_be_reckoned_with_is_none(text):
    assert decimal_number(text) is None


@pytest.mark.guarantee("G53")
@given(st.text("0123456789.eE+-naNsif ", max_size=30) | st.floats() | st.integers())
def test_what_is_taken_can_be_reckoned_with(given):
    number = decimal_number(given)
    if number is not None:
        assert abs(number) <= LARGEST
        assert len(f"{number * number * 100:f}") < 1200
        assert number in (Decimal(str(given)), 0)
