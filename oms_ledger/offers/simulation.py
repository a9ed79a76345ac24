"""Reads what a source of offers answers over HTTP: the published simulation of external sellers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from oms_ledger.decimal_numbers import decimal_number
from oms_ledger.offers.catalog import (
    DELIVERY,
    OWN_SELLER,
    PICKUP,
    Json,
    Offer,
    PickupPoint,
    Service,
    Tag,
)
from oms_ledger.offers.quote import (
    Availability,
    DeliveryWindow,
    LineInput,
    LineQuote,
    Question,
    Sla,
)

LARGEST = 2**53 - 1
MOST_OF_A_UNIT = 10**9


class Nonsense(ValueError):
    """A part of an answer that no offer can be."""


def request_body(question: Question) -> Json:
    """A request to a source: no personal data, only what is bought and where it goes."""
    place = question.place
    return {
        "items": [
            {"id": line.sku, "quantity": line.quantity, "seller": line.seller}
            for line in question.lines
        ],
        "country": place.country if place else None,
        "postalCode": place.postal_code if place else None,
        "geoCoordinates": list(place.coordinates) if place else None,
        "sc": question.channel,
        "marketingData": question.marketing or None,
    }


def read_answer(fields: object, question: Question) -> list[LineQuote]:
    """One quote per line of the question; an item that is missing is not on offer."""
    if not isinstance(fields, dict):
        raise Nonsense("the answer is no object")
    items, deliveries = _objects(fields, "items"), _objects(fields, "logisticsInfo")
    by_line: dict[int, tuple[Json, Json]] = {}
    logistics = {_index(one.get("itemIndex"), n): one for n, one in enumerate(deliveries)}
    for position, item in enumerate(items):
        index = _index(item.get("requestIndex"), position)
        if not 0 <= index < len(question.lines) or index in by_line:
            raise Nonsense(f"items[{position}].requestIndex is no line of the request")
        by_line[index] = (item, logistics.get(position, {}))
    points = _pickup_points(fields)
    return [
        _line(line, *by_line[index], points=points, question=question)
        if index in by_line
        else LineQuote(availability=Availability.NOT_OFFERED, quantity=line.quantity)
        for index, line in enumerate(question.lines)
    ]


def _line(
    line: LineInput,
    item: Json,
    logistics: Json,
    *,
    points: Mapping[str, PickupPoint],
    question: Question,
) -> LineQuote:
    """The quote of one item; nonsense in it makes its line unavailable, and no other."""
    try:
        return _read_line(line, item, logistics, points, question)
    except Nonsense:
        return LineQuote(availability=Availability.NOT_ANSWERED, quantity=line.quantity)


def _read_line(
    line: LineInput,
    item: Json,
    logistics: Json,
    points: Mapping[str, PickupPoint],
    question: Question,
) -> LineQuote:
    if str(item.get("id")) != line.sku:
        raise Nonsense("the item is another one")
    if item.get("merchantName") is not None and line.seller != OWN_SELLER:
        raise Nonsense("a seller that takes the payment itself is not supported")
    offer = Offer(
        sku=line.sku,
        seller=line.seller,
        price=_maybe_cents(item.get("price")),
        list_price=_maybe_cents(item.get("listPrice")),
        name=_text(item.get("name")),
        tax=_maybe_cents(item.get("tax")) or 0,
        measurement_unit=_text(item.get("measurementUnit")) or "un",
        unit_multiplier=_multiplier(item.get("unitMultiplier")),
        valid_until=_instant(item.get("priceValidUntil")),
        price_tags=tuple(_tag(one) for one in _objects(item, "priceTags")),
        services=tuple(_service(one) for one in _objects(item, "offerings")),
    )
    base = (offer.price or 0) * line.quantity * offer.unit_multiplier
    if base + sum(tag.value for tag in offer.price_tags if not tag.is_percentual) < 0:
        raise Nonsense("the price tags exceed the line")
    known = [_whole(item.get("quantity")), _whole(logistics.get("stockBalance"))]
    limits = [one for one in known if one is not None]
    stock = min(limits) if limits else None
    quantity = line.quantity if stock is None else min(line.quantity, stock)
    slas = tuple(_sla(one, points) for one in _objects(logistics, "slas") if question.place)
    if offer.price is None:
        availability = Availability.WITHOUT_PRICE
    elif not quantity or _text(item.get("availability")) == "unavailable":
        availability = Availability.WITHOUT_STOCK
    elif question.place is not None and not slas:
        availability = Availability.CANNOT_BE_DELIVERED
    else:
        availability = Availability.AVAILABLE
    return LineQuote(
        availability=availability,
        quantity=quantity or line.quantity,
        offer=offer,
        stock=stock,
        slas=slas,
        ships_to=_texts(logistics, "shipsTo"),
        channels=tuple(
            str(one["id"]) for one in _objects(logistics, "deliveryChannels") if one.get("id")
        ),
    )


def _sla(fields: Json, points: Mapping[str, PickupPoint]) -> Sla:
    channel = _text(fields.get("deliveryChannel")) or DELIVERY
    name = _text(fields.get("id")) or _text(fields.get("name"))
    if not name or channel not in (DELIVERY, PICKUP):
        raise Nonsense("an SLA has no id")
    price = _maybe_cents(fields.get("price"))
    if price is None:
        raise Nonsense("an SLA has no price")
    listed = _maybe_cents(fields.get("listPrice"))
    ids = next(iter(_objects(fields, "deliveryIds")), {})
    return Sla(
        id=name,
        channel=channel,
        name=_text(fields.get("name")) or name,
        estimate=_text(fields.get("shippingEstimate")) or "0bd",
        price=price,
        list_price=price if listed is None else listed,
        tax=_maybe_cents(fields.get("tax")) or 0,
        windows=tuple(_windows(fields)),
        pickup_point=_pickup_point(fields, points) if channel == PICKUP else None,
        courier_id=_text(ids.get("courierId")),
        courier_name=_text(ids.get("courierName")),
        warehouse_id=_text(ids.get("warehouseId")),
        dock_id=_text(ids.get("dockId")),
    )


def _windows(fields: Json) -> list[DeliveryWindow]:
    return [
        DeliveryWindow(
            start=_text(one.get("startDateUtc")),
            end=_text(one.get("endDateUtc")),
            price=_maybe_cents(one.get("price")) or 0,
        )
        for one in _objects(fields, "availableDeliveryWindows")
        if _instant(one.get("startDateUtc")) and _instant(one.get("endDateUtc"))
    ]


def _pickup_points(fields: Json) -> dict[str, PickupPoint]:
    found = {}
    for one in _objects(fields, "pickupPoints"):
        name = _text(one.get("id"))
        if name:
            found[name] = _point(name, one)
    return found


def _pickup_point(fields: Json, points: Mapping[str, PickupPoint]) -> PickupPoint:
    name = _text(fields.get("pickupPointId"))
    store = fields.get("pickupStoreInfo")
    if name in points:
        return points[name]
    if not name or not isinstance(store, dict):
        raise Nonsense("an SLA for pickup names no store")
    return _point(name, store)


def _point(name: str, fields: Json) -> PickupPoint:
    address = fields.get("address")
    if not isinstance(address, dict):
        raise Nonsense("a pickup point has no address")
    return PickupPoint(
        id=name,
        name=_text(fields.get("friendlyName")),
        address=address,
        info=_text(fields.get("additionalInfo")),
    )


def _tag(fields: Json) -> Tag:
    value = _cents(fields.get("value"), signed=True)
    raw = fields.get("rawValue")
    return Tag(
        name=_text(fields.get("name")),
        value=value,
        raw_value=float(raw)
        if isinstance(raw, int | float) and not isinstance(raw, bool)
        else None,
        is_percentual=fields.get("isPercentual") is True,
        identifier=_text(fields.get("identifier")) or None,
        owner=_text(fields.get("owner")) or None,
    )


def _service(fields: Json) -> Service:
    name = _text(fields.get("id"))
    if not name:
        raise Nonsense("an offering has no id")
    return Service(
        id=name,
        name=_text(fields.get("name")),
        type=_text(fields.get("type")),
        price=_cents(fields.get("price") or 0),
    )


def _objects(part: Json, name: str) -> Sequence[Json]:
    given = part.get(name)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Nonsense(f"{name} is no list of objects")
    return given


def _texts(part: Json, name: str) -> tuple[str, ...]:
    given = part.get(name)
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise Nonsense(f"{name} is no list of texts")
    return tuple(given)


def _index(given: Any, position: int) -> int:
    number = position if given is None else _whole(given)
    if number is None:
        raise Nonsense("an index is no number")
    return number


def _whole(given: Any) -> int | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return round(given) if abs(given) <= LARGEST and float(given).is_integer() else None


def _cents(given: Any, *, signed: bool = False) -> int:
    """An amount of cents; a millionth beside a whole number is a sum of decimals."""
    if isinstance(given, bool) or not isinstance(given, int | float) or abs(given) > LARGEST:
        raise Nonsense("a price is no number")
    number = round(given)
    if abs(given - number) >= 1e-6 or (number < 0 and not signed):
        raise Nonsense("a price is no whole number of cents")
    return number


def _maybe_cents(given: Any) -> int | None:
    return None if given is None else _cents(given)


def _text(given: Any) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) else ""


def _multiplier(given: Any) -> Decimal:
    found = decimal_number(given or 1)
    if found is None or not 0 < found <= MOST_OF_A_UNIT:
        raise Nonsense("a multiplier is above 0, and no astronomical number")
    return found


def _instant(given: Any) -> datetime | None:
    """An instant in UTC, which it is where no zone is said; None for what is none."""
    if not isinstance(given, str) or not given:
        return None
    try:
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
