"""Looks up what a question needs of an account's table of offers, by its indexes alone."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, ScalarSelect, bindparam, select

from oms_ledger.offers.catalog import (
    EVERY_SELLER,
    Delivery,
    KnownAddress,
    Offer,
    PaymentCondition,
    PickupPoint,
)
from oms_ledger.offers.postal import HIGHEST, LOWEST, comparable
from oms_ledger.offers.quote import Place
from oms_ledger.offers.reading import key as key_of
from oms_ledger.offers.table import Reach
from projections.offers.rows import EDITION, REACH
from projections.offers.tables import offers as t

_OFFER = msgspec.json.Decoder(Offer)
_DELIVERY = msgspec.json.Decoder(Delivery)
_PICKUP_POINT = msgspec.json.Decoder(PickupPoint)
_CONDITION = msgspec.json.Decoder(PaymentCondition)
_ADDRESS = msgspec.json.Decoder(KnownAddress)


def edition(connection: Connection, account: str) -> bytes | None:
    """The name of what the table is now; None where nothing was loaded yet."""
    body = connection.execute(_EDITION, {"account": account}).scalar_one_or_none()
    return None if body is None else bytes(body)


def edition_of(account: ColumnElement[str] | BindParameter[str]) -> ScalarSelect[bytes]:
    """The edition as a column of another statement."""
    query = select(t.c.body).where(t.c.account == account, t.c.kind == EDITION, t.c.key == "")
    return query.scalar_subquery()


_EDITION = select(edition_of(bindparam("account")))


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
    """All pickup points of the account, by their keys."""
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


def has_any(connection: Connection, account: str) -> bool:
    """Whether the account has offers at all."""
    query = select(t.c.key).where(t.c.account == account, t.c.kind == "offer").limit(1)
    return connection.execute(query).first() is not None


def offers_of(
    connection: Connection, account: str, requested: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Offer]:
    """What is on offer of these SKUs and sellers."""
    keys = [key_of(*one) for one in requested]
    query = select(t.c.body).where(t.c.account == account, t.c.kind == "offer", t.c.key.in_(keys))
    found = [_OFFER.decode(body) for body in connection.execute(query).scalars()]
    return {(offer.sku, offer.seller): offer for offer in found}


def reach(connection: Connection, account: str, sellers: Sequence[str]) -> list[Reach]:
    """The countries and channels that these sellers deliver by."""
    bodies = _of_sellers(connection, account, REACH, sellers)
    return [Reach(*msgspec.json.decode(body)) for body in bodies]


def points_of(connection: Connection, account: str, sellers: Sequence[str]) -> list[PickupPoint]:
    """The pickup points of these sellers."""
    bodies = _of_sellers(connection, account, "pickup-point", sellers)
    return [_PICKUP_POINT.decode(body) for body in bodies]


def _of_sellers(
    connection: Connection, account: str, kind: str, sellers: Sequence[str]
) -> list[bytes]:
    query = select(t.c.body).where(
        t.c.account == account, t.c.kind == kind, t.c.seller.in_(sellers)
    )
    return list(connection.execute(query.order_by(t.c.key)).scalars())
