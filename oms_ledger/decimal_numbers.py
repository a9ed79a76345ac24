"""Decimal numbers that came from outside: exact, and of a size that can be reckoned with.

`Decimal` takes `1e999999`, `sNaN` and exponents of eighteen digits, and the next multiplication or
comparison raises. What asks here gets a number or None.
"""

from decimal import Decimal, InvalidOperation

LARGEST = 2**53 - 1
_SMALLEST = -324
"""The exponent of the smallest number that a double holds."""


def decimal_number(given: object) -> Decimal | None:
    """Read a JSON number or a text that is one, up to 2**53 - 1 on either side of 0.

    None for what is no number, no finite one, or closer to 0 than a double can be.
    """
    if isinstance(given, bool) or not isinstance(given, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(given))
    except (InvalidOperation, ValueError):  # ValueError: an integer of thousands of digits
        return None
    if not number.is_finite():
        return None
    if not number:
        return Decimal(0)
    if not _SMALLEST <= number.adjusted() <= 15 or abs(number) > LARGEST:
        return None
    return number
