"""The facets of a list as its answer shows them (contract 02 §4)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from oms_ledger.api.orders.queries import FLAGS, TERMS, ParsedRequest
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.documents.search_terms import comparable
from oms_ledger.orders.status import Status, label
from projections.orders.facets import by_status, by_term
from projections.orders.query import OrderQuery, TermFilter, totals
from projections.orders.totals import Bounds

Facet = dict[str, Any]

DAYS = {"1 day": 1, "7 days": 7, "30 days": 30}
_RANGES = {
    "creationDate": "created_at",
    "authorizedDate": "authorized_at",
    "invoicedDate": "invoiced_at",
}
NAMES = (
    "status",
    *(name.removeprefix("f_") for name in TERMS),
    *FLAGS,
    *_RANGES,
)


def facets(connection: Connection, wanted: ParsedRequest, named: str, now: datetime) -> list[Facet]:
    """The facets named, separated by commas; all with `1`, none with an empty text."""
    names = {name.strip().removeprefix("f_").lower() for name in named.split(",")} - {"", "0"}
    every = "1" in names
    return [
        _facet(connection, wanted, name, now) for name in NAMES if every or name.lower() in names
    ]


def _facet(connection: Connection, wanted: ParsedRequest, name: str, now: datetime) -> Facet:
    order_query = wanted.order_query
    if name == "status":
        counted = by_status(connection, order_query)
        named = [(label(Status(s), "en-US") or s, n, s) for s, n in counted]
        return _serialized(name, "multiple", "f_status", named)
    if name in _RANGES:
        return _serialized(name, "date", f"f_{name}", _dates(connection, wanted, name, now))
    if name in FLAGS:
        yes = totals(connection, _with_flag(order_query, name)).count
        no = totals(connection, order_query).count - yes
        named = [("true", yes, "true"), ("false", no, "false")]
        return _serialized(name, "single", f"f_{name}", [one for one in named if one[1]])
    parameter = name if name in TERMS else f"f_{name}"
    counted = by_term(connection, order_query, TERMS[parameter])
    return _serialized(name, "multiple", parameter, [(term, n, term) for term, n in counted])


def _with_flag(order_query: OrderQuery, name: str) -> OrderQuery:
    having = (*order_query.having, TermFilter("flag", (comparable(name),)))
    return replace(order_query, having=having)


def _dates(
    connection: Connection, wanted: ParsedRequest, name: str, now: datetime
) -> list[tuple[str, int, str]]:
    """Up to today, in days of the zone: the last day, week and month."""
    today = now.astimezone(wanted.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    end = today + timedelta(days=1)
    out = []
    for words, days in DAYS.items():
        begin, until = end - timedelta(days=days), end - timedelta(milliseconds=1)
        low, high = micros(begin), micros(end) - 1
        order_query = wanted.order_query
        if name == "creationDate":
            order_query = replace(order_query, created=_narrowed(order_query.created, (low, high)))
        else:
            order_query = replace(
                order_query, dates=(*order_query.dates, (_RANGES[name], (low, high)))
            )
        fields = " TO ".join(at.isoformat(timespec="milliseconds") for at in (begin, until))
        out.append((words, totals(connection, order_query).count, f"{name}:[{fields}]"))
    return out


def _narrowed(one: Bounds, other: Bounds) -> Bounds:
    lows = [low for low in (one[0], other[0]) if low is not None]
    highs = [high for high in (one[1], other[1]) if high is not None]
    return (max(lows, default=None), min(highs, default=None))


def _serialized(name: str, type: str, parameter: str, items: list[tuple[str, int, str]]) -> Facet:
    """`url` of an item is the value that the parameter `rangeUrlTemplate` takes."""
    shown = [{"name": fields, "quantity": n, "url": value} for fields, n, value in items]
    return {"name": name, "type": type, "items": shown, "rangeUrlTemplate": parameter}
