"""The entity `orders`: each order as a document, as filters and triggers see it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from oms_ledger.masterdata.condition import And, Between, Compare, Condition, IsNull, Literal, Or
from oms_ledger.masterdata.values import moment_of, number_of
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.documents.search_terms import comparable
from oms_ledger.orders.order import Order
from projections.tables import order_search_terms as terms
from projections.tables import order_views as t

_INTERNAL = {"id": "orderId", "createdIn": "creationDate", "updatedIn": "lastChange"}

_INSTANTS: Mapping[str, ColumnElement[int]] = {
    "createdIn": t.c.created_at,
    "creationDate": t.c.created_at,
    "authorizedDate": t.c.authorized_at,
    "invoicedDate": t.c.invoiced_at,
}
COLUMNS: Mapping[str, ColumnElement[Any]] = {
    **_INSTANTS,
    "status": t.c.status,
    "state": t.c.status,
    "value": t.c.value,
}
"""Fields that the view of orders has a column of."""
_TERMS = {
    "id": "id",
    "orderId": "id",
    "sequence": "sequence",
    "affiliateId": "affiliate",
    "salesChannel": "channel",
    "clientProfileData.email": "email",
    "marketingData.utmSource": "utm",
    "callCenterOperatorData.email": "operator_email",
}
"""Fields that orders are found by in their search terms."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What the view says of a condition: all orders that it holds for satisfy the clauses.

    `exact`: and no others do.
    """

    clauses: tuple[ColumnElement[bool], ...] = ()
    exact: bool = False


_NOTHING_KNOWN = Narrowed()


def narrowed(account: str, condition: Condition) -> Narrowed:
    """What the view says of a condition on an account's orders."""
    match condition:
        case And(parts):
            each = [narrowed(account, part) for part in parts]
            clauses = tuple(clause for one in each for clause in one.clauses)
            return Narrowed(clauses, all(one.exact for one in each))
        case Or(parts):
            each = [narrowed(account, part) for part in parts]
            if not all(one.clauses for one in each):
                return _NOTHING_KNOWN
            either = or_(*(and_(*one.clauses) for one in each))
            return Narrowed((either,), all(one.exact for one in each))
        case IsNull(field, negated) if field in COLUMNS:
            column = COLUMNS[field]
            return Narrowed((column.is_not(None) if negated else column.is_(None),), exact=True)
        case Between(field, low, high) if field in COLUMNS:
            both = And((Compare(field, ">=", low), Compare(field, "<=", high)))
            return narrowed(account, both)
        case Compare(field, operator, value) if field in _INSTANTS:
            return _by_instant(_INSTANTS[field], operator, value)
        case Compare("value", operator, value):
            return _by_number(operator, value)
        case Compare("status" | "state", "=", value) if not value.wildcard:
            return Narrowed((t.c.status == value.text.casefold(),), exact=True)
        case Compare(field, "=", value) if field in _TERMS and _is_plain(value):
            return Narrowed((_has_term(account, _TERMS[field], value.text),))
        case _:
            return _NOTHING_KNOWN


def _is_plain(value: Literal) -> bool:
    return bool(value.text) and not value.wildcard and value.text.isprintable()


def _has_term(account: str, kind: str, text: str) -> ColumnElement[bool]:
    known = select(terms.c.order_id).where(
        terms.c.account == account, terms.c.kind == kind, terms.c.term == comparable(text)
    )
    return t.c.order_id.in_(known)


def _by_instant(column: ColumnElement[int], operator: str, value: Literal) -> Narrowed:
    moment = None if value.wildcard else moment_of(value)
    if moment is None:
        return _NOTHING_KNOWN
    match operator:
        case "=":
            found = and_(column >= moment.start, column < moment.end)
        case ">":
            found = column > moment.start
        case ">=":
            found = column >= moment.start
        case "<":
            found = column < moment.start
        case "<=":
            found = column < moment.end
        case _:
            return _NOTHING_KNOWN
    return Narrowed((found,), exact=True)


def _by_number(operator: str, value: Literal) -> Narrowed:
    number = None if value.wildcard else number_of(value)
    if number is None:
        return _NOTHING_KNOWN
    compare = {"=": "__eq__", ">": "__gt__", ">=": "__ge__", "<": "__lt__", "<=": "__le__"}
    if operator not in compare:
        return _NOTHING_KNOWN
    amount = int(number) if number.is_integer() else number
    return Narrowed((getattr(t.c.value, compare[operator])(amount),), exact=True)


def order_document(order: Order, names: Collection[str] | None = None) -> dict[str, Any]:
    """The document of an order; with `names` only those of its fields."""
    if names is None:
        document = filter_document(order)
    else:
        wanted = {*(_INTERNAL.get(name, name) for name in names), *_INTERNAL.values()}
        document = filter_document(order, tuple((name, None) for name in sorted(wanted)))
    return {**document, **{name: document.get(of) for name, of in _INTERNAL.items()}}
