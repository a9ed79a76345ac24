"""Events as stored bytes: JSON by msgspec, under names that outlive the code.

An event is filed under a stored name, never its Python path, so modules and classes can move
freely. Its personal fields are encoded apart, to be encrypted. An event that was ever stored
stays readable: add fields with defaults; for a deeper change store a new name and list an
upcaster from the old one.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import fields, replace
from functools import cache
from typing import Any, cast, get_args

import msgspec

from oms_ledger.accounts.events import AccountEvent
from oms_ledger.masterdata.events import MasterDataEvent
from oms_ledger.orders.events import Event, OrderEvent

TYPE_ALIASES: dict[str, str] = {
    "call-failed": "outbox-message-failed",
    "call-resumed": "outbox-message-resumed",
    "call-skipped": "outbox-message-skipped",
    "change-payment-asked": "change-payment-requested",
    "payments-sent": "payments-submitted",
}
_MEMBERS = {"call_id": "message_id", "party": "recipient"}


def _with_message_names(body: dict[str, Any]) -> dict[str, Any]:
    return {_MEMBERS.get(name, name): value for name, value in body.items()}


UPCASTERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "call-failed": _with_message_names,
    "call-resumed": _with_message_names,
    "call-skipped": _with_message_names,
}


def _stored_name(event: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", event.__name__).lower()


EVENTS: dict[str, type] = {
    _stored_name(event): event
    for event in (*get_args(OrderEvent), *get_args(AccountEvent), *get_args(MasterDataEvent))
}
NAMES: dict[type, str] = {event: name for name, event in EVENTS.items()}

_encode = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(EVENTS[name])


@cache
def _fields(event: Hashable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the plain and of the personal fields of an event."""
    all_fields = fields(cast(Any, event))
    personal = tuple(f.name for f in all_fields if f.metadata.get("personal"))
    return tuple(f.name for f in all_fields if f.name not in personal), personal


def encode(event: Event) -> tuple[str, bytes, bytes | None]:
    """Stored name, plain bytes, and the personal bytes still to be encrypted."""
    plain, personal = _fields(cast(Hashable, type(event)))
    name = NAMES[type(event)]
    if not personal:
        return name, _encode(event), None
    body = _encode({field: getattr(event, field) for field in plain})
    values = {field: value for field in personal if (value := getattr(event, field))}
    return name, body, _encode(values) if values else None


def without_person(event: Event) -> Event:
    """The event without what says of a person: its personal fields are their defaults."""
    return decode(*encode(event)[:2], None)


def decode(name: str, body: bytes, personal: bytes | None) -> Event:
    """The event of stored bytes; without `personal` a person reads as erased."""
    if upcast := UPCASTERS.get(name):
        body = _encode(upcast(_decode_json(body)))
    event: Event = _decoder(TYPE_ALIASES.get(name, name)).decode(body)
    return replace(event, **_decode_json(personal)) if personal else event
