"""Documents as answers show them: the fields asked for, links, and nothing private."""

import asyncio
from collections.abc import Sequence
from typing import Any

from oms_ledger.accounts.events import DocumentsDisclosed
from oms_ledger.api.masterdata.access import Access
from oms_ledger.api.masterdata.queries import ParsedQuery
from oms_ledger.cell import Cell
from oms_ledger.masterdata.condition import Compare, Literal
from oms_ledger.masterdata.document import (
    INTERNAL_FIELDS,
    Document,
    cut_to,
    internal_fields,
)
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.names import ADDRESSES, CLIENTS
from oms_ledger.orders.documents.masking import masked
from oms_ledger.services.masterdata import documents
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata.search import Query, search

Json = dict[str, Any]

WITHOUT_FIELDS = ("id", "accountId", "accountName", "dataEntityId")


def whole(entity: Entity, document: Document) -> Json:
    """Every field: own ones first, in stored order, then what every document says of itself."""
    values = {**document.fields, **internal_fields(document)}
    if entity.name in (CLIENTS, ADDRESSES):
        return {**values, "auto_filter": None}
    return {**values, "schemas": entity.satisfied(document.fields)}


async def rendered(
    cell: Cell, access: Access, entity: Entity, found: Sequence[Document], query: ParsedQuery
) -> list[Json]:
    """The documents with the fields that the query asks for and the caller may see."""
    names = _names(access, entity, query)
    hidden = await is_masked(cell, access, entity, found)
    values = []
    for document in found:
        all_fields = whole(entity, document)
        if hidden:
            all_fields = masked_fields(all_fields)
        shown = all_fields if names is None else cut_to(all_fields, names)
        if query.schema and access.is_known:
            shown |= await _linked(cell, access, entity, document, query, names)
        values.append(shown)
    return values


def _names(access: Access, entity: Entity, query: ParsedQuery) -> Sequence[str] | None:
    """The names to show; None for all."""
    if not access.is_known:
        security = access.security(entity, query.schema)
        return security.readable(query.fields)
    if query.has_fields:
        return query.fields
    if query.schema and (defaults := entity.schema(query.schema).default_fields):
        return defaults
    return WITHOUT_FIELDS


async def is_masked(cell: Cell, access: Access, entity: Entity, found: Sequence[Document]) -> bool:
    """Whether the account masks these documents; a reason shows them, and is recorded."""
    if entity.name not in (CLIENTS, ADDRESSES):
        return False
    if not (await cell.ledger.account(access.account)).setting("pii"):
        return False
    if access.reason is None:
        return True
    ids = tuple(dict.fromkeys(one.id for one in found))
    if ids:
        shown = DocumentsDisclosed(entity.name, len(ids), ids, access.reason)
        await cell.ledger.change_account(access.context, lambda _: [shown])
    return False


def masked_fields(shown: Json) -> Json:
    """The fields of a document with every text of its own masked."""
    return {
        name: value if name in INTERNAL_FIELDS else _masked(value) for name, value in shown.items()
    }


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return masked(value) if isinstance(value, str) else value


async def _linked(
    cell: Cell,
    access: Access,
    entity: Entity,
    document: Document,
    query: ParsedQuery,
    names: Sequence[str] | None,
) -> Json:
    """For each field that names another document, that one's default fields; null without it."""
    assert query.schema is not None
    values: Json = {}
    for name, (other, schema, field) in entity.schema(query.schema).links.items():
        if names is None or name in names:
            value = document.fields.get(name)
            values[f"{name}_linked"] = await _other(cell, access, other, schema, field, value)
    return values


async def _other(
    cell: Cell, access: Access, other: str, schema: str | None, field: str, value: Any
) -> Json | None:
    """The default fields of the document that a field names."""
    if not isinstance(value, str) or not value:
        return None
    account = access.account
    entity = await read_entity(cell, account, other)
    if field == "id":
        found = await documents.get(cell, account, other, value)
    else:
        found = await asyncio.to_thread(_find, cell, account, entity, field, value)
    if found is None:
        return None
    shown = whole(entity, found)
    if await is_masked(cell, access, entity, [found]):
        shown = masked_fields(shown)
    known = entity.schemas.get(schema or "")
    if known is not None and known.default_fields:
        return cut_to(shown, known.default_fields)
    return {k: v for k, v in shown.items() if k not in INTERNAL_FIELDS or k == "id"}


def _find(cell: Cell, account: str, entity: Entity, field: str, value: str) -> Document | None:
    query = Query(account, entity, Compare(field, "=", Literal(value)))
    with cell.database.snapshot() as connection:
        found = search(connection, query, 0, 1)
    return found.documents[0] if found.documents else None
