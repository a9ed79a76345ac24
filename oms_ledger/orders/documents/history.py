"""An event's event as a reader may see it, and what it did to the order's document.

`readable` gives an event's fields in the API's spelling: camelCase names, instants in ISO 8601,
decimals as text. `changes` gives the difference of two documents as JSON Patch operations
(RFC 6902: add, remove, replace), each with the value that was there before where there was one.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_ledger.orders.instants import PII_ZONE, spell

_ABSENT = object()


def readable(value: Any, *, personal: bool = True) -> Any:
    """An event's fields, or a part of them; without what says of a person on request."""
    if is_dataclass(value):
        return {
            _camel(field.name): readable(getattr(value, field.name), personal=personal)
            for field in fields(value)
            if personal or not field.metadata.get("personal")
        }
    if isinstance(value, dict):
        return {str(key): readable(member, personal=personal) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [readable(member, personal=personal) for member in value]
    if isinstance(value, datetime):
        return spell(value, PII_ZONE)
    return str(value) if isinstance(value, Decimal) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """The operations that make `before` into `after`, in an order that can be applied."""
    return list(_changes("", before, after))


def _changes(path: str, before: Any, after: Any) -> Iterator[dict[str, Any]]:
    if type(before) is type(after) and before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            where = f"{path}/{_escaped(key)}"
            yield from _member(where, before.get(key, _ABSENT), after.get(key, _ABSENT))
        return
    if isinstance(before, list) and isinstance(after, list):
        shared = min(len(before), len(after))
        for index in range(shared):
            yield from _changes(f"{path}/{index}", before[index], after[index])
        for index in reversed(range(shared, len(before))):
            yield {"op": "remove", "path": f"{path}/{index}", "was": before[index]}
        for index in range(shared, len(after)):
            yield {"op": "add", "path": f"{path}/{index}", "value": after[index]}
        return
    yield {"op": "replace", "path": path, "value": after, "was": before}


def _member(path: str, before: Any, after: Any) -> Iterator[dict[str, Any]]:
    if after is _ABSENT:
        yield {"op": "remove", "path": path, "was": before}
    elif before is _ABSENT:
        yield {"op": "add", "path": path, "value": after}
    else:
        yield from _changes(path, before, after)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
