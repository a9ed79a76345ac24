"""Master Data in the ledger: entities, documents, unique keys and counters."""

from typing import get_args

from oms_ledger.eventstore.decider import Decider
from oms_ledger.eventstore.records import RecordedEvent, instant
from oms_ledger.masterdata.document import Author, Document, evolve_document
from oms_ledger.masterdata.entity import Entity, evolve_entity, first
from oms_ledger.masterdata.events import (
    CounterRaised,
    DocumentDeleted,
    DocumentEvent,
    EntityEvent,
    UniqueKeyAssigned,
)
from oms_ledger.masterdata.streams import COUNTER, DOCUMENT, ENTITY, KEY, entity_of


class DocumentDecider(Decider[Document, DocumentEvent]):
    """A deleted document may be made again, under a new data key."""

    category = DOCUMENT
    events = get_args(DocumentEvent)
    erasing = (DocumentDeleted,)
    rekeyed = True

    def evolve(
        self, state: Document | None, event: DocumentEvent, record: RecordedEvent
    ) -> Document:
        """The document after an event; its last author is the record's actor."""
        author = Author(record.actor, instant(record.at))
        return evolve_document(state, event, record.account, entity_of(record.stream), author)


class EntityDecider(Decider[Entity, EntityEvent]):
    """An entity's schemas, indices and triggers; its first event may be any of them."""

    category = ENTITY
    events = get_args(EntityEvent)

    def evolve(self, state: Entity | None, event: EntityEvent, record: RecordedEvent) -> Entity:
        """The entity after an event, from the entity that nothing was set of."""
        return evolve_entity(state or first(entity_of(record.stream)), event)


class UniqueKeyDecider(Decider[str, UniqueKeyAssigned]):
    """The state is the id of the document that has the value, or nothing."""

    category = KEY
    events = (UniqueKeyAssigned,)

    def evolve(self, state: str | None, event: UniqueKeyAssigned, record: RecordedEvent) -> str:
        """The document that has the value now; empty where it was given up."""
        return event.document or ""


class CounterDecider(Decider[int, CounterRaised]):
    """The count of an entity's numbers; the state is the last one that was given."""

    category = COUNTER
    events = (CounterRaised,)

    def evolve(self, state: int | None, event: CounterRaised, record: RecordedEvent) -> int:
        """The number that the event gave."""
        return event.number
