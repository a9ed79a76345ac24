"""Saving, reading and deleting documents."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.masterdata.condition import ALWAYS, Condition
from oms_ledger.masterdata.document import Document, merged, own_fields, searchable
from oms_ledger.masterdata.entity import Entity, Index
from oms_ledger.masterdata.events import (
    CounterRaised,
    DocumentDeleted,
    DocumentSaved,
    Json,
    MasterDataEvent,
    UniqueKeyAssigned,
)
from oms_ledger.masterdata.limits import require_content
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.names import ORDERS, require_document, require_entity
from oms_ledger.masterdata.refusals import (
    DuplicatedEntry,
    InvalidBody,
    InvalidDocument,
    PrivateFields,
    ReadOnly,
)
from oms_ledger.masterdata.streams import (
    DOCUMENT,
    category_of,
    counter_stream,
    document_stream,
    entity_stream,
    key_stream,
)
from oms_ledger.services.masterdata.recording import StreamReader, record


class Find(Enum):
    """How a save finds its document: by its id, by the body's id, or by a unique index as well."""

    PATH = "path"
    BODY_ID = "body id"
    UNIQUE = "unique index"


class Outcome(Enum):
    """What saving a document did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Save:
    """A save as it was asked for; `chain` counts the saves by triggers that led to it."""

    entity: str
    body: Json
    find: Find
    document_id: str | None = None
    partial: bool = False
    schema: str | None = None
    where: Condition = ALWAYS
    chain: int = 0
    fresh_id: str | None = None
    """The id of a new document, where whoever saves may do so again after a crash."""
    open_fields: frozenset[str] | None = None
    """The fields that the caller may set; `id` is among them where documents may be changed."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving did, and the document's id."""

    outcome: Outcome
    document_id: str


async def save(cell: Cell, ctx: CommandContext, requested: Save) -> Saved:
    """Save a document; its answer comes when it is durable.

    Refused where the schema, a unique index or a rule says no: then nothing is stored.
    """
    require_writable(requested.entity)
    given = _given_id(requested)
    fresh = given or requested.fresh_id or _fresh_id(cell, ctx)
    saving = _Saving(cell, ctx, requested, given, fresh)
    repeated = await record(cell, ctx, saving.turn, saving.decide)
    if repeated is not None:
        return await saving.repeated(repeated)
    return Saved(saving.outcome, saving.document_id)


def require_writable(entity: str) -> None:
    """Refuse what is no name of an entity, and `orders`, which is read only."""
    require_entity(entity)
    if entity == ORDERS:
        raise ReadOnly()


def _given_id(requested: Save) -> str | None:
    sent = requested.body.get("id")
    if sent is not None and not isinstance(sent, str):
        sent = str(sent) if isinstance(sent, int) and not isinstance(sent, bool) else ""
    if requested.document_id is None:
        return None if sent is None else require_document(sent)
    require_document(requested.document_id)
    if sent is not None and sent.casefold() not in (
        requested.document_id.casefold(),
        f"{requested.entity}-{requested.document_id}".casefold(),
    ):
        raise InvalidBody(f"id: found '{sent[:100]}', expected that of the path")
    return requested.document_id


def _fresh_id(cell: Cell, ctx: CommandContext) -> str:
    claim = ctx.claim()
    if claim is None:
        return str(uuid.uuid4())
    # The same request again makes the same document.
    digest = cell.encryption.sign(f"document/{claim.account}/{claim.name}")
    return str(uuid.UUID(digest, version=4))


