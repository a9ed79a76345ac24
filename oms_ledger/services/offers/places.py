"""What the table of offers says of places: addresses, pickup points near by, who delivers there."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.carts.cart import Json
from oms_ledger.carts.documents.deliveries import business_hours, store_address
from oms_ledger.offers.catalog import EVERY_SELLER, OWN_SELLER, PICKUP, PickupPoint
from oms_ledger.offers.postal import distance_km
from oms_ledger.offers.quote import Place
from oms_ledger.services.offers.sources import OfferSources
from projections.offers import lookup

REGION = "v2."
PAGE = 30


@dataclass(frozen=True, slots=True)
class NearPoint:
    """A pickup point, and how far away it is in kilometers."""

    distance: float
    point: PickupPoint


def postal_address(sources: OfferSources, account: str, place: Place) -> Json:
    """The address of a postal code, with empty texts where it is not known."""
    with sources.cell.database.snapshot() as connection:
        known = lookup.known_address(connection, account, place)
    return {
        "postalCode": place.postal_code,
        "city": known.city if known else "",
        "state": known.state if known else "",
        "country": place.country,
        "street": known.street if known else "",
        "number": "",
        "neighborhood": known.neighborhood if known else "",
        "complement": "",
        "reference": "",
        "geoCoordinates": list(known.geo_coordinates) if known else [],
    }


def points_near(sources: OfferSources, account: str, place: Place) -> list[NearPoint]:
    """Pickup points, nearest first: all of them for coordinates, else those that a code reaches."""
    with sources.cell.database.snapshot() as connection:
        points = lookup.pickup_points(connection, account)
        if place.coordinates:
            origin: Sequence[float] = place.coordinates
        else:
            deliveries = lookup.deliveries_to(connection, account, place)
            reached = {one.pickup_point for one in deliveries if one.channel == PICKUP}
            points = [one for one in points if one.id in reached]
            known = lookup.known_address(connection, account, place)
            origin = known.geo_coordinates if known else ()
    found = [
        NearPoint(distance_km(origin, one.address.get("geoCoordinates") or ()), one)
        for one in points
    ]
    return sorted(found, key=lambda near: (near.distance, near.point.id))


def pickup_page(found: Sequence[NearPoint], page: int) -> Json:
    """One page of pickup points in the published form."""
    pages = -(-len(found) // PAGE)
    shown = found[(page - 1) * PAGE : page * PAGE]
    return {
        "paging": {"page": page, "pageSize": PAGE, "total": len(found), "pages": pages},
        "items": [
            {"distance": near.distance, "pickupPoint": _pickup_point(near.point)} for near in shown
        ],
    }


def _pickup_point(point: PickupPoint) -> Json:
    seller = OWN_SELLER if point.seller == EVERY_SELLER else point.seller
    return {
        "friendlyName": point.name,
        "address": store_address(point),
        "additionalInfo": point.info,
        "id": f"{seller}_{point.id}",
        "businessHours": business_hours(point),
    }


def region(
    sources: OfferSources, account: str, place: Place, *, seller_name: str, channel: str
) -> Json:
    """The sellers that deliver to a place in a channel, under a name of the place."""
    with sources.cell.database.snapshot() as connection:
        deliveries = [
            one
            for one in lookup.deliveries_to(connection, account, place)
            if not one.sales_channels or channel in one.sales_channels
        ]
        sellers = {one.seller for one in deliveries}
        if EVERY_SELLER in sellers:
            sellers |= set(lookup.sellers(connection, account))
    names = sorted(sellers - {EVERY_SELLER})
    return {
        "id": region_id(place),
        "sellers": [
            {"id": one, "name": seller_name if one == OWN_SELLER else one, "logo": None}
            for one in names
        ],
    }


def region_id(place: Place) -> str:
    """A name of a place that leads back to it."""
    fields = json.dumps([place.country, place.postal_code, list(place.coordinates)])
    return REGION + base64.urlsafe_b64encode(fields.encode()).decode().rstrip("=")


def place_of_region(name: str) -> Place | None:
    """The place that a name of a region stands for; None when it is none of ours."""
    fields = name.removeprefix(REGION)
    try:
        read = json.loads(base64.urlsafe_b64decode(fields + "=" * (-len(fields) % 4)))
        country, code, coordinates = read
    except (binascii.Error, ValueError, TypeError):
        return None
    good = isinstance(country, str) and isinstance(coordinates, list)
    if not good or not (code is None or isinstance(code, str)):
        return None
    return Place(country, code, tuple(one for one in coordinates if isinstance(one, float)))
