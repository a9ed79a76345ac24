"""Values as published clients send them: digits as text, whole decimals, limits of text."""

import re
from typing import Any

from oms_ledger.carts.refusals import CartRefusal

LARGEST = 2**53 - 1
LONGEST_TEXT = 2000
_DIGITS = re.compile(r"\s*-?[0-9]{1,16}\s*", re.ASCII)
Json = dict[str, Any]


def whole(value: object) -> int | None:
    """The integer that a value says; None when it says none. `2.0` and `"2"` are 2."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        value = int(value)
    return value if isinstance(value, int) and abs(value) <= LARGEST else None


def cents(value: object) -> int | None:
    """As `whole`; what a sum of decimals leaves below a millionth of a cent is forgiven."""
    if isinstance(value, float) and abs(value) <= LARGEST and abs(value - round(value)) < 1e-6:
        return round(value)
    return whole(value)


def text_of(value: object) -> str | None:
    """A text, or a number as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else None


def require_object(value: object, code: str, place: str) -> Json:
    """The object; refused with the code that its place has, if it is none."""
    if not isinstance(value, dict):
        raise CartRefusal(code, place=f"{place} must be an object")
    return value


def objects(value: object, code: str, place: str) -> list[Json]:
    """A list of objects; empty for none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise CartRefusal(code, place=f"{place} must be a list of objects")
    return value


def require_short(value: object, name: str) -> None:
    """Refuse a text that is too long (`CHK0099`); anything else passes."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise CartRefusal("CHK0099", name)
