"""Whole numbers in a query."""

from fastapi import Request

from oms_ledger.api.http.errors import bad_request, shown
from oms_ledger.whole_numbers import is_whole


def whole_number(request: Request, name: str, default: int, highest: int, lowest: int = 0) -> int:
    """A whole number of the query from `lowest` to `highest`, or `default`; 400 for another."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if is_whole(text, 19) and lowest <= int(text) <= highest:
        return int(text)
    raise bad_request(f"{name}: found {shown(text)}, expected a whole number from {lowest} on")
