"""Shapes: published schemas told as keys in published order, and documents cut to them.

A shape is a mapping of keys to what stands there when nothing is known: a plain default, a
nested shape, `[shape]` for a list, or a function that renders the value. Values are looked up
by the camelCase name, so that one set of facts serves keys that are published as `Refund` and
as `refund`. Whatever the shape does not name is left out. Documents share the parts that
no shape looks into with the facts they were cut from: treat them as read-only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Render = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Maybe:
    """A part that is null when nothing is known of it."""

    shape: Any


def texts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), "")


def nulls(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split())


def numbers(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), 0)


def flags(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), False)


def lists(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), ())


def each(names: str, render: Any) -> dict[str, Any]:
    return dict.fromkeys(names.split(), render)


def always(value: Any) -> Render:
    """A constant, whatever the facts say."""
    return lambda _given, _zone: value


def cut(shape: Mapping[str, Any]) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    """A function that cuts facts to the shape; its second argument spells the zone of instants."""
    fields = tuple((key, *_field(key, part)) for key, part in shape.items())

    def document(facts: Mapping[str, Any], zone: str) -> dict[str, Any]:
        get = facts.get
        out = {}
        for key, camel, default, render in fields:
            value = get(camel)
            if value is None and key is not camel:
                value = get(key)
            if render is not None:
                value = render(value, zone)
            elif value is None:
                value = default
            out[key] = value
        return out

    return document


def _field(key: str, part: Any) -> tuple[str, Any, Render | None]:
    camel = key[0].lower() + key[1:] if key[0].isupper() else key
    if isinstance(part, Maybe | dict | list | tuple):
        return camel, None, _render(part)
    return (camel, None, part) if callable(part) else (camel, part, None)


def _render(part: Any, *, empty: bool = True) -> Render:
    if isinstance(part, Maybe):
        return _render(part.shape, empty=False)
    if isinstance(part, tuple):
        return lambda given, _zone: [] if given is None else given
    if isinstance(part, list):
        return _list(cut(part[0]), empty)
    if not part:
        return lambda given, _zone: {} if given is None else given
    document = cut(part)

    def nested(given: Any, zone: str) -> Any:
        if isinstance(given, Mapping):
            return document(given, zone)
        return document({}, zone) if empty else None

    return nested


def _list(document: Callable[[Mapping[str, Any], str], dict[str, Any]], empty: bool) -> Render:
    def elements(given: Any, zone: str) -> Any:
        if isinstance(given, list | tuple):
            return [document(one, zone) for one in given if isinstance(one, Mapping)]
        return [] if empty else None

    return elements
