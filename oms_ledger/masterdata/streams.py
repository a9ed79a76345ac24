"""The streams of Master Data: entities, documents, the values of unique indices, counters."""

from datetime import datetime
from typing import Any

from oms_ledger.masterdata.document import Author, Document, evolve_document
from oms_ledger.masterdata.entity import Entity, evolve_entity, first
from oms_ledger.masterdata.events import CounterRaised, UniqueKeyAssigned
from oms_ledger.masterdata.names import document_key

ENTITY, DOCUMENT, KEY, COUNTER = "entity", "document", "document-key", "document-counter"


def entity_stream(account: str, entity: str) -> str:
    return f"{account}/{ENTITY}/{entity}"


def document_stream(account: str, entity: str, document_id: str) -> str:
    return f"{account}/{DOCUMENT}/{entity}/{document_key(document_id)}"


def key_stream(account: str, entity: str, index: str, digest: str) -> str:
    """Of one value of a unique index; the digest says nothing of the value."""
    return f"{account}/{KEY}/{entity}/{index}/{digest}"


def counter_stream(account: str, entity: str, field: str) -> str:
    return f"{account}/{COUNTER}/{entity}/{field}"


def category_of(stream: str) -> str:
    parts = stream.split("/", 2)
    return parts[1] if len(parts) == 3 else ""


def entity_of(stream: str) -> str:
    """The entity that a stream of Master Data belongs to."""
    return stream.split("/", 3)[2]


def evolve(state: Any, event: Any, stream: str, actor: str, at: datetime) -> Any:
    """The state of a stream of Master Data after an event."""
    account, category, entity = stream.split("/", 3)[:3]
    match category:
        case "document":
            assert state is None or isinstance(state, Document)
            return evolve_document(state, event, account, entity, Author(actor, at))
        case "entity":
            assert state is None or isinstance(state, Entity)
            return evolve_entity(state or first(entity), event)
        case "document-key":
            assert isinstance(event, UniqueKeyAssigned)
            return event.document or ""
        case _:
            assert isinstance(event, CounterRaised)
            return event.number
