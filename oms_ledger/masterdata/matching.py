"""Whether a condition holds for a document: the evaluator in memory.

It agrees with the one in SQL (`projections.masterdata.where`) on every document and condition.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

import re2

from oms_ledger.masterdata.condition import (
    SPACE_OR_PLUS,
    And,
    Between,
    Compare,
    Condition,
    IsNull,
    Literal,
    Or,
)
from oms_ledger.masterdata.refusals import InvalidFilter
from oms_ledger.masterdata.values import (
    BOOLEAN,
    NUMBER,
    TEXT,
    Leaf,
    Paths,
    boolean_of,
    fold,
    fold_number,
    moment_of,
    number_of,
)

PLAIN = Paths()
MOST_SPELLINGS = 4
"""Pluses of a literal up to which each way to read them is looked for by itself."""

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def holds(condition: Condition, document: Mapping[str, Any], paths: Paths = PLAIN) -> bool:
    """Whether the condition is true of the document, fields that it lacks being null."""
    match condition:
        case And(parts):
            return all(holds(part, document, paths) for part in parts)
        case Or(parts):
            return any(holds(part, document, paths) for part in parts)
        case IsNull(field, negated):
            return any(True for _ in paths.leaves(document, field)) is negated
        case Compare(field, "<>", value):
            return not _some(document, paths, field, _leaf_test("=", value, field in paths.numbers))
        case Compare(field, operator, value):
            test = _leaf_test(operator, value, field in paths.numbers)
            return _some(document, paths, field, test)
        case Between(field, low, high):
            number = field in paths.numbers
            reaches, ends = _leaf_test(">=", low, number), _between_end(high, number)
            return _some(document, paths, field, lambda leaf: reaches(leaf) and ends(leaf))


def _some(
    document: Mapping[str, Any], paths: Paths, field: str, test: Callable[[Leaf], bool]
) -> bool:
    return any(map(test, paths.leaves(document, field)))


@lru_cache(8192)
def _leaf_test(operator: str, value: Literal, number_text: bool) -> Callable[[Leaf], bool]:
    """Whether a leaf stands in the relation to the literal; `operator` is not `<>`."""
    if operator != "=":
        return _order_test(operator, value, number_text)
    if value.any_value:
        return lambda leaf: True
    if value.wildcard:
        return _wildcard_test(value, number_text)
    return _equality_test(value, number_text)


def _equality_test(value: Literal, number_text: bool) -> Callable[[Leaf], bool]:
    number, moment, boolean = number_of(value), moment_of(value), boolean_of(value)
    texts, loose = spellings(value, number_text)

    def equal(leaf: Leaf) -> bool:
        if leaf.kind == NUMBER:
            return number is not None and leaf.number == number
        if leaf.kind == BOOLEAN:
            return boolean is not None and leaf.number == boolean
        if leaf.term is None:
            return False
        if leaf.instant is not None and moment is not None:
            return moment.start <= leaf.instant < moment.end
        return (leaf.term.replace("+", " ") if loose else leaf.term) in texts

    return equal


def _order_test(operator: str, value: Literal, number_text: bool) -> Callable[[Leaf], bool]:
    number, moment = number_of(value), moment_of(value)
    compare, text = _ORDERED[operator], ordering_text(value, number_text)

    def ordered(leaf: Leaf) -> bool:
        if leaf.kind == NUMBER and leaf.number is not None:
            return number is not None and compare(leaf.number, number)
        if leaf.kind != TEXT or leaf.term is None:
            return False
        if leaf.instant is None or moment is None:
            return compare(leaf.term, text)
        if operator == "<=":
            return leaf.instant < moment.end
        return compare(leaf.instant, moment.start)

    return ordered


def _between_end(value: Literal, number_text: bool) -> Callable[[Leaf], bool]:
    """The upper bound of `between`: a bare day lasts until its end."""
    return _leaf_test("<=", value, number_text)


def spellings(value: Literal, number_text: bool) -> tuple[frozenset[str], bool]:
    """The texts that equal a literal; True when pluses count as spaces on both sides."""
    folding = fold_number if number_text else fold
    count = value.text.count(SPACE_OR_PLUS)
    if count > MOST_SPELLINGS:
        return frozenset({folding(value.text.replace(SPACE_OR_PLUS, " ").replace("+", " "))}), True
    texts = set()
    for chars in product(" +", repeat=count):
        parts = value.text.split(SPACE_OR_PLUS)
        joined = "".join(a + b for a, b in zip(parts, (*chars, ""), strict=True))
        texts.add(folding(joined))
    return frozenset(texts), False


def ordering_text(value: Literal, number_text: bool) -> str:
    """A literal as it is ordered among texts: without case, a raw `+` as a space."""
    text = value.text.replace(SPACE_OR_PLUS, " ")
    return fold_number(text) if number_text else fold(text)


def wildcard_parts(value: Literal, number_text: bool) -> tuple[list[str], bool]:
    """What stands between the `*`s of a literal; True when pluses count as spaces."""
    folding, text = (fold_number if number_text else fold), value.text
    loose = SPACE_OR_PLUS in text
    if loose:
        text = text.replace(SPACE_OR_PLUS, " ").replace("+", " ")
    return [folding(part) for part in text.split("*")], loose


def _wildcard_test(value: Literal, number_text: bool) -> Callable[[Leaf], bool]:
    """By RE2, which takes linear time whatever the pattern."""
    parts, loose = wildcard_parts(value, number_text)
    pattern = re2.compile("(?s)" + ".*".join(map(re2.escape, parts)))

    def matches(leaf: Leaf) -> bool:
        if leaf.term is None:
            return False
        text = leaf.term.replace("+", " ") if loose else leaf.term
        return pattern.fullmatch(text) is not None

    return matches


def check_types(condition: Condition, types: Mapping[str, str]) -> None:
    """Refuse what can never be meant: `types` says number, boolean or date fields by path."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check_types(part, types)
        case Compare(field, _, value):
            _check_value(field, value, types.get(field))
        case Between(field, low, high):
            _check_value(field, low, types.get(field))
            _check_value(field, high, types.get(field))


_EXPECTED = {"number": number_of, "boolean": boolean_of, "date": moment_of}


def _check_value(field: str, value: Literal, kind: str | None) -> None:
    if kind not in _EXPECTED or value.any_value:
        return
    if value.wildcard:
        raise InvalidFilter(f"{field} is a {kind}, which takes no wildcard")
    if value.text and _EXPECTED[kind](value) is None:
        raise InvalidFilter(f"{field}: found '{value.text[:60]}', expected a {kind}")
