"""The query of a list: parameters of a URL, or of a body, parsed (contract 02 §4).

Values of one filter are separated by commas, or the parameter is repeated and its values are
taken as they are. Unknown parameters are ignored, and unknown values match nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.api.http.errors import ApiError, bad_request, shown
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.documents.search_terms import comparable, digits, words
from oms_ledger.orders.instants import parse as parse_instant
from oms_ledger.orders.instants import zone_of
from oms_ledger.orders.status import ALIASES, LABELS
from oms_ledger.whole_numbers import is_whole
from projections.orders.query import ORDERS, OrderQuery, TermFilter
from projections.orders.totals import DAY, Bounds

Given = Mapping[str, list[str]]

MOST_VALUES = 1000
"""Values of one filter."""

EVERYTHING = "$$all_values$$"
NO_STATUS = "?"  # is the status of no order
MILLISECOND = 1000  # microseconds

DATES = {
    "f_authorizedDate": "authorized_at",
    "f_invoicedDate": "invoiced_at",
    "f_paymentApprovedDate": "approved_at",
    "f_readyForHandlingDate": "ready_at",
}
EMAIL = "operator_email"
TERMS = {
    "f_sellerNames": "seller",
    "f_paymentNames": "payment",
    "f_RnB": "promotion",
    "f_UtmSource": "utm",
    "f_affiliateId": "affiliate",
    "f_callCenterOperatorName": "operator",
    "f_callCenterOperatorEmail": EMAIL,
    "CallCenterOperatorEmail": EMAIL,
    "f_salesChannel": "channel_name",
    "salesChannelId": "channel",
}
FLAGS = ("hasInputInvoice", "hasOutputInvoice", "isInstore")
SEARCHED = {
    "sku_Ids": "sku",
    "listId": "list",
    "tid": "tid",
    "pci_tid": "pci_tid",
    "paymentId": "payment_id",
    "nsu": "nsu",
}
ERRORS = {"all": ("perm", "temp"), "temp": ("temp",), "perm": ("perm",)}


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A question, and the zone in which its days and instants are."""

    order_query: OrderQuery
    zone: tzinfo


def of_query(items: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each parameter, in the order of the URL."""
    given: dict[str, list[str]] = {}
    for name, value in items:
        given.setdefault(name, []).append(value)
    return given


def of_body(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Parameters out of a body: texts, numbers, true and false, or lists of them."""
    given: dict[str, list[str]] = {}
    for name, value in body.items():
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str | int | float) or one is None for one in several):
            raise bad_request(f"{name}: found {shown(value)}, expected a text or a list of texts")
        texts = [_text(one) for one in several if one is not None]
        if texts:
            given[name] = texts
    return given


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def requested(
    account: Account, given: Given, now: datetime, *, bare_fields: bool = False
) -> ParsedRequest:
    """The question; 400 for what cannot be answered.

    `bare_fields`: fields to search are taken without being named by `searchField`.
    """
    for name, values in given.items():
        if any("\0" in value for value in values):
            raise bad_request(f"{name}: a value holds a NUL character")
        if len(values) > MOST_VALUES or len(values_of(given, name)) > MOST_VALUES:
            raise bad_request(f"{name}: found more than {MOST_VALUES} values")
    zone = _zone(account, _one(given, "utc"))
    order_by, descending = _order(_one(given, "orderBy"))
    number, per_page = _page(account, given)
    dates = [
        (column, interval(_one(given, name), name))
        for name, column in DATES.items()
        if _one(given, name)
    ]
    estimate, undelivered = _estimate(values_of(given, "f_shippingEstimate"), now, zone)
    having, lacking = _having(given, bare_fields=bare_fields)
    order_query = OrderQuery(
        account=account.name,
        statuses=_statuses(given),
        created=reachable(account, interval(_one(given, "f_creationDate"), "f_creationDate"), now),
        dates=(*dates, *([("estimate_at", estimate)] if estimate else [])),
        having=tuple(having),
        lacking=tuple(lacking),
        any_of=_searched(account, _one(given, "q")),
        failing=_failing(_one(given, "filterError").lower()),
        undelivered=undelivered,
        person=_one(given, "person") or None,
        incomplete=flag(_one(given, "incompleteOrders"), "incompleteOrders") or False,
        order_by=order_by,
        descending=descending,
        page=number,
        per_page=per_page,
    )
    return ParsedRequest(order_query, zone)


