"""How far what a marketplace pays may be from what its order is worth, by the account's ranges."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

AUTHORIZE, TASK, DENY = "authorize", "task", "deny"
_EFFECTS = (AUTHORIZE, TASK, DENY)
_WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True)
class Range:
    """Per cents, both ends within, and what becomes of an order that differs so much."""

    start: Decimal
    end: Decimal
    effect: str


def read_ranges(text: str) -> tuple[Range, ...]:
    """The ranges of a setting; ValueError with a sentence for what is none."""
    try:
        given = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError("no list of ranges: nested too deep") from None
    if not isinstance(given, list):
        raise ValueError("expected a list of ranges")
    return tuple(_range(one, number) for number, one in enumerate(given))


def _range(given: Any, number: int) -> Range:
    fields = given if isinstance(given, dict) else {}
    ends = [fields.get("from"), fields.get("to")]
    for end in ends:
        if isinstance(end, bool) or not isinstance(end, int | float) or not 0 <= end <= _WHOLE:
            raise ValueError(f"[{number}]: expected from and to, 0 to 100")
    if fields.get("effect") not in _EFFECTS:
        raise ValueError(f"[{number}].effect: expected one of {', '.join(_EFFECTS)}")
    start, stop = (Decimal(str(end)) for end in ends)
    return Range(start, stop, fields["effect"])


def ranges_of(rule: str, percent: int | None, rate: Decimal | None) -> tuple[Range, ...]:
    """The account's rule: ranges, else its short form of one per cent, else the request's rate."""
    if ranges := read_ranges(rule):
        return ranges
    if percent is None and rate is not None:
        return (Range(Decimal(0), rate, AUTHORIZE),)
    limit = Decimal(percent or 0)
    return (Range(Decimal(0), limit, AUTHORIZE), Range(limit, _WHOLE, TASK))


def effect_of(ranges: tuple[Range, ...], *, paid: int, worth: int) -> str:
    """What becomes of an order of that worth, for which so much is paid."""
    difference = abs(paid - worth)
    if not difference:
        return AUTHORIZE
    percent = Decimal(difference) * 100 / worth if worth else _WHOLE
    percent = min(percent, _WHOLE)
    return next((one.effect for one in ranges if one.start <= percent <= one.end), DENY)
