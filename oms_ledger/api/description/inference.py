"""Schemas of examples: where no model exists, an example says names and types."""

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def schema_of(example: Any, needs: Iterable[str] = ()) -> Schema:
    """The schema of values like the example; `needs` are keys that have to be there."""
    match example:
        case None:
            return {}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array", "items": schema_of(example[0]) if example else {}}
        case _:
            properties = {name: schema_of(value) for name, value in example.items()}
            required = list(needs)
            found: Schema = {"type": "object", "properties": properties}
            return {**found, "required": required} if required else found
