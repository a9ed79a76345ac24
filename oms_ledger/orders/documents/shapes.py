"""Shapes: published schemas given as keys in published order, and documents cut to them.

A shape is a mapping of keys to what stands there when nothing was said: a plain default, a
nested shape, `[shape]` for a list, or a function that renders the value. A null that was said
stays null, and a part of another type than the shape's stays as it came. Values are looked up
by the camelCase name, so that one set of facts serves keys that are published as `Refund` and
as `refund`. Whatever the shape does not name is left out. Documents share the parts that
no shape looks into with the facts they were cut from: treat them as read-only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MISSING: Final[Any] = object()
"""Stands for a part of which nothing was said."""

Render = Callable[[Any, str], Any]

_OBJECTS = (dict, Mapping)  # what is nearly always meant comes first: it is found sooner


@dataclass(frozen=True, slots=True)
class Maybe:
    """A part that is null when nothing is known of it."""

    shape: Any


def nulls(names: str) -> dict[str, Any]:
    """Keys that are null where nothing was said; the names stand apart by spaces."""
    return dict.fromkeys(names.split())


def flags(names: str) -> dict[str, Any]:
    """Keys that are false where nothing was said."""
    return dict.fromkeys(names.split(), False)


def lists(names: str) -> dict[str, Any]:
    """Keys that are empty lists where nothing was said."""
    return dict.fromkeys(names.split(), ())


def each(names: str, render: Any) -> dict[str, Any]:
    """Keys that are all rendered alike."""
    return dict.fromkeys(names.split(), render)


def always(value: Any) -> Render:
    """A constant, whatever the facts say."""
    return lambda _given, _zone: value


def cut(shape: Mapping[str, Any]) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    """A function that cuts facts to the shape; its second argument spells the zone of instants."""
    fields = tuple((key, *_field(key, part)) for key, part in shape.items())

    def document(context: Mapping[str, Any], zone: str) -> dict[str, Any]:
        get = context.get
        out = {}
        for key, camel, default, render in fields:
            value = get(camel, MISSING)
            if value is MISSING and key is not camel:
                value = get(key, MISSING)
            if value is MISSING:
                value = default
            if render is not None:
                value = render(value, zone)
            out[key] = value
        return out

    return document


def _field(key: str, part: Any) -> tuple[str, Any, Render | None]:
    """The name, what is rendered when nothing was said, and how."""
    camel = key[0].lower() + key[1:] if key[0].isupper() else key
    if isinstance(part, Maybe):
        return camel, None, _render(part.shape)
    if isinstance(part, dict):
        return camel, {}, _render(part)
    if isinstance(part, list | tuple):
        return camel, (), _render(part)
    return (camel, None, part) if callable(part) else (camel, part, None)


def _render(part: Any) -> Render:
    if isinstance(part, tuple) or not part:
        return lambda given, _zone: [] if given == () else given
    document = cut(part[0] if isinstance(part, list) else part)
    return _list(document) if isinstance(part, list) else _nested(document)


def _nested(document: Callable[[Mapping[str, Any], str], dict[str, Any]]) -> Render:
    def nested(given: Any, zone: str) -> Any:
        return document(given, zone) if isinstance(given, _OBJECTS) else given

    return nested


def _list(document: Callable[[Mapping[str, Any], str], dict[str, Any]]) -> Render:
    def elements(given: Any, zone: str) -> Any:
        if not isinstance(given, list | tuple):
            return given
        return [document(one, zone) if isinstance(one, _OBJECTS) else one for one in given]

    return elements
