"""A document: its own fields, and what every document says of itself."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from oms_ledger.masterdata.events import DocumentDeleted, DocumentEvent, DocumentSaved, Json
from oms_ledger.masterdata.names import document_key
from oms_ledger.orders.instants import PII_ZONE, spell

IGNORED_FIELDS = frozenset(
    {
        "accountId", "accountName", "dataEntityId", "createdBy", "createdIn", "updatedBy",
        "updatedIn", "lastInteractionBy", "lastInteractionIn", "followers", "tags", "schemas",
    }
)  # fmt: skip
"""Fields that a body cannot set."""

INTERNAL_FIELDS = (
    "id", "accountId", "accountName", "dataEntityId", "createdBy", "createdIn", "updatedBy",
    "updatedIn", "lastInteractionBy", "lastInteractionIn", "followers", "tags", "schemas",
)  # fmt: skip

_ACCOUNTS = uuid.UUID("6f2f2a5e-6a3c-5a53-9c8c-6f4f0d1f4c55")


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote an event, and when."""

    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """`id` is as it was first spelled. `exists` is False after it was deleted."""

    account: str
    entity: str
    id: str
    created: Author
    updated: Author | None = None
    fields: Json = field(default_factory=dict)
    chain: int = 0
    exists: bool = True

    @property
    def key(self) -> str:
        """The id without case, which no other document of the entity has."""
        return document_key(self.id)

    @property
    def last_interaction(self) -> Author:
        """Who wrote it last: by whom it was changed, else made."""
        return self.updated or self.created


def evolve_document(
    before: Document | None, event: DocumentEvent, account: str, entity: str, author: Author
) -> Document:
    """The document after an event."""
    match event:
        case DocumentSaved(document_id, fields, chain):
            if before is None or not before.exists:
                return Document(account, entity, document_id, author, fields=fields, chain=chain)
            return replace(before, fields=fields, updated=author, chain=chain)
        case DocumentDeleted():
            assert before is not None, "what is deleted was there"
            return replace(before, exists=False, fields={}, updated=author)


def internal_fields(document: Document) -> Json:
    """What every document says of itself, without the schemas that it complies with."""
    updated, last = document.updated, document.last_interaction
    return {
        "id": document.id,
        "accountId": account_id(document.account),
        "accountName": document.account,
        "dataEntityId": document.entity,
        "createdBy": document.created.actor,
        "createdIn": spell(document.created.at, PII_ZONE),
        "updatedBy": updated and updated.actor,
        "updatedIn": updated and spell(updated.at, PII_ZONE),
        "lastInteractionBy": last.actor,
        "lastInteractionIn": spell(last.at, PII_ZONE),
        "followers": [],
        "tags": [],
    }


def account_id(account: str) -> str:
    """A UUID that is always the same for an account."""
    return str(uuid.uuid5(_ACCOUNTS, account))


def searchable(document: Document) -> Json:
    """The document as conditions and expressions see it."""
    return {**document.fields, **internal_fields(document)}


def merged(before: Mapping[str, Any], sent: Mapping[str, Any]) -> Json:
    """The fields after a partial save: those sent take the place of the previous, whole."""
    return {**before, **own_fields(sent)}


def own_fields(sent: Mapping[str, Any]) -> Json:
    """What a body sets: all but the id, and what every document says of itself."""
    return {k: v for k, v in sent.items() if k not in IGNORED_FIELDS and k != "id"}


def cut_to(document: Mapping[str, Any], names: Sequence[str]) -> Json:
    """The named fields; one that is missing is null, of `a.b` only that part is shown."""
    values: Json = {}
    for name in names:
        path = name.split(".")
        if len(path) == 1 or name in document:
            values[name] = document.get(name)
            continue
        values[path[0]] = _joined(values.get(path[0]), _part(document.get(path[0]), path[1:]))
    return values


def _part(value: Any, path: Sequence[str]) -> Any:
    """What is at the path, with nothing beside it; of a list, of each member."""
    if not path:
        return value
    if isinstance(value, list):
        return [_part(member, path) for member in value]
    if not isinstance(value, dict):
        return None
    return {path[0]: _part(value.get(path[0]), path[1:])}


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        both = dict(one)
        for name, value in other.items():
            both[name] = _joined(both[name], value) if name in both else value
        return both
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_joined(a, b) for a, b in zip(one, other, strict=True)]
    return other if one is None else one
