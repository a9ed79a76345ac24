"""How large a document may be."""

from collections.abc import Mapping
from typing import Any

import orjson

from oms_ledger.masterdata.refusals import InvalidBody

LARGEST, DEEPEST, MOST_VALUES = 1024 * 1024, 64, 10_000


def require_content(fields: Mapping[str, Any]) -> None:
    """Refuse a document that is too large, too deep or has too many values."""
    size = len(orjson.dumps(fields))
    if size > LARGEST:
        raise InvalidBody(f"The document has {size} bytes, expected at most {LARGEST}")
    if _count(fields, 1, MOST_VALUES) < 0:
        raise InvalidBody(f"The document has more than {MOST_VALUES} values")


def count_values(fields: Mapping[str, Any]) -> int:
    """How many values a document has, at any depth; no more than one beyond what it may have."""
    return MOST_VALUES - _count(fields, 1, MOST_VALUES)


def _count(value: Any, depth: int, left: int) -> int:
    """How many values may still come; less than 0 when there were too many."""
    if depth > DEEPEST:
        raise InvalidBody(f"The document is nested deeper than {DEEPEST}")
    members = value.values() if isinstance(value, dict) else value
    for member in members:
        left -= 1
        if left < 0:
            return left
        if isinstance(member, dict | list):
            left = _count(member, depth + 1, left)
            if left < 0:
                return left
    return left
