"""Configuring entities: their schemas and indices."""

import asyncio
from typing import Any

from sqlalchemy import select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.masterdata.entity import Entity, Index
from oms_ledger.masterdata.events import (
    IndexDeleted,
    IndexSaved,
    MasterDataEvent,
    SchemaDeleted,
    SchemaSaved,
    UniqueKeyAssigned,
)
from oms_ledger.masterdata.names import ORDERS, require_entity, require_schema
from oms_ledger.masterdata.refusals import (
    InvalidBody,
    InvalidSchema,
    MasterDataRefusal,
    ReadOnly,
    TooManySchemas,
)
from oms_ledger.masterdata.schemas import MOST_SCHEMAS, require_schema_body
from oms_ledger.masterdata.streams import entity_stream
from oms_ledger.services.masterdata.documents import unique_key
from oms_ledger.services.masterdata.recording import StreamReader, record
from projections.masterdata.documents import document_of
from projections.masterdata.tables import documents as t

MOST_INDICES, BATCH = 100, 200


async def save_schema(cell: Cell, ctx: CommandContext, entity: str, name: str, body: Any) -> bool:
    """Save a schema; False when it is equal to the stored one, and nothing happens."""
    require_entity(entity)
    require_schema(name)
    stream = entity_stream(ctx.account, entity)
    changed = False

    async def decide(reader: StreamReader) -> dict[str, list[MasterDataEvent]]:
        nonlocal changed
        state = await reader.entity(ctx.account, entity)
        others = {other: one for other, one in state.bodies.items() if other != name}
        schema = await asyncio.to_thread(require_schema_body, entity, name, body, others)
        if entity == ORDERS and schema.security is not None:
            raise InvalidSchema("v-security: orders cannot be opened to callers without a key")
        changed = state.bodies.get(name) != body
        if not changed:
            return {}
        if name not in state.bodies and len(state.bodies) >= MOST_SCHEMAS:
            raise TooManySchemas(entity)
        return {stream: [SchemaSaved(name, body)]}

    await record(cell, ctx, stream, decide)
    return changed


async def delete_schema(cell: Cell, ctx: CommandContext, entity: str, name: str) -> None:
    """Delete a schema; nothing where there is none."""
    require_entity(entity)
    stream = entity_stream(ctx.account, entity)

    async def decide(reader: StreamReader) -> dict[str, list[MasterDataEvent]]:
        state = await reader.entity(ctx.account, entity)
        return {stream: [SchemaDeleted(name)]} if name in state.bodies else {}

    await record(cell, ctx, stream, decide)


async def save_index(cell: Cell, ctx: CommandContext, entity: str, index: Index) -> None:
    """Save an index, which holds at once; `InvalidBody` where documents break a unique one.

    The documents' view has to be as new as the ledger.
    """
    require_entity(entity)
    if entity == ORDERS:
        raise ReadOnly()
    stream = entity_stream(ctx.account, entity)

    async def decide(reader: StreamReader) -> dict[str, list[MasterDataEvent]]:
        state = await reader.entity(ctx.account, entity)
        if state.indices.get(index.name) == index:
            return {}
        if index.name not in state.indices and len(state.indices) >= MOST_INDICES:
            raise MasterDataRefusal(f"indices: found {MOST_INDICES}, expected no more")
        if not index.multiple:
            await asyncio.to_thread(_require_unique, cell, ctx.account, state, index)
        return {stream: [IndexSaved(index.name, index.fields, index.multiple)]}

    recorded = await record(cell, ctx, stream, decide)
    if recorded is None and not index.multiple:
        await _assign_all(cell, ctx, entity, index)


def _require_unique(cell: Cell, account: str, entity: Entity, index: Index) -> None:
    seen: dict[str, str] = {}
    for document_id, fields in _documents(cell, account, entity.name):
        values = index.values(fields, entity.paths)
        if values is None:
            continue
        other = seen.setdefault(values, document_id)
        if other != document_id:
            raise InvalidBody(
                f"Duplicated entry for index '{index.name}': documents {other} and {document_id}"
            )


def _documents(cell: Cell, account: str, entity: str) -> list[tuple[str, dict[str, Any]]]:
    ours = (t.c.account == account, t.c.entity == entity)
    with cell.database.reading() as connection:
        found = [document_of(row) for row in connection.execute(select(t).where(*ours))]
    return [(document.id, document.fields) for document in found]


async def _assign_all(cell: Cell, ctx: CommandContext, entity: str, index: Index) -> None:
    """Give the values of existing documents to them, some at a time."""
    documents = await asyncio.to_thread(_documents, cell, ctx.account, entity)
    for at in range(0, len(documents), BATCH):
        some = documents[at : at + BATCH]

        async def decide(
            reader: StreamReader, some: list[tuple[str, dict[str, Any]]] = some
        ) -> dict[str, list[MasterDataEvent]]:
            paths = (await reader.entity(ctx.account, entity)).paths
            events = dict[str, list[MasterDataEvent]]()
            for document_id, fields in some:
                if (values := index.values(fields, paths)) is None:
                    continue
                key = unique_key(cell, ctx.account, entity, index, values)
                if not await reader.state(key):
                    events[key] = [UniqueKeyAssigned(document_id)]
            return events

        await record(cell, ctx, entity_stream(ctx.account, entity), decide)


async def delete_index(cell: Cell, ctx: CommandContext, entity: str, name: str) -> None:
    """Record that an entity has this index no more; one that is not there is refused."""
    require_entity(entity)
    if entity == ORDERS:
        raise ReadOnly()
    stream = entity_stream(ctx.account, entity)

    async def decide(reader: StreamReader) -> dict[str, list[MasterDataEvent]]:
        state = await reader.entity(ctx.account, entity)
        return {stream: [IndexDeleted(name)]} if name in state.indices else {}

    await record(cell, ctx, stream, decide)


def index_of(body: Any) -> Index:
    """The index that a body describes."""
    if not isinstance(body, dict):
        raise InvalidBody("The body: expected an object")
    name, fields = body.get("name"), body.get("fields")
    if not isinstance(name, str) or not 1 <= len(name) <= 100 or "/" in name:
        raise InvalidBody("name: expected 1 to 100 characters without /")
    names = tuple(part.strip() for part in fields.split(",")) if isinstance(fields, str) else ()
    if not names or not all(names) or len(names) > 10:
        raise InvalidBody("fields: expected 1 to 10 names of fields, separated by commas")
    multiple = body.get("multiple", False)
    if not isinstance(multiple, bool):
        raise InvalidBody("multiple: expected true or false")
    return Index(name, names, multiple)
