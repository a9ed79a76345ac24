"""Whether a condition holds for a document: the evaluator in SQL.

It agrees with the one in memory (`oms_ledger.masterdata.matching`) on every document and condition.
Own fields are looked for among the terms of documents, the fields of every document in columns.
"""

from collections.abc import Mapping
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    SelectBase,
    String,
    and_,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union,
    union_all,
)

from oms_ledger.masterdata.condition import And, Between, Compare, Condition, IsNull, Literal, Or
from oms_ledger.masterdata.matching import ordering_text, spellings, wildcard_parts
from oms_ledger.masterdata.values import (
    BOOLEAN,
    NUMBER,
    TEXT,
    boolean_of,
    moment_of,
    number_of,
)
from projections.masterdata.tables import document_terms as t
from projections.masterdata.tables import documents as d

TERM_LENGTH = 400  # characters of a term that its index keeps

_ORDERED = {">": gt, "<": lt, ">=": ge, "<=": le}


class LeafColumns(NamedTuple):
    """Where SQL finds what a leaf is; `rest` is what the term has beyond `TERM_LENGTH`."""

    kind: ColumnElement[Any]
    term: ColumnElement[Any]
    rest: ColumnElement[Any]
    number: ColumnElement[Any]
    instant: ColumnElement[Any]


TERM_COLUMNS = LeafColumns(t.c.kind, t.c.term, t.c.rest, t.c.number, t.c.instant)


def _text(column: ColumnElement[Any]) -> LeafColumns:
    return LeafColumns(literal(TEXT), func.lower(column), null(), null(), null())


def _time(column: ColumnElement[Any]) -> LeafColumns:
    return LeafColumns(literal(TEXT), null(), null(), null(), column)


INTERNAL: Mapping[str, tuple[ColumnElement[Any], LeafColumns]] = {
    "id": (d.c.id_key, LeafColumns(literal(TEXT), d.c.id_key, null(), null(), null())),
    "createdIn": (d.c.created_at, _time(d.c.created_at)),
    "updatedIn": (d.c.updated_at, _time(d.c.updated_at)),
    "lastInteractionIn": (d.c.last_interaction_at, _time(d.c.last_interaction_at)),
    "createdBy": (d.c.created_by, _text(d.c.created_by)),
    "updatedBy": (d.c.updated_by, _text(d.c.updated_by)),
}


class Where(NamedTuple):
    """Conditions about rows of `documents` of one entity.

    Texts of the fields `numbers` compare without punctuation.
    """

    account: str
    entity: str
    numbers: frozenset[str] = frozenset()

    def of(self, condition: Condition) -> ColumnElement[bool]:
        """The condition, without what says the entity."""
        return _where(self, condition)

    def keys(self, condition: Condition) -> SelectBase | None:
        """The keys of what satisfies a condition that terms alone say all of; None for others."""
        match condition:
            case And((only,)):
                return self.keys(only)
            case Compare(field, operator, value) if field not in INTERNAL and operator != "<>":
                tests = _alternatives(operator, value, field in self.numbers, TERM_COLUMNS)
                found = [_terms(self, field).where(test) for test in tests]
                return union(*found) if len(found) > 1 else found[0].distinct() if found else None
            case _:
                return None


def _where(scope: Where, condition: Condition) -> ColumnElement[bool]:
    match condition:
        case And(parts):
            return and_(true(), *(_where(scope, part) for part in parts))
        case Or(parts):
            return or_(*(_where(scope, part) for part in parts))
        case IsNull(field, negated):
            if field in INTERNAL:
                column = INTERNAL[field][0]
                return column.is_not(None) if negated else column.is_(None)
            tests: list[ColumnElement[bool]] = [true()]
            return _some(scope, field, tests) if negated else _none(scope, field, tests)
        case Compare(field, operator, value):
            return _compare(scope, field, operator, value)
        case Between(field, low, high):
            return _between(scope, field, low, high)


def _compare(scope: Where, field: str, operator: str, value: Literal) -> ColumnElement[bool]:
    number = field in scope.numbers
    positive = "=" if operator == "<>" else operator
    if field in INTERNAL:
        column, leaf = INTERNAL[field]
        found = and_(column.is_not(None), or_(*_alternatives(positive, value, number, leaf)))
        # What is unknown, such as the instant of a text, is unequal.
        return not_(func.coalesce(found, false())) if operator == "<>" else found
    tests = _alternatives(positive, value, number, TERM_COLUMNS)
    return (_none if operator == "<>" else _some)(scope, field, tests)


