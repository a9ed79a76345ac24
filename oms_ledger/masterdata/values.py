"""Values of documents as conditions see them: leaves by path, texts without case, instants.

What SQL compares is written here, too: a leaf is a text, a number, a boolean, or `OTHER` for what
is only there (an object, a list). A text that is an ISO 8601 instant compares as one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from oms_ledger.masterdata.condition import MOST_NAMES, SPACE_OR_PLUS, Literal
from oms_ledger.orders import instants

TEXT, NUMBER, BOOLEAN, OTHER = "s", "n", "b", "x"

PLAIN_TEXTS = frozenset({"id", "createdBy", "updatedBy"})
"""Fields of every document that are texts and nothing else."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 24 * 60 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value at a path. `term` is a text without case, `instant` in microseconds."""

    kind: str
    term: str | None = None
    number: float | None = None
    instant: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What a literal covers in time: an instant, or the whole of a day. Microseconds."""

    start: int
    end: int


def fold(text: str) -> str:
    """A text as it is compared: without case, and without what no database can keep."""
    return text.casefold().replace("\x00", "\ufffd")


def fold_number(text: str) -> str:
    """A document number as it is compared: with and without its punctuation."""
    return "".join(char for char in fold(text) if char not in ".-/ ")


@lru_cache(8192)
def instant_of(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 text; None when it is none."""
    if not 10 <= len(text) <= 40 or text[4] != "-":
        return None
    at = instants.parse(text)
    return None if at is None else (at - _EPOCH) // timedelta(microseconds=1)


def moment_of(literal: Literal) -> Moment | None:
    """The instant or the day that a literal is; None where it is neither.

    A raw `+` is the sign of an offset, else a space.
    """
    text = literal.text.replace(SPACE_OR_PLUS, "+")
    start = instant_of(text)
    if start is None:
        text = literal.text.replace(SPACE_OR_PLUS, " ")
        start = instant_of(text)
    if start is None:
        return None
    return Moment(start, start + (_DAY if len(text) == 10 else 1))


def number_of(literal: Literal) -> float | None:
    """The number that a literal is, at most 1e300; None where it is none."""
    text = literal.text.replace(SPACE_OR_PLUS, "+").strip()
    if not text or len(text) > 64 or text[-1:].isalpha() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= 1e300 else None


def boolean_of(literal: Literal) -> bool | None:
    """What `true` and `false` are, in any case; None for everything else."""
    return {"true": True, "false": False}.get(literal.text.casefold())


def _leaf_of(value: Any, *, plain: bool = False) -> Leaf | None:
    """The leaf that a value is; None for null. `plain`: a text is never an instant."""
    match value:
        case None:
            return None
        case bool():
            return Leaf(BOOLEAN, number=float(value))
        case int() | float():
            return Leaf(NUMBER, number=float(value))
        case str():
            return Leaf(TEXT, fold(value), instant=None if plain else instant_of(value))
        case _:
            return Leaf(OTHER)


class Paths:
    """How a document's leaves are found; fields of `numbers` compare without punctuation."""

    def __init__(self, numbers: frozenset[str] = frozenset()) -> None:
        self.numbers = numbers

    def leaves(self, document: Mapping[str, Any], path: str) -> Iterator[Leaf]:
        """The leaves at a path; lists are stepped into, as often as they are nested."""
        for value in values_at(document, path):
            yield from self._flat(value, path)

    def every(self, document: Mapping[str, Any]) -> Iterator[tuple[str, Leaf]]:
        """Every leaf that a condition can name, with its path."""
        for name, value in document.items():
            yield from self._walk(value, name, 1)

    def _walk(self, value: Any, path: str, depth: int) -> Iterator[tuple[str, Leaf]]:
        if "." in path.rpartition(".")[2] or not path.rpartition(".")[2]:
            return
        for leaf in self._flat(value, path):
            yield path, leaf
        if depth < MOST_NAMES:
            for child in objects_in(value):
                for name, member in child.items():
                    if name and "." not in name:
                        yield from self._walk(member, f"{path}.{name}", depth + 1)

    def _flat(self, value: Any, path: str) -> Iterator[Leaf]:
        leaf = _leaf_of(value, plain=path in PLAIN_TEXTS)
        if leaf is None:
            return
        if path in self.numbers and isinstance(value, str):
            leaf = Leaf(TEXT, fold_number(value))
        yield leaf
        if isinstance(value, list):
            for member in value:
                yield from self._flat(member, path)


def objects_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects that a value is or that its lists hold, however nested."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from objects_in(member)


def values_at(document: Mapping[str, Any], path: str) -> Iterator[Any]:
    """What stands at a path; lists on the way are stepped into."""
    return _at(document, path.split("."), 0)


def _at(value: Any, names: list[str], place: int) -> Iterator[Any]:
    if place == len(names):
        yield value
        return
    for child in objects_in(value):
        if names[place] in child:
            yield from _at(child[names[place]], names, place + 1)
