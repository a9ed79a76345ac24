"""Events of an order as a time line: newest first, those of one request together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from itertools import groupby
from typing import Any

from oms_ledger.backoffice.actors import PERSON
from oms_ledger.backoffice.formats import instant_of

FILTERS = ("all", "people", "money")


@dataclass(frozen=True, slots=True)
class Group:
    """Events that one request or cause led to; `top` gives it its title."""

    events: list[dict[str, Any]]

    @property
    def top(self) -> dict[str, Any]:
        """The last event that changed the status, else the last one."""
        moved = [one for one in self.events if one["status"] != one["statusBefore"]]
        return (moved or self.events)[-1]

    @property
    def moved(self) -> bool:
        """Whether the group changed the status."""
        return bool(self.events[-1]["status"] != self.events[0]["statusBefore"])


@dataclass(frozen=True, slots=True)
class Day:
    """The groups of one day in the zone of the page, newest first."""

    day: date
    groups: list[Group]


def time_line(events: Sequence[dict[str, Any]], zone: tzinfo, chosen: str) -> list[Day]:
    """Days with their groups, newest first. `events` are oldest first."""
    wanted = [event for event in events if _wanted(event, chosen)]
    groups = [Group(list(some)) for _, some in groupby(wanted, key=_cause)]
    days = groupby(reversed(groups), key=lambda group: _day(group.top["at"], zone))
    return [Day(day, list(some)) for day, some in days if day]


def _cause(event: dict[str, Any]) -> Any:
    return event["cause"] or event["version"]


def _day(at: str, zone: tzinfo) -> date | None:
    instant = instant_of(at)
    return instant.astimezone(zone).date() if instant else None


def _wanted(event: dict[str, Any], chosen: str) -> bool:
    if chosen == "people":
        return str(event["actor"]).startswith((PERSON, "shopper", "operator"))
    if chosen == "money":
        return any(word in event["name"] for word in ("payment", "refund", "settle", "transaction"))
    return True


def sums(events: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Cents by what happened to the money: authorized, settled, refunded, canceled."""
    names = {
        "payment-authorized": "authorized",
        "payment-settled": "settled",
        "payment-refunded": "refunded",
        "payment-canceled": "canceled",
    }
    found = dict.fromkeys(names.values(), 0)
    for event in events:
        if event["name"] in names:
            found[names[event["name"]]] += event["data"].get("value") or 0
    return found
