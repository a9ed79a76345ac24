"""Reading published documents: values of the right kind, or a refusal that names the field."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from oms_ledger.orders.amounts import cents
from oms_ledger.orders.instants import parse
from oms_ledger.orders.order_ids import LONGEST
from oms_ledger.orders.refusals import InvalidPlacement


class Part(dict[str, Any]):
    """A part of the document that knows its place in it, so that refusals can name fields."""

    place: str = ""

    def name(self, key: str) -> str:
        """A field of the part as refusals name it: `items[0].price`."""
        return f"{self.place}{key}"


def part_of(given: Mapping[str, Any], place: str) -> Part:
    """The object as a part; `place` ends in a dot, or is empty for the whole body."""
    part = Part(given)
    part.place = place
    return part


def wrong(field: str, found: Any, expected: str) -> InvalidPlacement:
    """The refusal of a field; of a long value its type is shown instead."""
    shown = repr(found) if len(repr(found)) <= 60 else type(found).__name__
    return InvalidPlacement("OMS004", f"{field}: found {shown}, expected {expected}")


def section(part: Part, key: str) -> Part:
    """A part of a part; null and nothing are an empty one, another type is refused."""
    given = part.get(key)
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise wrong(part.name(key), given, "an object or null")
    return part_of(given, f"{part.name(key)}.")


def sections(part: Part, key: str) -> list[Part]:
    """The objects of a list; null and nothing are none, another type is refused."""
    given = part.get(key)
    if given is None:
        return []
    if not isinstance(given, list):
        raise wrong(part.name(key), given, "a list or null")
    parts = []
    for i, one in enumerate(given):
        if not isinstance(one, Mapping):
            raise wrong(f"{part.name(key)}[{i}]", one, "an object")
        parts.append(part_of(one, f"{part.name(key)}[{i}]."))
    return parts


def integer(part: Part, key: str, missing: int | None = None, least: int | None = None) -> int:
    """Whole cents, or digits of them; `missing` for null and nothing, a refusal without it."""
    given = part.get(key, missing)
    if given is None:
        given = missing
    number = cents(given, text=True)
    if number is None:
        raise wrong(part.name(key), given, "an integer")
    if least is not None and number < least:
        raise wrong(part.name(key), given, f"at least {least}")
    return number


def text(part: Part, key: str, missing: str | None = None) -> str:
    """A text, or a whole number as one; `missing` for null and nothing, a refusal without it."""
    given = part.get(key)
    if given is None:
        given = missing
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if not isinstance(given, str):
        raise wrong(part.name(key), given, "a text")
    return given


def short_text(part: Part, key: str, missing: str | None = None) -> str:
    """A text that names something: it may stand under an index, so its length is bounded."""
    given = text(part, key, missing)
    if len(given) > LONGEST:
        raise wrong(part.name(key), given, f"at most {LONGEST} characters")
    return given


def maybe_instant(part: Part, key: str) -> datetime | None:
    """An ISO 8601 instant, in UTC where it says no zone; None for null and an empty text."""
    given = part.get(key)
    if given in (None, ""):
        return None
    at = parse(given)
    if at is None:
        raise wrong(part.name(key), given, "an ISO 8601 instant")
    return at


def instant(part: Part, key: str, missing: datetime | None = None) -> datetime:
    """As `maybe_instant`, but `missing` for null and nothing, and a refusal without it."""
    at = maybe_instant(part, key) or missing
    if at is None:
        raise wrong(part.name(key), part.get(key), "an ISO 8601 instant")
    return at
