"""Text of outsiders, such as a partner's answer, as databases, logs and pages take it."""

import re
from typing import Any

DEEPEST = 100
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def plain(text: str) -> str:
    """Replace control characters and halves of surrogate pairs by U+FFFD; lines and tabs stay."""
    return _CONTROL.sub("\ufffd", text)


def plain_values(value: Any, levels: int = DEEPEST) -> Any:
    """Make all texts of a JSON value plain, and the names of its members.

    `ValueError` for what has more `levels`, one in another.
    """
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict | list) and not levels:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {plain(name): plain_values(one, levels - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [plain_values(one, levels - 1) for one in value]
    return value


def holds_nul(encoded: bytes | None) -> bool:
    """Whether a text in encoded JSON has a NUL character, which PostgreSQL stores in no column."""
    if encoded is None or b"\\u0000" not in encoded:
        return False
    return _NUL_IN_JSON.search(encoded) is not None
