"""What a feed or a hook asks for: the statuses orders pass through, or an expression."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

LONGEST_EXPRESSION = 8 * 1024
"""Bytes of UTF-8."""

MOST_STATUSES, LONGEST_STATUS = 100, 100

# Two published spellings of one status. They match each other; each is echoed as it was posted.
ALIASES = {
    "order-completed": "on-order-completed",
    "order-create-error": "order-creation-error",
    "cancelation-request": "cancellation-requested",
    "waiting-for-sellers-confirmation": "waiting-for-authorization",
    "ready for invoicing": "ready-for-invoicing",
    "ready-for-invoice": "ready-for-invoicing",
}


class InvalidFilter(ValueError):
    """A filter that cannot be kept; `code` is the HTTP status that says so."""

    def __init__(self, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class FromWorkflow:
    """Matches an event that changes the status to one of these; none named means every one."""

    statuses: tuple[str, ...] = ()

    def matches(self, status: str | None, moved: bool) -> bool:
        """Whether an event that left an order in this status is notified; `moved`: it moved."""
        if not moved or status is None:
            return False
        return not self.statuses or _one_spelling(status) in map(_one_spelling, self.statuses)


@dataclass(frozen=True)
class FromOrders:
    """Matches an event after which the expression is true of the order's document."""

    expression: str
    disable_single_fire: bool = False


Filter = FromWorkflow | FromOrders


def parse_filter(body: dict[str, Any] | None) -> Filter:
    """The filter that a configuration asks for; its expression is not compiled here.

    A null, false or empty field of the other type counts as absent: published clients send
    `disableSingleFire: false` with a list of statuses.
    """
    if body is None:
        return FromWorkflow()
    if not isinstance(body, dict):
        raise InvalidFilter("filter must be an object.")
    match body.get("type") or ("FromOrders" if body.get("expression") else "FromWorkflow"):
        case "FromWorkflow":
            _refuse_foreign("FromWorkflow", body, "expression", "disableSingleFire")
            return FromWorkflow(_statuses(body.get("status")))
        case "FromOrders":
            _refuse_foreign("FromOrders", body, "status")
            return FromOrders(
                _expression(body.get("expression")), _switch(body.get("disableSingleFire"))
            )
    raise InvalidFilter("filter.type must be FromWorkflow or FromOrders.")


def stored_filter(body: dict[str, Any] | None) -> Filter:
    """The filter of a stored configuration, whose bounds may have been wider than today's.

    An expression that is too long today is refused where it is compiled: it fails alone.
    """
    body = body or {}
    if body.get("expression") and body.get("type") != "FromWorkflow":
        return FromOrders(body["expression"], bool(body.get("disableSingleFire")))
    return FromWorkflow(tuple(body.get("status") or ()))


def unknown_statuses(chosen: Filter, known: Iterable[str]) -> list[tuple[str, str | None]]:
    """The statuses that will never match, each with the known one it is closest to."""
    if not isinstance(chosen, FromWorkflow):
        return []
    names = sorted({str(name) for name in known} | ALIASES.keys())
    unknown = dict.fromkeys(status for status in chosen.statuses if status not in names)
    return [(status, _closest(status, names)) for status in unknown]


def _closest(status: str, names: list[str]) -> str | None:
    normalized = "-".join(status.lower().replace("_", " ").replace("-", " ").split())
    return next(iter(get_close_matches(normalized[:64], names, n=1)), None)


def _one_spelling(status: str) -> str:
    return ALIASES.get(status, status)


def _refuse_foreign(kind: str, body: dict[str, Any], *fields: str) -> None:
    for field in fields:
        if body.get(field):
            raise InvalidFilter(f"filter.{field} does not belong in a {kind} filter.", 409)


def _statuses(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(status, str) for status in given):
        raise InvalidFilter("filter.status must be a list of strings.")
    if len(given) > MOST_STATUSES:
        raise InvalidFilter(f"filter.status has more than {MOST_STATUSES} statuses.")
    for place, status in enumerate(given):
        if len(status) > LONGEST_STATUS or not status.isprintable():
            raise InvalidFilter(
                f"filter.status[{place}] must be at most {LONGEST_STATUS} printable characters."
            )
    return tuple(given)


def _expression(given: Any) -> str:
    if not isinstance(given, str) or not given.strip():
        raise InvalidFilter("filter.expression must be a JSONata expression.")
    if len(given.encode("utf-8", "surrogatepass")) > LONGEST_EXPRESSION:
        raise InvalidFilter(f"filter.expression is longer than {LONGEST_EXPRESSION} bytes.")
    return given


def _switch(given: Any) -> bool:
    if given is None:
        return False
    if not isinstance(given, bool):
        raise InvalidFilter("filter.disableSingleFire must be true or false.")
    return given