class _Saving:
    """One save: decided as often as others write in between."""

    def __init__(
        self, cell: Cell, ctx: CommandContext, requested: Save, given: str | None, fresh: str
    ) -> None:
        self._cell, self._ctx, self._save = cell, ctx, requested
        self._given, self._fresh = given, fresh
        self.outcome, self.document_id = Outcome.UNCHANGED, fresh
        counted = not given and requested.find is not Find.BODY_ID
        self.turn = (
            entity_stream(ctx.account, requested.entity)
            if counted or requested.schema
            else document_stream(ctx.account, requested.entity, fresh)
        )

    async def decide(self, reader: StreamReader) -> dict[str, list[MasterDataEvent]]:
        requested, account = self._save, self._ctx.account
        await reader.look_at(
            entity_stream(account, requested.entity),
            document_stream(account, requested.entity, self._given or self._fresh),
        )
        entity = await reader.entity(account, requested.entity)
        if requested.schema:
            entity.schema(requested.schema)
        self.document_id = await self._found(reader, entity)
        stream = document_stream(account, requested.entity, self.document_id)
        state = await reader.state(stream)
        before = state if isinstance(state, Document) and state.exists else None
        if before is None:
            self._cell.encryption.forget(stream)  # a new document never takes a previous one's key
        else:
            self.document_id = before.id
        self.outcome = Outcome.UNCHANGED
        if requested.where != ALWAYS and not (
            before and holds(requested.where, searchable(before), entity.paths)
        ):
            return {}
        events = dict[str, list[MasterDataEvent]]()
        if before is not None:
            self._require_open(before)
        fields = self._fields(entity, before)
        if before is None:
            await self._count(reader, entity, fields, events)
        elif _same(before.fields, fields):
            return {}
        require_content(fields)
        if requested.schema and (
            problems := entity.schema(requested.schema).validator.problems(fields)
        ):
            raise InvalidDocument(problems)
        await self._assign(reader, entity, before, fields, events)
        events[stream] = [DocumentSaved(self.document_id, fields, requested.chain)]
        self.outcome = Outcome.CREATED if before is None else Outcome.CHANGED
        return events

    def _require_open(self, before: Document) -> None:
        """Whoever may set some fields alone names no document, and takes no other field away."""
        open_fields = self._save.open_fields
        if open_fields is None:
            return
        if "id" not in open_fields or not (
            self._save.partial or open_fields >= before.fields.keys()
        ):
            raise PrivateFields("write")

    async def _found(self, reader: StreamReader, entity: Entity) -> str:
        if self._given is None and self._save.find is Find.UNIQUE:
            for index in entity.index_named_by(self._save.body):
                values = index.values(self._save.body, entity.paths)
                if values and (holder := await reader.state(self._key(index, values))):
                    return str(holder)
        return self._given or self._fresh

    def _fields(self, entity: Entity, before: Document | None) -> Json:
        sent = dict(self._save.body)
        for name in entity.counted:
            sent.pop(name, None)
            if before is not None and name in before.fields:
                sent[name] = before.fields[name]
        if self._save.partial and before is not None:
            return merged(before.fields, sent)
        return own_fields(sent)

    async def _count(
        self,
        reader: StreamReader,
        entity: Entity,
        fields: Json,
        events: dict[str, list[MasterDataEvent]],
    ) -> None:
        if not self._save.schema:
            return
        for name in entity.schema(self._save.schema).auto_increment:
            stream = counter_stream(self._ctx.account, entity.name, name)
            number = int(await reader.state(stream) or 0) + 1
            events[stream] = [CounterRaised(number)]
            fields[name] = number

    async def _assign(
        self,
        reader: StreamReader,
        entity: Entity,
        before: Document | None,
        fields: Json,
        events: dict[str, list[MasterDataEvent]],
    ) -> None:
        """Give up the previous values of unique indices, and take the new ones."""
        for index in entity.unique_indices:
            former = index.values(before.fields, entity.paths) if before else None
            values = index.values(fields, entity.paths)
            if former == values:
                continue
            if former is not None:
                stream = self._key(index, former)
                if await reader.state(stream) == self.document_id:
                    events[stream] = [UniqueKeyAssigned(None)]
            if values is not None:
                stream = self._key(index, values)
                holder = await reader.state(stream)
                if holder and holder != self.document_id:
                    raise DuplicatedEntry(index.name)
                events[stream] = [UniqueKeyAssigned(self.document_id)]

    def _key(self, index: Index, values: str) -> str:
        return unique_key(self._cell, self._ctx.account, self._save.entity, index, values)

    async def repeated(self, versions: Mapping[str, int]) -> Saved:
        """The answer of a request that was recorded before; `versions` are those it wrote."""
        for stream, version in versions.items():
            if category_of(stream) == DOCUMENT:
                loaded_state = await asyncio.to_thread(
                    self._cell.ledger.loader.load, stream, version
                )
                outcome = Outcome.CREATED if version == 1 else Outcome.CHANGED
                return Saved(outcome, loaded_state.state.id)
        return Saved(Outcome.UNCHANGED, self._given or self._fresh)


def unique_key(cell: Cell, account: str, entity: str, index: Index, values: str) -> str:
    """The stream that says who has the values of a unique index."""
    name = "\x1f".join((account, entity, index.name, ",".join(index.fields), values))
    return key_stream(account, entity, index.name, cell.encryption.sign(name))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents are equal as JSON values."""
    if one.keys() != other.keys():
        return False
    sort = orjson.OPT_SORT_KEYS
    return orjson.dumps(one, option=sort) == orjson.dumps(other, option=sort)


async def get(cell: Cell, account: str, entity: str, document_id: str) -> Document | None:
    """A document as it is now; `{entity}-{id}` finds it too, where none has that whole id."""
    for name in _ids(entity, document_id):
        stream = document_stream(account, entity, name)
        state = (await cell.ledger.latest_of([stream]))[stream].state
        if isinstance(state, Document) and state.exists:
            return state
    return None


def _ids(entity: str, document_id: str) -> list[str]:
    prefix = f"{entity}-"
    if document_id.startswith(prefix) and len(document_id) > len(prefix):
        return [document_id, document_id[len(prefix) :]]
    return [document_id]


async def delete(cell: Cell, ctx: CommandContext, entity: str, document_id: str) -> None:
    """Delete a document with its versions; nothing where there is none."""
    require_writable(entity)
    found = await get(cell, ctx.account, entity, document_id)
    if found is None:
        return
    stream = document_stream(ctx.account, entity, found.id)

    async def decide(reader: StreamReader) -> dict[str, list[MasterDataEvent]]:
        state = await reader.state(stream)
        if not isinstance(state, Document) or not state.exists:
            return {}
        events: dict[str, list[MasterDataEvent]] = {stream: [DocumentDeleted()]}
        for index in (await reader.entity(ctx.account, entity)).unique_indices:
            paths = (await reader.entity(ctx.account, entity)).paths
            if (values := index.values(state.fields, paths)) is None:
                continue
            key = unique_key(cell, ctx.account, entity, index, values)
            if await reader.state(key) == state.id:
                events[key] = [UniqueKeyAssigned(None)]
        return events

    await record(cell, ctx, stream, decide)
