"""Answers a question from rows of a table: price, stock, and what delivers to the place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oms_ledger.offers.catalog import (
    EVERY_SELLER,
    PICKUP,
    Delivery,
    Offer,
    PickupPoint,
    Window,
)
from oms_ledger.offers.postal import distance_km
from oms_ledger.offers.quote import (
    Availability,
    DeliveryWindow,
    LineInput,
    LineQuote,
    Question,
    Sla,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """A country and a channel that a seller's deliveries have, wherever the shopper lives."""

    seller: str
    country: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows that a question may need; deliveries are those that reach its place."""

    offers: Mapping[tuple[str, str], Offer]
    deliveries: Sequence[Delivery] = ()
    reach: Sequence[Reach] = ()
    pickup_points: Sequence[PickupPoint] = ()
    origin: tuple[float, ...] = field(default=())
    """Where the shopper is, as far as is known, for the way to a pickup point."""


def quote_lines(rows: Rows, question: Question) -> list[LineQuote]:
    """Answer every line; lines of one SKU share its stock, and the most that an order may have,
    in their order.
    """
    left: dict[tuple[str, str], int] = {}
    allowed: dict[tuple[str, str], int] = {}
    answers = []
    for line in question.lines:
        offer = rows.offers.get((line.sku, line.seller))
        if offer is None or not on_offer(offer, question):
            answers.append(LineQuote(availability=Availability.NOT_OFFERED, quantity=line.quantity))
            continue
        key = (line.sku, line.seller)
        stock = offer.stock
        if stock is not None:
            stock = left.get(key, stock)
            left[key] = max(0, stock - line.quantity)
        most = offer.max_quantity
        if most is not None:
            most = allowed.get(key, most)
            allowed[key] = max(0, most - line.quantity)
        quantity = min(one for one in (line.quantity, stock, most) if one is not None)
        answers.append(_line(rows, question, line, offer, stock, quantity))
    return answers


def on_offer(offer: Offer, question: Question) -> bool:
    """Whether the offer holds now and in the channel."""
    until = offer.valid_until
    if until is not None and (until if until.tzinfo else until.replace(tzinfo=UTC)) < question.now:
        return False
    return offer.active and (not offer.sales_channels or question.channel in offer.sales_channels)


def _line(
    rows: Rows,
    question: Question,
    line: LineInput,
    offer: Offer,
    stock: int | None,
    quantity: int,
) -> LineQuote:
    slas = tuple(_slas(rows, question, line, quantity or line.quantity))
    sellers = (line.seller, EVERY_SELLER)
    reach = [one for one in rows.reach if one.seller in sellers]
    return LineQuote(
        availability=_availability(question, offer, quantity, slas),
        quantity=quantity or line.quantity,
        offer=offer,
        stock=stock,
        slas=slas,
        ships_to=tuple(dict.fromkeys(one.country for one in reach if one.country)),
        channels=tuple(dict.fromkeys(one.channel for one in reach)),
    )


def _availability(
    question: Question, offer: Offer, quantity: int, slas: Sequence[Sla]
) -> Availability:
    if offer.price is None:
        return Availability.WITHOUT_PRICE
    if not quantity:
        return Availability.WITHOUT_STOCK
    if question.place is not None and not slas:
        return Availability.CANNOT_BE_DELIVERED
    return Availability.AVAILABLE


def _slas(rows: Rows, question: Question, line: LineInput, quantity: int) -> Iterable[Sla]:
    seen = set()
    for delivery in rows.deliveries:
        fits = (
            delivery.seller in (line.seller, EVERY_SELLER)
            and (not delivery.skus or line.sku in delivery.skus)
            and (not delivery.sales_channels or question.channel in delivery.sales_channels)
        )
        point = _pickup_point(rows, delivery, line.seller) if fits else None
        if not fits or (delivery.channel == PICKUP and point is None):
            continue
        if (delivery.id, delivery.channel) in seen:
            continue  # the first of that name that fits is the one
        windows = tuple(_windows(delivery.windows, question.now))
        if delivery.windows and not windows:
            continue
        seen.add((delivery.id, delivery.channel))
        price = delivery.price + delivery.price_per_unit * quantity
        yield Sla(
            id=delivery.id,
            channel=delivery.channel,
            name=delivery.name or delivery.id,
            estimate=delivery.estimate,
            price=price,
            list_price=price if delivery.list_price is None else delivery.list_price,
            windows=windows,
            pickup_point=point,
            pickup_distance=0.0 if point is None else _distance(rows, point),
            courier_id=delivery.courier_id,
            courier_name=delivery.courier_name,
            warehouse_id=delivery.warehouse_id,
            dock_id=delivery.dock_id,
        )


def _pickup_point(rows: Rows, delivery: Delivery, seller: str) -> PickupPoint | None:
    named = [one for one in rows.pickup_points if one.id == delivery.pickup_point]
    own = [one for one in named if one.seller == seller]
    return next(iter(own or [one for one in named if one.seller == EVERY_SELLER]), None)


def _distance(rows: Rows, point: PickupPoint) -> float:
    place = point.address.get("geoCoordinates")
    return distance_km(rows.origin, place) if isinstance(place, list) else 0.0


def _windows(windows: Iterable[Window], now: datetime) -> Iterable[DeliveryWindow]:
    """Those that are not over; a window without a zone is in UTC."""
    for window in windows:
        start, end = _utc(window.start), _utc(window.end)
        if end > now:
            yield DeliveryWindow(start=spell(start), end=spell(end), price=window.price)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def spell(at: datetime) -> str:
    """An instant as windows of deliveries are published: `2026-07-01T09:00:00+00:00`."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
