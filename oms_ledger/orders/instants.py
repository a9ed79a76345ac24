"""Instants as documents spell them: UTC, seven fraction digits, `+00:00` or `Z` at the end."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from oms_ledger.time_zones import zone_or_utc

OMS_ZONE = "+00:00"
PII_ZONE = "Z"

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?")
_ESTIMATE = re.compile(r"([0-9]{1,9})(bd|d|h|m)")

# The names that stores use, and the zones they mean.
_WINDOWS_ZONES = {
    "E. South America Standard Time": "America/Sao_Paulo",
    "Bahia Standard Time": "America/Bahia",
    "Central Brazilian Standard Time": "America/Cuiaba",
    "SA Western Standard Time": "America/Manaus",
    "SA Pacific Standard Time": "America/Bogota",
    "Argentina Standard Time": "America/Argentina/Buenos_Aires",
    "Pacific SA Standard Time": "America/Santiago",
    "Montevideo Standard Time": "America/Montevideo",
    "Paraguay Standard Time": "America/Asuncion",
    "Venezuela Standard Time": "America/Caracas",
    "Central America Standard Time": "America/Guatemala",
    "Central Standard Time (Mexico)": "America/Mexico_City",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Pacific Standard Time": "America/Los_Angeles",
    "GMT Standard Time": "Europe/London",
    "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris",
    "GTB Standard Time": "Europe/Bucharest",
}


def spell(at: datetime, zone: str) -> str:
    """The instant in UTC with seven fraction digits, and the zone's spelling after them."""
    universal = at if at.tzinfo is UTC else at.astimezone(UTC)
    return f"{universal.isoformat(timespec='microseconds')[:26]}0{zone}"


def seconds(at: datetime | None) -> str | None:
    """An instant of a list: whole seconds."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}{OMS_ZONE}"


def instant(given: Any, zone: str) -> Any:
    """A datetime or ISO 8601 text respelled; what is neither stays as it is."""
    if isinstance(given, datetime):
        return spell(given, zone)
    if isinstance(given, str):
        return _respell(given, zone)
    return given


@lru_cache(4096)
def _respell(text: str, zone: str) -> str | None:
    match = _ISO.fullmatch(text)
    if not match:
        return text or None
    day, time, fraction, offset = match.groups()
    if offset in (None, "Z", "+00:00", "+0000"):
        return f"{day}T{time or '00:00:00'}.{(fraction or '')[:7]:0<7}{zone}"
    at = parse(f"{day}T{time or '00:00:00'}{offset}")
    if at is None:
        return text
    return f"{at:%Y-%m-%dT%H:%M:%S}.{(fraction or '')[:7]:0<7}{zone}"


def parse(text: Any) -> datetime | None:
    """An instant out of ISO 8601 text, to the microsecond; no zone is UTC. None when it is none."""
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if not match:
        return None
    day, time, fraction, offset = match.groups()
    offset = "+00:00" if offset in (None, "Z") else offset
    try:
        at = datetime.fromisoformat(
            f"{day}T{time or '00:00:00'}.{(fraction or '')[:6]:0<6}{offset}"
        )
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_LOCAL = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d.*)?", re.DOTALL)


def local_instant(text: str, zone_name: Any) -> datetime | None:
    """An instant as carriers tell it: `yyyy-mm-dd hh:mm` or a bare day in a zone, or ISO 8601
    (without an offset UTC). None when it is none."""
    match = _LOCAL.fullmatch(text)
    if not match:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC if match[1] == "T" else zone_of(str(zone_name)))
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name or of one of Windows that stores use; UTC for any other name."""
    return zone_or_utc(_WINDOWS_ZONES.get(name, name))


def wall_time(at: datetime, zone_name: Any) -> datetime:
    """The local time of a zone as if it were UTC, which is how documents tell it."""
    zone = zone_of(zone_name) if isinstance(zone_name, str) and zone_name else UTC
    return in_zone(at, zone).replace(tzinfo=UTC)


def in_zone(at: datetime, zone: tzinfo) -> datetime:
    """The instant in a zone; in UTC where the zone's calendar does not reach: in the year 1."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at.astimezone(UTC)


def read_estimate(estimate: Any) -> tuple[int, str] | None:
    """Read an estimate such as `3bd`, `2d`, `4h` or `30m`: how many of a unit, at most 10,000.

    None for anything else, as partners send it.
    """
    match = _ESTIMATE.fullmatch(estimate) if isinstance(estimate, str) else None
    return (min(int(match[1]), 10_000), match[2]) if match else None


def estimated(since: datetime, estimate: Any) -> datetime | None:
    """When an estimate such as `3bd`, `2d`, `4h` or `30m` ends; business days skip weekends."""
    read = read_estimate(estimate)
    if read is None:
        return None
    count, unit = read
    if unit != "bd":
        return since + timedelta(**{{"d": "days", "h": "hours", "m": "minutes"}[unit]: count})
    weeks, days = divmod(count, 5)
    at = since + timedelta(weeks=weeks)
    while days or at.weekday() > 4:
        at += timedelta(days=1)
        days -= at.weekday() < 5 and days > 0
    return at
