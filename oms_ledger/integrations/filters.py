"""Which changes a feed or a hook is told: by status, or by JSONata (contract 04 §3)."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ALIASES: Mapping[str, str] = {
    "order-completed": "on-order-completed",
    "order-create-error": "order-creation-error",
    "cancelation-request": "cancellation-requested",
    "waiting-for-sellers-confirmation": "waiting-for-authorization",
}
LONGEST_EXPRESSION = 8 * 1024


class InvalidFilter(ValueError):
    """A filter that cannot be configured; `code` is 400, or 409 where fields contradict."""

    def __init__(self, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class FromWorkflow:
    """Changes of status to one of these; none named means every status."""

    statuses: tuple[str, ...] = ()

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(ALIASES.get(status, status) for status in self.statuses)

    def matches(self, status: str | None, moved: bool) -> bool:
        return moved and status is not None and (not self._wanted or status in self._wanted)


@dataclass(frozen=True)
class FromOrders:
    """Orders whose document answers the expression with true, after each event."""

    expression: str
    disable_single_fire: bool = False


def parse_filter(body: Mapping[str, Any] | None) -> FromWorkflow | FromOrders:
    """The filter as configured; a null, false or empty field of the other type counts as absent."""
    if body is None:
        return FromWorkflow()
    if not isinstance(body, Mapping):
        raise InvalidFilter("filter: expected an object")
    kind, expression = body.get("type"), body.get("expression")
    kind = kind or ("FromOrders" if expression else "FromWorkflow")
    if kind not in ("FromWorkflow", "FromOrders"):
        raise InvalidFilter(f"filter.type: found {kind!r}, expected FromWorkflow or FromOrders")
    if kind == "FromWorkflow":
        for foreign in ("expression", "disableSingleFire"):
            if body.get(foreign):
                raise InvalidFilter(f"filter.{foreign} does not go with FromWorkflow", 409)
        return FromWorkflow(_statuses(body.get("status")))
    if body.get("status"):
        raise InvalidFilter("filter.status does not go with FromOrders", 409)
    if not isinstance(expression, str) or not expression.strip():
        raise InvalidFilter("filter.expression: expected a JSONata expression")
    if len(expression.encode()) > LONGEST_EXPRESSION:
        raise InvalidFilter("filter.expression is longer than 8 KiB")
    return FromOrders(expression, bool(body.get("disableSingleFire")))


def _statuses(status: Any) -> tuple[str, ...]:
    listed = [] if status is None else status
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InvalidFilter("filter.status: expected an array of strings")
    return tuple(listed)


def unknown_statuses(filter: FromWorkflow, known: Iterable[str]) -> list[tuple[str, str | None]]:
    """Statuses that never match, each with the closest known one."""
    names = [*known, *ALIASES]
    unknown = [status for status in filter.statuses if status not in names]
    closest = (difflib.get_close_matches(status, names, 1, 0.4) for status in unknown)
    return [(s, near[0] if near else None) for s, near in zip(unknown, closest, strict=True)]
