"""What a query of Master Data asks: fields, filters, sort and range.

A plus of the raw query may be a space or a plus: directly after an operator it is a plus, else
either. `%2B` is a plus and `%20` a space.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_to_bytes

from fastapi import Request

from oms_ledger.masterdata.condition import (
    ALWAYS,
    SPACE_OR_PLUS,
    And,
    Compare,
    Condition,
    Literal,
    Or,
    fields_of,
    parse_condition,
)
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.geography import Near, near_of, sort_near_of
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.order_conditions import as_of_orders, plain_name
from oms_ledger.masterdata.refusals import (
    FieldNotFound,
    InvalidBody,
    InvalidFilter,
    InvalidRange,
)
from oms_ledger.whole_numbers import is_whole
from projections.masterdata.search import Query, Sort

MOST_DOCUMENTS, FIRST_DOCUMENTS, DEFAULT_SIZE, LARGEST_SIZE = 100, 15, 100, 1000
NO_FILTERS = {"an", "accountName", "reason"}
_ALL = {"_all", "all"}
_RANGE = re.compile(r"\s*resources\s*=\s*(\d{1,40})\s*-\s*(\d{1,40})\s*", re.ASCII)
_BEYOND = 2**62  # more documents than there are; databases count no further than 2**63


def pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of a raw query; `SPACE_OR_PLUS` stands where a plus may be either."""
    for part in raw.split(b"&"):
        if not part:
            continue
        name, _, value = part.partition(b"=")
        yield _decoded(name.replace(b"+", b" ")), _value(value)


def _value(raw: bytes) -> str:
    content, after_operator = list[str](), True
    for piece in re.split(rb"(\+|[=<>])", raw):
        if piece == b"+":
            content.append("+" if after_operator else SPACE_OR_PLUS)
            after_operator = False
        elif piece:
            content.append(_decoded(piece))
            after_operator = piece in (b"=", b"<", b">")
    return "".join(content)


def _decoded(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidBody("The query is no UTF-8") from None


def plain(text: str) -> str:
    """A value that no plus can stand in."""
    return text.replace(SPACE_OR_PLUS, " ")


@dataclass(frozen=True)
class ParsedQuery:
    """`fields` is None for all of them; `filters` are by field, `special` the names with `_`."""

    special: dict[str, str] = field(default_factory=dict)
    filters: dict[str, list[str]] = field(default_factory=dict)

    @property
    def schema(self) -> str | None:
        """The schema that the query names; None without one."""
        return plain(self.special.get("_schema", "")).strip() or None

    @property
    def has_fields(self) -> bool:
        """Whether the query names fields."""
        return bool(plain(self.special.get("_fields", "")).strip())

    @property
    def fields(self) -> list[str] | None:
        """The names asked for; None where all are."""
        names = [name.strip() for name in plain(self.special.get("_fields", "")).split(",")]
        names = [name for name in names if name]
        return None if not names or _ALL & set(names) else names

    @property
    def where(self) -> Condition:
        """The condition of `_where`."""
        return parse_condition(self.special.get("_where", ""))

    def asks_by(self) -> list[str]:
        """Every field that the query filters or sorts by, in order."""
        names = list(self.filters) + list(fields_of(self.where))
        near, sorts = self.sorts()
        names += [near.field] if near else [one.field for one in sorts]
        return names

    def sorts(self) -> tuple[Near | None, tuple[Sort, ...]]:
        """The distance to sort by or the fields, in their order; neither when nothing is said."""
        text = plain(self.special.get("_sort", "")).strip()
        if not text:
            return None, ()
        if near := sort_near_of(text):
            return near, ()
        return None, tuple(_sort(part) for part in text.split(","))

    def query(self, account: str, entity: Entity) -> Query:
        """The search that this asks for; refuses fields that may not be searched by."""
        near: list[Near] = []
        parts: list[Condition] = []
        for name, values in self.filters.items():
            places = [near_of(name, plain(value)) for value in values]
            if len(values) == 1 and places[0] is not None:
                _require_known(entity, name, self.schema)
                near.append(places[0])
                continue
            texts = [re.sub(r"\*+", "*", value) for value in values]
            each = tuple(Compare(name, "=", Literal(text)) for text in texts)
            parts.append(each[0] if len(each) == 1 else Or(each))
        where = self.where
        if where != ALWAYS:
            parts.append(where)
        condition: Condition = And(tuple(parts)) if parts else ALWAYS
        if entity.name == ORDERS:
            condition = as_of_orders(condition)
        if self.schema:
            entity.schema(self.schema)
        entity.require_known(condition, self.schema)
        sort_near, sorts = self.sorts()
        if entity.name == ORDERS:
            sorts = tuple(replace(one, field=plain_name(one.field)) for one in sorts)
        for name in [sort_near.field] if sort_near else [one.field for one in sorts]:
            _require_known(entity, name, self.schema)
        keyword = plain(self.special.get("_keyword", "")).strip().strip("*").strip()
        return Query(
            account,
            entity,
            condition,
            self.schema,
            keyword or None,
            tuple(near),
            sorts,
            sort_near,
        )


def _require_known(entity: Entity, name: str, schema: str | None) -> None:
    if not entity.knows(name, schema):
        raise FieldNotFound(name)


def _sort(text: str) -> Sort:
    name, _, way = text.strip().partition(" ")
    way = way.strip().upper()
    if not name or way not in ("", "ASC", "DESC"):
        raise InvalidFilter(
            f"_sort: found '{text.strip()[:100]}', expected a field and ASC or DESC"
        )
    return Sort(name, way == "DESC")


def parsed_query(request: Request) -> ParsedQuery:
    """The query of a request; filters are what has no `_` in front."""
    special: dict[str, str] = {}
    filters: dict[str, list[str]] = {}
    for name, value in pairs(request.scope.get("query_string", b"")):
        if name.startswith("_"):
            special[name] = value
        elif name and name not in NO_FILTERS:
            filters.setdefault(name, []).append(value)
    return ParsedQuery(special, filters)


def range_of(header: str | None) -> tuple[int, int]:
    """First document and how many, of a `REST-Range`; cut to what one answer may have."""
    if header is None or not header.strip():
        return 0, FIRST_DOCUMENTS
    found = _RANGE.fullmatch(header)
    if not found or int(found[2]) < int(found[1]):
        raise InvalidRange(header.partition("=")[2].strip() or header.strip()[:100])
    first, end = int(found[1]), int(found[2])
    return min(first, _BEYOND), min(end - first, MOST_DOCUMENTS)


def size_of(text: str | None) -> int:
    """Documents of a page of a scroll."""
    if text is None or not text.strip():
        return DEFAULT_SIZE
    plain = text.strip()
    if not is_whole(plain, 40) or int(plain) < 1:
        raise InvalidBody(f"_size: found '{text[:40]}', expected 1 to {LARGEST_SIZE}")
    return min(int(plain), LARGEST_SIZE)
