"""Answers of outsiders, read so that nothing in them is harmful to store."""

from typing import Any

import orjson

from oms_ledger.plain_text import plain_values


def read_json(content: bytes) -> Any:
    """Read the JSON of an answer, its texts plain; `orjson.JSONDecodeError` for what is none."""
    value = orjson.loads(content)
    return plain_values(value) if b"\\u" in content else value
