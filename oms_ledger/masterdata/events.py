"""What happens to entities, their documents, their unique keys and their counters."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentSaved:
    """A document as it stands from now on.

    `chain` counts the saves by triggers that led here, 0 for anybody else's.
    """

    id: str
    fields: Json = field(default_factory=dict, metadata={"personal": True})
    chain: int = 0


@dataclass(frozen=True, slots=True)
class DocumentDeleted:
    """The document is gone with all its versions: its data key is deleted with this."""


@dataclass(frozen=True, slots=True)
class SchemaSaved:
    """A schema was made or replaced; `body` is as it was sent."""

    name: str
    body: Json


@dataclass(frozen=True, slots=True)
class SchemaDeleted:
    """A schema is gone; documents that comply with it stay as they are."""

    name: str


@dataclass(frozen=True, slots=True)
class IndexSaved:
    """An index was made or replaced; `multiple`: several documents may share its values."""

    name: str
    fields: tuple[str, ...]
    multiple: bool


@dataclass(frozen=True, slots=True)
class IndexDeleted:
    """An index is gone, and with it what it forbade."""

    name: str


@dataclass(frozen=True, slots=True)
class UniqueKeyAssigned:
    """Which document has a value of a unique index; None when no document has it any more."""

    document: str | None


@dataclass(frozen=True, slots=True)
class CounterRaised:
    """The number that was given to a new document last."""

    number: int


DocumentEvent = DocumentSaved | DocumentDeleted
EntityEvent = SchemaSaved | SchemaDeleted | IndexSaved | IndexDeleted
MasterDataEvent = DocumentEvent | EntityEvent | UniqueKeyAssigned | CounterRaised
