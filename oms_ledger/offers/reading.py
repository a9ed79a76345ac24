"""Reads a line of an offers file: which kind of row it is, its key, and what is wrong with it."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from oms_ledger.offers.catalog import (
    DELIVERY,
    PICKUP,
    Delivery,
    KnownAddress,
    Offer,
    PaymentCondition,
    PickupPoint,
    Row,
)
from oms_ledger.offers.postal import HIGHEST, LOWEST, comparable, is_country
from oms_ledger.refusal import Refusal
from oms_ledger.whole_numbers import is_whole

KINDS: Mapping[str, type[Row]] = {
    "offer": Offer,
    "delivery": Delivery,
    "pickup-point": PickupPoint,
    "payment": PaymentCondition,
    "address": KnownAddress,
}
LARGEST = 2**53 - 1
_ESTIMATE = re.compile(r"[0-9]{1,5}(bd|d|h|m)")


class InvalidOffer(Refusal):
    """A line of an offers file that says what no offer can be."""

    text = "line {0}: {1}"


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row with what it is found by; `low` and `high` bound its postal codes."""

    kind: str
    key: str
    seller: str
    country: str
    low: str
    high: str
    body: bytes


def read_file(path: Path) -> Iterator[tuple[int, StoredRow]]:
    """Each row of a CSV or JSON lines file with the number of its line; refuses the first wrong."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".csv":
            reader = csv.DictReader(file)
            for content in reader:
                yield reader.line_num, stored(_of_csv(content, reader.line_num), reader.line_num)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, stored(_of_json(line, number), number)


def stored(content: Mapping[str, Any], number: int) -> StoredRow:
    """The row that an object says; `kind` is `offer` when it says none."""
    content = dict(content)
    kind = content.pop("kind", "offer")
    if kind not in KINDS:
        raise InvalidOffer(number, f"kind: found {kind!r}, expected {', '.join(KINDS)}")
    known = {one.name for one in fields(KINDS[kind])}
    if unknown := sorted(content.keys() - known):
        raise InvalidOffer(number, f"{unknown[0]}: no field of {kind}; they are {sorted(known)}")
    try:
        row = msgspec.convert(content, KINDS[kind], strict=False)
    except msgspec.ValidationError as error:
        raise InvalidOffer(number, str(error)) from None
    if wrong := _wrong(row):
        raise InvalidOffer(number, wrong)
    return of(row)


def of(row: Row) -> StoredRow:
    """The row as it is stored."""
    body = msgspec.json.encode(row, order="deterministic")
    match row:
        case Offer():
            return StoredRow("offer", key(row.sku, row.seller), row.seller, "", "", "", body)
        case Delivery():
            low = LOWEST if row.postal_from is None else comparable(row.postal_from)
            high = HIGHEST if row.postal_to is None else comparable(row.postal_to)
            country = row.country.upper()
            its_key = key(row.seller, row.id, country, low, *sorted(row.skus))
            return StoredRow("delivery", its_key, row.seller, country, low, high, body)
        case PickupPoint():
            return StoredRow("pickup-point", key(row.seller, row.id), row.seller, "", "", "", body)
        case PaymentCondition():
            return StoredRow("payment", key(row.system), "", "", "", "", body)
        case KnownAddress():
            code, country = comparable(row.postal_code), row.country.upper()
            return StoredRow("address", key(country, code), "", country, code, code, body)


def key(*parts: str) -> str:
    """The parts of an offer's key as one text, which no part can forge."""
    return json.dumps(parts, ensure_ascii=False)


def _of_json(line: str, number: int) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidOffer(number, f"no JSON: {error}") from None
    if not isinstance(content, dict):
        raise InvalidOffer(number, "expected an object")
    return content


def _of_csv(content: Mapping[str | None, Any], number: int) -> dict[str, Any]:
    """A line of a CSV file: empty cells are not set, lists and objects are written as JSON."""
    if None in content or None in content.values():
        raise InvalidOffer(number, "it has another number of cells than the first line")
    found: dict[str, Any] = {}
    for name, text in content.items():
        assert name is not None
        if text == "":
            continue
        if text[0] in "[{":
            try:
                found[name] = json.loads(text)
            except ValueError as error:
                raise InvalidOffer(number, f"{name}: no JSON: {error}") from None
        elif name == "sales_channels":
            found[name] = text.replace(",", "|").split("|")
        else:
            found[name] = text
    return found


def _wrong(row: Row) -> str | None:
    """What a row of the right types says that cannot be; None when it can be."""
    for name in (
        "price",
        "list_price",
        "stock",
        "max_quantity",
        "tax",
        "price_per_unit",
        "minimum_installment",
    ):
        value = getattr(row, name, None)
        if value is not None and not 0 <= value <= LARGEST:
            return f"{name}: found {value}, expected 0 or more"
    match row:
        case Offer():
            return _wrong_offer(row)
        case Delivery():
            return _wrong_delivery(row)
        case PickupPoint():
            return None if row.id else "id: found nothing"
        case PaymentCondition():
            if not row.installments or any(one.count < 1 for one in row.installments):
                return "installments: expected one or more, each with a count of 1 or more"
            if any(not 0 <= one.interest_rate <= 100_000 for one in row.installments):
                return "installments: an interest_rate is in hundredths of a per cent a month"
            return None if is_whole(row.system, 9) else f"system: found {row.system!r}, no number"
        case KnownAddress():
            return None if is_country(row.country) else "country: expected three letters"


def _wrong_offer(row: Offer) -> str | None:
    if not row.sku or not row.seller:
        return "sku and seller: expected a text"
    if row.price is None:
        return "price: expected cents"
    if not row.unit_multiplier.is_finite() or not Decimal(0) < row.unit_multiplier <= 10**9:
        return f"unit_multiplier: found {row.unit_multiplier}, expected a number above 0"
    if any(one.price < 0 for one in row.services):
        return "services: a price is 0 or more"
    return None


def _wrong_delivery(row: Delivery) -> str | None:
    if not row.id or not row.seller:
        return "id and seller: expected a text"
    if not _ESTIMATE.fullmatch(row.estimate):
        return f"estimate: found {row.estimate!r}, expected a form like 3bd, 2d, 5h or 30m"
    if row.country and not is_country(row.country):
        return f"country: found {row.country!r}, expected three letters"
    if row.channel not in (DELIVERY, PICKUP):
        return f"channel: found {row.channel!r}, expected {DELIVERY} or {PICKUP}"
    if row.channel == PICKUP and not row.pickup_point:
        return f"pickup_point: a delivery by {PICKUP} names one"
    if any(window.end <= window.start for window in row.windows):
        return "windows: each ends after its start"
    return None
