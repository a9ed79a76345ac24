"""Postal codes as they are compared, distances, and whether a code is one of its country."""

import re
from collections.abc import Sequence
from math import asin, cos, radians, sin, sqrt

from oms_ledger.whole_numbers import is_whole

_PUNCTUATION = re.compile(r"[\s.\-/_]+")
_COUNTRY = re.compile(r"[A-Za-z]{3}")
_CEP = re.compile(r"[0-9]{5}-?[0-9]{3}")
FORBIDDEN = frozenset('<>?+";%*')
LOWEST, HIGHEST = "", "~"
_EARTH_KM = 6371.0


def comparable(postal_code: str) -> str:
    """A code without punctuation, so that digits compare as numbers and others as text."""
    plain = _PUNCTUATION.sub("", postal_code).upper()
    return f"0{int(plain):020d}" if is_whole(plain, 20) else f"A{plain}"


def is_country(text: object) -> bool:
    """Whether this is a code of three letters, as ISO 3166 has them."""
    return isinstance(text, str) and _COUNTRY.fullmatch(text) is not None


def is_cep(postal_code: str) -> bool:
    """Whether this is a Brazilian postal code of eight digits."""
    return _CEP.fullmatch(postal_code.strip()) is not None


def distance_km(one: Sequence[float], other: Sequence[float]) -> float:
    """The way over the ground between two places `[longitude, latitude]`; 0 when one is unknown."""
    if len(one) < 2 or len(other) < 2:
        return 0.0
    (west, south), (east, north) = one[:2], other[:2]
    rise, run = radians(north - south) / 2, radians(east - west) / 2
    chord = sin(rise) ** 2 + cos(radians(south)) * cos(radians(north)) * sin(run) ** 2
    return round(2 * _EARTH_KM * asin(min(1.0, sqrt(chord))), 3)
