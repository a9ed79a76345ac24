"""The grammar of `_where`, of a trigger's condition and of a cluster's rule: one for all.

    expr    = term { OR term } ;  term = factor { AND factor } ;  factor = "(" expr ")" | compare
    compare = field ("=" | "<>" | ">" | "<" | ">=" | "<=") value
            | field "between" value "AND" value
            | field "is" ["not"] "null"
    value   = '"' chars '"' | bare text up to " AND ", " OR ", an unbalanced ")" or the end

Keywords are read in any case, `AND` binds stronger than `OR`, and a blank text is always true.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from oms_ledger.masterdata.refusals import InvalidFilter

MOST_BYTES, MOST_COMPARISONS, DEEPEST, MOST_NAMES, MOST_WILDCARDS = 8192, 200, 32, 8, 32

SPACE_OR_PLUS = "\ufdd0"
"""Stands for a raw `+` of a query, by which a client may mean a space or a plus."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written; `SPACE_OR_PLUS` may stand in it."""

    text: str

    @property
    def any_value(self) -> bool:
        """Whether it asks for any value at all: `*`."""
        return bool(self.text) and not self.text.strip("*")

    @property
    def wildcard(self) -> bool:
        """Whether `*` stands in it, for any text there."""
        return "*" in self.text


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is one of = <> > < >= <=."""

    field: str
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Between:
    """Both bounds belong to it; a bare day as the upper one counts to its end."""

    field: str
    low: Literal
    high: Literal


@dataclass(frozen=True, slots=True)
class IsNull:
    """True of a field without any value; `negated`, of one that has one."""

    field: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; with no part it is always true."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: "tuple[Condition, ...]"


Condition = Compare | Between | IsNull | And | Or

ALWAYS = And(())


def fields_of(condition: Condition) -> Iterator[str]:
    """Every field that is named, in order."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from fields_of(part)
        case _:
            yield condition.field


def parse_condition(text: str) -> Condition:
    """The condition a text says; `InvalidFilter` names the position where it says none."""
    if not text.replace(SPACE_OR_PLUS, " ").strip():
        return ALWAYS
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise InvalidFilter(f"longer than {MOST_BYTES} bytes")
    return _Parser(text).whole()


_BLANK = rf"[\s{SPACE_OR_PLUS}]"
_SPACES = re.compile(rf"{_BLANK}*")
_FIELD = re.compile(rf"[^\s{SPACE_OR_PLUS}=<>()\"]+")
_OPERATOR = re.compile(r"<>|>=|<=|=|<|>")
_BETWEEN = re.compile(rf"between(?={_BLANK})", re.IGNORECASE)
_IS_NULL = re.compile(rf"is{_BLANK}+(not{_BLANK}+)?null(?![^\s{SPACE_OR_PLUS})])", re.IGNORECASE)
_AND = re.compile(rf"and(?=[\s{SPACE_OR_PLUS}(\"]|$)", re.IGNORECASE)
_OR = re.compile(rf"or(?=[\s{SPACE_OR_PLUS}(\"]|$)", re.IGNORECASE)
_STOP = re.compile(rf"{_BLANK}(?:and|or)(?=[\s{SPACE_OR_PLUS}(]|$)|[()]", re.IGNORECASE)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._depth = self._comparisons = 0

    def whole(self) -> Condition:
        condition = self._any()
        if self._at < len(self._text):
            raise self._wrong("expected AND, OR or the end")
        return condition

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take(_OR):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._factor()]
        while self._take(_AND):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _factor(self) -> Condition:
        self._skip()
        if not self._text.startswith("(", self._at):
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} nested parentheses")
        self._at += 1
        condition = self._any()
        self._skip()
        if not self._text.startswith(")", self._at):
            raise self._wrong('expected ")"')
        self._at += 1
        self._depth -= 1
        self._skip()
        return condition

    def _comparison(self) -> Condition:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise self._wrong(f"more than {MOST_COMPARISONS} comparisons")
        field = self._field()
        if found := self._take(_OPERATOR):
            return Compare(field, found[0], self._value())
        if self._take(_BETWEEN):
            low = self._value()
            if not self._take(_AND):
                raise self._wrong('expected "AND" and the upper bound of between')
            return Between(field, low, self._value())
        if found := self._take(_IS_NULL):
            return IsNull(field, negated=bool(found[1]))
        raise self._wrong("expected an operator, between, or is null")

    def _field(self) -> str:
        self._skip()
        found = _FIELD.match(self._text, self._at)
        if not found:
            raise self._wrong("expected a field")
        names = found[0].split(".")
        if not all(names) or len(names) > MOST_NAMES:
            raise self._wrong(f"expected a field of 1 to {MOST_NAMES} names with dots between")
        self._at = found.end()
        return found[0]

    def _value(self) -> Literal:
        self._skip_before_value()
        text = self._quoted() if self._text.startswith('"', self._at) else self._bare()
        if len([part for part in text.split("*") if part]) > MOST_WILDCARDS:
            raise self._wrong(f"more than {MOST_WILDCARDS} wildcards in a value")
        return Literal(re.sub(r"\*+", "*", text))

    def _quoted(self) -> str:
        text, at, fields = self._text, self._at + 1, list[str]()
        while at < len(text) and text[at] != '"':
            if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\"):
                at += 1
            fields.append(text[at])
            at += 1
        if at >= len(text):
            raise self._wrong('the closing " is missing')
        self._at = at + 1
        self._skip()
        return "".join(fields)

    def _bare(self) -> str:
        """Parentheses belong to a value as long as they are balanced."""
        start, open_ones = self._at, 0
        end = len(self._text)
        before = max(start - 1, 0)  # the blank before AND may have been skipped
        for found in _STOP.finditer(self._text, before):
            if found[0] == "(":
                open_ones += 1
            elif found[0] == ")" and open_ones:
                open_ones -= 1
            elif found[0] != "(":
                end = max(found.start(), start)
                break
        if open_ones:
            self._at = end
            raise self._wrong('expected ")"')
        self._at = end
        value = self._text[start:end].strip()
        while value.endswith(SPACE_OR_PLUS):
            value = value[:-1].rstrip()
        if value[:1] in ("=", "<", ">"):
            self._at = start
            raise self._wrong("expected a value")
        return value

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _skip(self) -> None:
        found = _SPACES.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _skip_before_value(self) -> None:
        """What stands before a value: spaces, and raw pluses that a client meant as such."""
        while self._at < len(self._text) and (
            self._text[self._at].isspace() or self._text[self._at] == SPACE_OR_PLUS
        ):
            self._at += 1

    def _wrong(self, expected: str) -> InvalidFilter:
        return InvalidFilter(f"{expected} at position {self._at + 1}")
