"""Whole numbers as clients and partners send them: 9990, 9990.0, 1998.9999999999998, "9990".

JSON does not tell a whole number with a fraction of zeros from an integer, and clients reckon in
floats. A number is evaluated by the digits that it was sent with.
"""

import re
from decimal import Decimal

LARGEST = 2**53 - 1  # integers that every JSON client can read
FORGIVEN = Decimal("1e-6")
_DIGITS = re.compile(r"\s*-?[0-9]{1,16}\s*", re.ASCII)


def cents(value: object, *, text: bool = False) -> int | None:
    """Read an amount: a number less than a millionth of a cent from an integer is that integer.

    None when it is none. With `text`, digits as text are taken too, but no point or comma.
    """
    return _whole(value, FORGIVEN, text=text)


def count(value: object, *, text: bool = False) -> int | None:
    """Read a quantity or an index: no fraction but zeros. None when it is none."""
    return _whole(value, None, text=text)


def _whole(value: object, forgiven: Decimal | None, *, text: bool) -> int | None:
    if isinstance(value, str) and text and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float):
        value = _of_float(value, forgiven)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        return None
    return value


def _of_float(value: float, forgiven: Decimal | None) -> int | None:
    if not abs(value) <= LARGEST:  # infinities and NaN too
        return None
    exact = Decimal(repr(value))
    nearest = exact.to_integral_value()
    if exact != nearest and (forgiven is None or abs(exact - nearest) >= forgiven):
        return None
    return int(nearest)
