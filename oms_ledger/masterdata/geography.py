"""Places by latitude and longitude: `-23.01,-43.46,25km`, and how far they are from each other."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms_ledger.masterdata.values import objects_in, values_at

EARTH_RADIUS = 6371.0088  # kilometers
KILOMETERS_PER_DEGREE = EARTH_RADIUS * math.pi / 180

_NUMBER = r"-?\d{1,3}(?:\.\d{1,12})?"
_NEAR = re.compile(rf"\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*(\d{{1,5}}(?:\.\d{{1,6}})?)\s*km\s*")
_SORT = re.compile(rf"(\S+)\s+(asc|desc)\s+({_NUMBER})\s*,\s*({_NUMBER})\s+km", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Near:
    """A point that the field's place is measured from; `within` in kilometers."""

    field: str
    latitude: float
    longitude: float
    within: float = math.inf
    descending: bool = False


def near_of(field: str, text: str) -> Near | None:
    """The circle that a filter's value says; None when it says none."""
    found = _NEAR.fullmatch(text)
    if not found or not _on_earth(found[1], found[2]):
        return None
    return Near(field, float(found[1]), float(found[2]), float(found[3]))


def sort_near_of(text: str) -> Near | None:
    """The point that a sort goes by: `field asc -23.01,-43.46 km`."""
    found = _SORT.fullmatch(text.strip())
    if not found or not _on_earth(found[3], found[4]):
        return None
    descending = found[2].lower() == "desc"
    return Near(found[1], float(found[3]), float(found[4]), descending=descending)


def _on_earth(latitude: str, longitude: str) -> bool:
    return abs(float(latitude)) <= 90 and abs(float(longitude)) <= 180


def distance(near: Near, document: Mapping[str, Any]) -> float | None:
    """Kilometers on the great circle to the place at the field; None where there is none.

    Of several places the nearest counts, descending the farthest.
    """
    places = (place for value in values_at(document, near.field) for place in objects_in(value))
    away = [one for place in places if (one := _away(near, place)) is not None]
    if not away:
        return None
    return max(away) if near.descending else min(away)


def _away(near: Near, place: Mapping[str, Any]) -> float | None:
    latitude, longitude = place.get("latitude"), place.get("longitude")
    for number, most in ((latitude, 90), (longitude, 180)):
        if not isinstance(number, int | float) or isinstance(number, bool) or abs(number) > most:
            return None
    assert latitude is not None
    assert longitude is not None
    a, b = math.radians(near.latitude), math.radians(latitude)
    across = math.radians(longitude - near.longitude)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(1.0, half)))


def longitudes(near: Near) -> list[tuple[float, float]]:
    """The spans of longitude that the circle reaches, on both sides of the date line."""
    degrees = near.within / KILOMETERS_PER_DEGREE
    if abs(near.latitude) + degrees >= 90:
        return [(-180.0, 180.0)]
    ratio = math.sin(math.radians(degrees)) / math.cos(math.radians(near.latitude))
    if ratio >= 1:
        return [(-180.0, 180.0)]
    reach = math.degrees(math.asin(ratio)) + 1e-9
    low, high = near.longitude - reach, near.longitude + reach
    spans = [(low, high)]
    if low < -180:
        spans.append((low + 360, 180.0))
    if high > 180:
        spans.append((-180.0, high - 360))
    return spans
