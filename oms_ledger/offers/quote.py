"""Requests to offers, and their answers: one line of an answer per line of a request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from oms_ledger.offers.catalog import (
    Json,
    KnownAddress,
    Offer,
    PaymentCondition,
    PickupPoint,
)


class Availability(StrEnum):
    """Whether a line can be sold, in the words of the Checkout API."""

    AVAILABLE = "available"
    WITHOUT_STOCK = "withoutStock"
    WITHOUT_PRICE = "withoutPrice"
    CANNOT_BE_DELIVERED = "cannotBeDelivered"
    NOT_ANSWERED = "unavailableItemFulfillment"
    NOT_OFFERED = "ORD027"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to: `country` in three letters, `coordinates` as longitude and latitude."""

    country: str
    postal_code: str | None = None
    coordinates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class LineInput:
    """A line that is to be quoted: SKU, seller, pieces."""

    sku: str
    seller: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a source of offers: lines, when, by which channel, for which place."""

    lines: tuple[LineInput, ...]
    now: datetime
    channel: str = "1"
    place: Place | None = None
    marketing: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryWindow:
    """Instants as a client gets them: it sends them back as they are."""

    start: str
    end: str
    price: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """A delivery of a line that may be chosen; `price` is of the whole line."""

    id: str
    channel: str
    name: str
    estimate: str
    price: int
    list_price: int
    tax: int = 0
    windows: tuple[DeliveryWindow, ...] = ()
    pickup_point: PickupPoint | None = None
    pickup_distance: float = 0.0
    courier_id: str = ""
    courier_name: str = ""
    warehouse_id: str = ""
    dock_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuote:
    """The answer for a line: `quantity` is what was requested, or what there is of it."""

    availability: Availability
    quantity: int
    offer: Offer | None = None
    stock: int | None = None
    slas: tuple[Sla, ...] = ()
    ships_to: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The lines in the order of the question, and how one may pay in this account."""

    lines: tuple[LineQuote, ...]
    conditions: tuple[PaymentCondition, ...] = ()
    known_address: KnownAddress | None = None
    at: datetime | None = None


class Offers(Protocol):
    """Where prices, stock and deliveries of an account come from."""

    def quote(self, question: Question) -> Sequence[LineQuote]:
        """One answer per line of the question, in its order."""
