"""The body of every operation that takes one, read from `requests.json`.

An entry has an `example`, and a schema: the `model` that the endpoint parses with, or a `name`
and the schema of the example. `optional` bodies may be left out; `media` is said of those that
are no JSON.
"""

import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from oms_ledger.api.description.inference import Schema, schema_of
from oms_ledger.api.description.operations import own_path

_FILE = Path(__file__).with_name("requests.json")
_AT = "#/components/schemas/"


@cache
def entries() -> dict[str, Any]:
    """Every entry by method and path."""
    found: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return found


def model_of(entry: dict[str, Any]) -> type[BaseModel]:
    """The model that an endpoint parses the body with."""
    module, name = entry["model"].split(":")
    model: type[BaseModel] = getattr(importlib.import_module(module), name)
    return model


def _name_of(entry: dict[str, Any]) -> str:
    """A name that no other model has: a subject's `Delivery` is not another's."""
    if "name" in entry:
        return str(entry["name"])
    module, name = entry["model"].split(":")
    return f"{module.rsplit('.', 1)[-1].title().replace('_', '')}{name}"


def request_of(method: str, path: str, schemas: dict[str, Schema]) -> Schema | None:
    """The description of an operation's body, its schemas added to `schemas`; None without one."""
    entry = entries().get(f"{method} {own_path(path)}")
    if entry is None:
        return None
    name = _name_of(entry)
    if "model" in entry:
        schemas |= _of_model(model_of(entry), name)
    else:
        schemas[name] = schema_of(entry["example"], entry.get("needs", ()))
    content = {"schema": {"$ref": _AT + name}, "example": entry["example"]}
    required = not entry.get("optional", False)
    return {"required": required, "content": {entry.get("media", "application/json"): content}}


def _of_model(model: type[BaseModel], name: str) -> dict[str, Schema]:
    """The schemas of a model and of its parts, which get the model's name before theirs."""
    whole = model.model_json_schema(ref_template=_AT + name + "{model}")
    parts = whole.pop("$defs", {})
    return {name: whole, **{f"{name}{part}": schema for part, schema in parts.items()}}
