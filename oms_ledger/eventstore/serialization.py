"""Events as stored bytes: JSON by msgspec, under names that outlive the code.

An event is filed under a stored name, never its Python path, so modules and classes can move
freely. Its personal fields are encoded apart, to be encrypted. An event that was ever stored
stays readable: add fields with defaults; for a deeper change store a new name and give its
decider an upcaster from the old one.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from types import MappingProxyType
from typing import Any, cast

import msgspec

from oms_ledger.eventstore.parts import put, take

PARTS = "@parts"
"""Under this name personal bytes have what was taken out of plain fields, with its places."""

_encode = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


def stored_name(event: type) -> str:
    """The name that events of a class are filed under."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", event.__name__).lower()


@cache
def _fields(event: Hashable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the plain and of the personal fields of an event."""
    all_fields = fields(cast(Any, event))
    personal = tuple(f.name for f in all_fields if f.metadata.get("personal"))
    return tuple(f.name for f in all_fields if f.name not in personal), personal


class EventTypes:
    """The classes of events that can be stored and read; no other can."""

    def __init__(
        self,
        types: Iterable[type],
        aliases: Mapping[str, str],
        upcasters: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]],
        personal_parts: Mapping[type, Sequence[Sequence[str]]] = MappingProxyType({}),
    ) -> None:
        self.by_name = {stored_name(event): event for event in types}
        self.aliases = aliases
        self._names = {event: name for name, event in self.by_name.items()}
        self._upcasters = upcasters
        self._parts = personal_parts
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}

    def encode(self, event: Any) -> tuple[str, bytes, bytes | None]:
        """Stored name, plain bytes, and the personal bytes still to be encrypted."""
        plain, personal = _fields(cast(Hashable, type(event)))
        name = self._names[type(event)]
        if not personal:
            return name, _encode(event), None
        body: Any = {field: getattr(event, field) for field in plain}
        values = {field: value for field in personal if (value := getattr(event, field))}
        if paths := self._parts.get(type(event)):
            body = _decode_json(_encode(body))
            if taken := take(body, paths):
                values[PARTS] = taken
        return name, _encode(body), _encode(values) if values else None

    def names_person(self, event: Any) -> bool:
        """Whether a field of it is to be encrypted."""
        return any(getattr(event, name) for name in _fields(cast(Hashable, type(event)))[1])

    def without_person(self, event: Any) -> Any:
        """The event without what says of a person: its personal fields are their defaults."""
        return self.decode(*self.encode(event)[:2], None)

    def decode(self, name: str, body: bytes, personal: bytes | None) -> Any:
        """The event of stored bytes; without `personal` a person reads as erased."""
        if upcast := self._upcasters.get(name):
            body = _encode(upcast(_decode_json(body)))
        decoder = self._decoders.get(name) or self._decoder(name)
        values = _decode_json(personal) if personal else {}
        if taken := values.pop(PARTS, None):
            plain = _decode_json(body)
            put(plain, taken)
            body = _encode(plain)
        event = decoder.decode(body)
        return replace(event, **values) if values else event

    def _decoder(self, name: str) -> msgspec.json.Decoder[Any]:
        event = self.by_name[self.aliases.get(name, name)]
        return self._decoders.setdefault(name, msgspec.json.Decoder(event))
