"""The filter of a feed or a hook, as a request gives it (contract 04 §2)."""

from typing import Any

from oms_ledger import jsonata
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.notifications.filters import (
    FromOrders,
    FromWorkflow,
    InvalidFilter,
    parse_filter,
    unknown_statuses,
)
from oms_ledger.orders.status import Status

NAMED = 10
"""Unknown statuses that the warning names."""


def read_filter(body: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The filter as posted, once it is one that can run, and a warning of unknown statuses."""
    posted = body if body is not None else {"type": "FromWorkflow", "status": []}
    try:
        parsed = parse_filter(posted)
        if isinstance(parsed, FromOrders):
            jsonata.require_hope(parsed.expression)
    except InvalidFilter as error:
        raise ApiError(error.code, "OMS004", str(error)) from None
    except jsonata.ExpressionError as error:
        raise bad_request(f"filter.expression: {error}") from None
    if not isinstance(parsed, FromWorkflow):
        return posted, {}
    unknown = unknown_statuses(parsed, [str(status) for status in Status])
    shown = (f"{_in_a_header(name)}, closest {close}" for name, close in unknown[:NAMED])
    named = "; ".join(shown)
    return posted, {"Warning": f'199 - "unknown statuses never match: {named}"'} if named else {}


def _in_a_header(text: str) -> str:
    """A text of the caller's as a quoted string of a header may hold it."""
    return text.encode("unicode_escape").decode().replace('"', "'")
