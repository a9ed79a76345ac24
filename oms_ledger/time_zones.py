"""Time zones by name, as settings, documents and templates give them."""

from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_LONGEST = 100


def find_zone(name: str) -> tzinfo | None:
    """The zone of a name of the IANA database; None where it has none, or only a group of them."""
    return _found(name) if len(name) <= _LONGEST else None


@lru_cache(256)
def _found(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


def zone_or_utc(name: str) -> tzinfo:
    """The zone of a name, and UTC for a name that is none's."""
    return find_zone(name) or UTC
