"""What every operation answers when it goes well, read from `responses.json`.

`answers` has, by operation and status, the name of a schema, a media type, or null where the
answer has no body. `schemas` has those that are neither a shape nor a model of an endpoint.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from oms_ledger.api.description.inference import Schema
from oms_ledger.api.description.operations import own_path
from oms_ledger.api.description.shapes import DOCUMENTS, schema_of_shape

_FILE = Path(__file__).with_name("responses.json")

DESCRIPTIONS = {
    "200": "Done",
    "201": "Created",
    "202": "Accepted: a worker goes on with it",
    "204": "Done, and nothing to say",
    "302": "The browser is sent on",
    "304": "It is so already",
    "503": "Not ready",
}
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the browser goes"}}


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return found


def schemas() -> dict[str, Schema]:
    """Every schema of an answer by its name."""
    of_shapes = {name: schema_of_shape(shape) for name, shape in DOCUMENTS.items()}
    return {**_data()["schemas"], **of_shapes}


def answers_of(method: str, path: str) -> dict[str, Any] | None:
    """The answers of an operation by status; None where its endpoint's model says them."""
    entry = _data()["answers"].get(f"{method} {own_path(path)}")
    return entry and {status: _answer(status, named) for status, named in entry.items()}


def _answer(status: str, named: str | list[str] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": DESCRIPTIONS[status]}
    if status == "302":
        answer["headers"] = _LOCATION
    if named is not None:
        listed = named if isinstance(named, list) else [named]
        answer["content"] = dict(_content(one) for one in listed)
    return answer


def _content(named: str) -> tuple[str, Any]:
    """Media type and schema: of JSON lines and files the schema is that of a text."""
    if "/" in named:
        binary = named.startswith("application/vnd")
        return named, {"schema": {"type": "string", **({"format": "binary"} if binary else {})}}
    schema: Schema = {"$ref": f"#/components/schemas/{named.removesuffix('[]')}"}
    if named.endswith("[]"):
        schema = {"type": "array", "items": schema}
    return "application/json", {"schema": schema}