def reachable(account: Account, created: Bounds, now: datetime) -> Bounds:
    """Orders older than the account's `order_access_days` are unknown."""
    days = account.setting("order_access_days")
    if not days:
        return created
    since = micros(now) - days * DAY
    low, high = created
    return (since if low is None else max(low, since), high)


# Values


def _one(given: Given, name: str) -> str:
    """The first value that says something; empty when there is none."""
    values = (value.strip() for value in given.get(name, ()))
    return next((v for v in values if v and v.lower() != EVERYTHING), "")


def values_of(given: Given, name: str) -> list[str]:
    """The values of a filter; one with commas is several. Empty when it means every order."""
    values = [value for value in given.get(name, ()) if value]
    if len(given.get(name, ())) == 1:
        values = [part for value in values for part in value.split(",") if part.strip()]
    return [] if any(v.strip().lower() == EVERYTHING for v in values) else values


def flag(text: str, name: str) -> bool | None:
    """A yes or no of the query, None when it is empty; 400 for another text."""
    known = {"true": True, "1": True, "false": False, "0": False, "": None}
    if text.lower() not in known:
        raise bad_request(f"{name}: found {shown(text)}, expected true or false")
    return known[text.lower()]


def _statuses(given: Given) -> tuple[str, ...]:
    content = ",".join(given.get("f_status", ())).split(",")
    named = {status.strip().lower() for status in content} - {""}
    statuses = None
    if named and EVERYTHING not in named:
        statuses = {str(ALIASES.get(status, status)) for status in named}
    labels = {comparable(label) for label in values_of(given, "f_statusDescription")}
    if labels:
        meant = {
            str(status)
            for status, content in LABELS.items()
            if labels & {comparable(label) for label in content.values()}
        }
        statuses = meant if statuses is None else statuses & meant
    if statuses is None:
        return ()
    return tuple(sorted(statuses)) or (NO_STATUS,)


def _having(given: Given, *, bare_fields: bool) -> tuple[list[TermFilter], list[str]]:
    having = [
        TermFilter(kind, tuple(comparable(_address(v) if kind == EMAIL else v) for v in values))
        for name, kind in TERMS.items()
        if (values := values_of(given, name))
    ]
    fields = set(SEARCHED) if bare_fields else set(values_of(given, "searchField"))
    having += [
        TermFilter(kind, tuple(comparable(value.strip()) for value in values))
        for name, kind in SEARCHED.items()
        if name in fields and (values := values_of(given, name))
    ]
    lacking = []
    for name in FLAGS:
        wanted = flag(_one(given, f"f_{name}"), f"f_{name}")
        if wanted:
            having.append(TermFilter("flag", (comparable(name),)))
        elif wanted is False:
            lacking.append(comparable(name))
    return having, lacking


def _address(text: str) -> str:
    """An e-mail address: a plus that a client did not encode reads as a space."""
    return text.strip().replace(" ", "+")


def _failing(error: str) -> tuple[str, ...]:
    if error and error not in ERRORS:
        raise bad_request(f"filterError: found {shown(error)}, expected all, temp or perm")
    return ERRORS[error] if error else ()


def _searched(account: Account, text: str) -> tuple[tuple[tuple[TermFilter, ...], ...], ...]:
    """The alternatives of a full-text search: id, sequence, e-mail, document, name, fields."""
    if not text:
        return ()
    whole = (comparable(text),)
    number = digits(text)
    groups: list[tuple[TermFilter, ...]] = [
        (TermFilter("id", whole, prefix=True),),
        (TermFilter("sequence", whole),),
        (TermFilter("email", whole),),
        (TermFilter("document", (*whole, number) if number else whole),),
        (TermFilter("custom", whole),),
    ]
    name = words(text)
    if account.setting("pii"):  # then a part of a name finds nobody
        groups.append((TermFilter("full_name", (" ".join(name),)),))
    elif name:
        groups.append(tuple(TermFilter("name", (word,), prefix=True) for word in name[:8]))
    return (tuple(groups),)