def _between(scope: Where, field: str, low: Literal, high: Literal) -> ColumnElement[bool]:
    """Both ends hold of one and the same value."""
    number = field in scope.numbers
    column, leaf = INTERNAL.get(field, (None, TERM_COLUMNS))
    tests = [
        and_(reaches, ends)
        for reaches in _alternatives(">=", low, number, leaf)
        for ends in _alternatives("<=", high, number, leaf)
    ]
    if not tests:
        return ~true()
    if column is None:
        return _some(scope, field, tests)
    return and_(column.is_not(None), or_(*tests))


def _some(scope: Where, field: str, tests: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    if not tests:
        return ~true()
    found = [_terms(scope, field).where(test) for test in tests]
    return d.c.id_key.in_(found[0] if len(found) == 1 else union_all(*found))


def _none(scope: Where, field: str, tests: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    if not tests:
        return true()
    return ~_terms(scope, field).where(t.c.id_key == d.c.id_key, or_(*tests)).exists()


def _terms(scope: Where, field: str) -> Select[Any]:
    ours = (t.c.account == scope.account, t.c.entity == scope.entity, t.c.path == field)
    return select(t.c.id_key).where(*ours).correlate(d)


def _alternatives(
    operator: str, value: Literal, number_text: bool, c: LeafColumns
) -> list[ColumnElement[bool]]:
    """Conditions about a leaf, one of which has to hold; each looks into one index."""
    if operator == "=" and value.any_value:
        return [true()]
    if operator == "=" and value.wildcard:
        return [_like(value, number_text, c)]
    number, moment = number_of(value), moment_of(value)
    tests: list[ColumnElement[bool]] = []
    if number is not None:
        compare = _ORDERED.get(operator)
        hit = c.number == number if compare is None else compare(c.number, number)
        tests.append(and_(c.kind == NUMBER, hit))
    if operator == "=" and (boolean := boolean_of(value)) is not None:
        tests.append(and_(c.kind == BOOLEAN, c.number == float(boolean)))
    text = _equal(value, number_text, c) if operator == "=" else None
    if text is None:
        text = _text_order(operator, ordering_text(value, number_text), c)
    if moment is None:
        return [*tests, and_(c.kind == TEXT, text)]
    match operator:
        case "=":
            time = and_(c.instant >= moment.start, c.instant < moment.end)
        case "<=":
            time = c.instant < moment.end
        case _:
            time = _ORDERED[operator](c.instant, moment.start)
    return [*tests, time, and_(c.kind == TEXT, c.instant.is_(None), text)]


def _equal(value: Literal, number_text: bool, c: LeafColumns) -> ColumnElement[bool]:
    texts, loose = spellings(value, number_text)
    if loose:
        return func.replace(_whole(c), "+", " ", type_=String).in_(sorted(texts))
    hits = []
    for text in sorted(texts):
        head, rest = text[:TERM_LENGTH], text[TERM_LENGTH:]
        hits.append(and_(c.term == head, c.rest == rest if rest else c.rest.is_(None)))
    return or_(*hits)


def _text_order(operator: str, text: str, c: LeafColumns) -> ColumnElement[bool]:
    head, rest = text[:TERM_LENGTH], text[TERM_LENGTH:]
    strict = _ORDERED[operator[0]]
    wait_past = _ORDERED[operator](func.coalesce(c.rest, "", type_=String), rest)
    return or_(strict(c.term, head), and_(c.term == head, wait_past))


def _whole(c: LeafColumns) -> ColumnElement[str]:
    return c.term.concat(func.coalesce(c.rest, "", type_=String))


def _like(value: Literal, number_text: bool, c: LeafColumns) -> ColumnElement[bool]:
    parts, loose = wildcard_parts(value, number_text)
    pattern = "%".join(
        part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for part in parts
    )
    text = _whole(c)
    if loose:
        text = func.replace(text, "+", " ", type_=String)
    begins = parts[0][:TERM_LENGTH]
    hit = and_(c.kind == TEXT, text.like(pattern, escape="\\"))
    if begins and not loose:  # a prefix is a range of the index
        hit = and_(c.term >= begins, c.term < begins + "\U0010ffff", hit)
    return hit
