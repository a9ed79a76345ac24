"""Answers of outsiders, read so that nothing in them is harmful to store."""

from typing import Any

import orjson

from oms_ledger.plain_text import plain_values


def read_json(content: bytes) -> Any:
    """Read the JSON of an answer, its texts plain.

    `orjson.JSONDecodeError` for what is none, or is nested too deeply to be looked at.
    """
    value = orjson.loads(content)
    if b"\\u" not in content:
        return value
    try:
        return plain_values(value)
    except ValueError as error:
        raise orjson.JSONDecodeError(str(error), "", 0) from None