# Time


def interval(text: str, name: str) -> Bounds:
    """`creationDate:[A TO B]`, both ends inclusive to the millisecond, `*` for an open end."""
    if not text:
        return None, None
    # A plus that a client did not encode reads as a space: it can only have been an offset's.
    text = re.sub(r"(T[\d:.]+) (\d\d:?\d\d)(?=\s|\])", r"\1+\2", text)
    found = re.fullmatch(r"(?:\w+:)?\[\s*(\S+)\s+TO\s+(\S+)\s*\]", text)
    if found:
        bounds = [None if bound == "*" else parse_instant(bound) for bound in found.groups()]
        if all(at or bound == "*" for at, bound in zip(bounds, found.groups(), strict=True)):
            low, high = (
                None if at is None else _reckonable(micros(at) // MILLISECOND * MILLISECOND)
                for at in bounds
            )
            return low, None if high is None else high + MILLISECOND - 1
    expected = f"{name.removeprefix('f_')}:[FROM TO UNTIL] in ISO 8601"
    raise bad_request(f"{name}: found {shown(text)}, expected {expected}")


# No order is older or younger; days and months around these can still be reckoned with.
_FIRST, _LAST = micros(datetime(100, 1, 1, tzinfo=UTC)), micros(datetime(9900, 1, 1, tzinfo=UTC))


def _reckonable(at: int) -> int:
    return min(max(at, _FIRST), _LAST)


def _estimate(values: list[str], now: datetime, zone: tzinfo) -> tuple[Bounds | None, bool]:
    """The interval of the promised date, and whether only orders that are late are meant."""
    if not values:
        return None, False
    found = [re.fullmatch(r"(-1|\d{1,4})\.days", value.strip().lower()) for value in values]
    if not all(found):
        wrong = shown(values[found.index(None)])
        raise bad_request(
            f"f_shippingEstimate: found {wrong}, expected 0.days, 1.days … or -1.days"
        )
    days = {int(one[1]) for one in found if one}
    if -1 in days:
        return (None, micros(now) - 1), True
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first = 1 if days == {1} else 0
    low, high = (
        micros((today.replace(tzinfo=None) + timedelta(days=day)).replace(tzinfo=zone))
        for day in (first, max(days) + 1)
    )
    return (low, high - 1), False


def _zone(account: Account, utc: str) -> tzinfo:
    """The zone asked for by its offset (`-0300`), else the account's."""
    if found := re.fullmatch(r"([+-]?)(\d\d):?(\d\d)", utc):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset < timedelta(hours=24):
            return timezone(-offset if found[1] == "-" else offset)
    return zone_of(account.setting("time_zone"))


# Order and page


def _order(text: str) -> tuple[str, bool]:
    field, _, direction = (text or "creationDate,desc").partition(",")
    field, direction = field.strip(), direction.strip().lower()
    if field not in ORDERS or direction not in ("", "asc", "desc"):
        fields = ", ".join(ORDERS)
        raise bad_request(f"orderBy: found {shown(text)}, expected one of {fields},asc|desc")
    return field, direction != "asc"


def _page(account: Account, given: Given) -> tuple[int, int]:
    page = number(_one(given, "page") or "1", "page") or 1
    last = account.setting("list_pages")
    if last and page > last:
        raise ApiError(400, "OMS004", "Max page exceed")
    per_page = number(_one(given, "per_page") or "15", "per_page") or 15
    if per_page > 100:
        raise bad_request(f"per_page: found {per_page}, expected at most 100")
    return page, per_page


def number(text: str, name: str) -> int:
    """A whole number of up to nine digits; 400 for another text."""
    if not is_whole(text, 9):
        raise bad_request(f"{name}: found {shown(text)}, expected a whole number")
    return int(text)
