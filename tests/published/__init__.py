"""Published schemas and examples of the order documents, cut down to what they say of fields."""

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def published(name: str) -> dict[str, Any]:
    """`schema` and `example` of `order`, `document`, `row` or `placed`."""
    fields: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return fields
