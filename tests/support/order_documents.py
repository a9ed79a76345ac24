"""Anonymous order documents, as they were published."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "documents"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def _read(name: str) -> dict[str, Any]:
    fields = json.loads((FOLDER / f"{name}.json").read_text())
    document: dict[str, Any] = fields[0] if isinstance(fields, list) else fields
    return document


def document(name: str) -> dict[str, Any]:
    """Give a copy of the document of a file; of a group, its first order."""
    return copy.deepcopy(_read(name))


def as_placement(fields: dict[str, Any]) -> dict[str, Any]:
    """Make the body that places what the document shows, paid at once by one payment."""
    body = copy.deepcopy(fields)
    value = sum(total["value"] for total in fields["totals"])
    body["paymentData"] = {
        "payments": [{"paymentSystem": "201", "value": value, "referenceValue": value}]
    }
    for item in body["items"]:
        item["seller"] = "1"
    return body
