"""Looks up what a question needs of an account's table of offers, by its indexes alone."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, select

from oms_ledger.offers.catalog import (
    EVERY_SELLER,
    Delivery,
    KnownAddress,
    Offer,
    PaymentCondition,
    PickupPoint,
)
from oms_ledger.offers.postal import HIGHEST, LOWEST, comparable
from oms_ledger.offers.quote import Place, Question
from oms_ledger.offers.reading import key as key_of
from oms_ledger.offers.table import Reach, Rows
from projections.offers.rows import REACH
from projections.offers.tables import offers as t

_OFFER = msgspec.json.Decoder(Offer)
_DELIVERY = msgspec.json.Decoder(Delivery)
_PICKUP_POINT = msgspec.json.Decoder(PickupPoint)
_CONDITION = msgspec.json.Decoder(PaymentCondition)
_ADDRESS = msgspec.json.Decoder(KnownAddress)


def rows_for(connection: Connection, account: str, question: Question) -> Rows:
    """The rows that may answer the question: its offers, and what delivers to its place."""
    requested = dict.fromkeys((line.sku, line.seller) for line in question.lines)
    sellers = list(dict.fromkeys((EVERY_SELLER, *(seller for _, seller in requested))))
    place = question.place
    known = known_address(connection, account, place) if place else None
    if place is not None and place.coordinates:
        origin = place.coordinates
    else:
        origin = known.geo_coordinates if known else ()
    points = _of_sellers(connection, account, "pickup-point", sellers)
    return Rows(
        offers=_offers(connection, account, list(requested)),
        deliveries=deliveries_to(connection, account, place, sellers) if place else (),
        reach=[
            Reach(*msgspec.json.decode(body))
            for body in _of_sellers(connection, account, REACH, sellers)
        ],
        pickup_points=[_PICKUP_POINT.decode(body) for body in points],
        origin=tuple(origin),
    )


def deliveries_to(
    connection: Connection, account: str, place: Place, sellers: Sequence[str] | None = None
) -> list[Delivery]:
    """The deliveries whose range has the place; a place without a code: those of its country."""
    low, high = LOWEST, HIGHEST
    query = select(t.c.body, t.c.low).where(
        t.c.account == account,
        t.c.kind == "delivery",
        t.c.country.in_((place.country.upper(), "")),
    )
    if sellers is not None:
        query = query.where(t.c.seller.in_(sellers))
    if place.postal_code:
        low = high = comparable(place.postal_code)
    else:
        query = query.where(t.c.low == LOWEST)
    query = query.where(t.c.low <= low, t.c.high >= high)
    found = [
        (_DELIVERY.decode(body), str(low))
        for body, low in connection.execute(query.order_by(t.c.key))
    ]
    # Of two by one name the nearer is the one: of the seller, for the SKU, of the smaller range.
    found.sort(key=lambda one: one[1], reverse=True)
    found.sort(key=lambda one: (one[0].seller == EVERY_SELLER, not one[0].skus))
    return [delivery for delivery, _ in found]


def pickup_points(connection: Connection, account: str) -> list[PickupPoint]:
    query = select(t.c.body).where(t.c.account == account, t.c.kind == "pickup-point")
    bodies = connection.execute(query.order_by(t.c.key)).scalars()
    return [_PICKUP_POINT.decode(body) for body in bodies]


def payment_conditions(connection: Connection, account: str) -> list[PaymentCondition]:
    """How one may pay, by the numbers of the systems; none when nothing was loaded."""
    query = select(t.c.body).where(t.c.account == account, t.c.kind == "payment")
    found = [_CONDITION.decode(body) for body in connection.execute(query).scalars()]
    return sorted(found, key=lambda one: int(one.system))


def known_address(connection: Connection, account: str, place: Place) -> KnownAddress | None:
    """What the address book says of a postal code."""
    if not place.postal_code:
        return None
    its_key = key_of(place.country.upper(), comparable(place.postal_code))
    query = select(t.c.body).where(
        t.c.account == account, t.c.kind == "address", t.c.key == its_key
    )
    body = connection.execute(query).scalar_one_or_none()
    return None if body is None else _ADDRESS.decode(body)


def sellers(connection: Connection, account: str) -> list[str]:
    """Every seller that the table has offers of."""
    query = select(t.c.seller).where(t.c.account == account, t.c.kind == "offer").distinct()
    return list(connection.execute(query.order_by(t.c.seller)).scalars())


def known_sellers(connection: Connection, account: str, requested: Iterable[str]) -> set[str]:
    """Of these sellers those that the table has rows of."""
    found = set()
    for seller in set(requested):
        query = select(t.c.key).where(
            t.c.account == account, t.c.kind == "offer", t.c.seller == seller
        )
        if connection.execute(query.limit(1)).first() is not None:
            found.add(seller)
    return found


def _offers(
    connection: Connection, account: str, requested: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Offer]:
    keys = [key_of(*one) for one in requested]
    query = select(t.c.body).where(t.c.account == account, t.c.kind == "offer", t.c.key.in_(keys))
    found = [_OFFER.decode(body) for body in connection.execute(query).scalars()]
    return {(offer.sku, offer.seller): offer for offer in found}


def _of_sellers(
    connection: Connection, account: str, kind: str, sellers: Sequence[str]
) -> list[bytes]:
    query = select(t.c.body).where(
        t.c.account == account, t.c.kind == kind, t.c.seller.in_(sellers)
    )
    return list(connection.execute(query.order_by(t.c.key)).scalars())
