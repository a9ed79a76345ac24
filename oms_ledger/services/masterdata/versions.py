"""The previous states of a document."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.folding import Page
from oms_ledger.masterdata.document import Document
from oms_ledger.masterdata.refusals import DocumentNotFound, NotFound
from oms_ledger.masterdata.streams import document_stream
from oms_ledger.services.masterdata.documents import (
    Find,
    Save,
    Saved,
    get,
    require_writable,
    save,
)


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """`id` has 32 characters and is always the same for a version."""

    id: str
    document: Document
    at: datetime
    actor: str


async def versions(
    cell: Cell, account: str, entity: str, document_id: str
) -> list[DocumentVersion]:
    """The versions of a document, newest first; none from before it was deleted."""
    found = await get(cell, account, entity, document_id)
    if found is None:
        return []
    stream = document_stream(account, entity, found.id)
    return await asyncio.to_thread(_versions, cell, stream)


def _versions(cell: Cell, stream: str) -> list[DocumentVersion]:
    values: list[DocumentVersion] = []
    for row, _, _, after in Page(cell.store.stream(stream), cell.loader()).steps():
        document = after.state
        assert isinstance(document, Document)
        if not document.exists:
            values.clear()
            continue
        last = document.last_interaction
        values.append(
            DocumentVersion(version_id(stream, row.version), document, last.at, last.actor)
        )
    return values[::-1]


def version_id(stream: str, version: int) -> str:
    """The id of a version of a document, the same whenever it is asked for."""
    return hashlib.sha256(f"{stream}@{version}".encode()).hexdigest()[:32]


async def version(
    cell: Cell, account: str, entity: str, document_id: str, wanted: str
) -> DocumentVersion:
    """One version of a document; `DocumentNotFound` where either is not there."""
    found = await versions(cell, account, entity, document_id)
    if not found:
        raise DocumentNotFound()
    for one in found:
        if one.id == wanted:
            return one
    raise NotFound(f"Version '{wanted}' not found")


async def restore(
    cell: Cell, ctx: CommandContext, entity: str, document_id: str, wanted: str
) -> Saved:
    """Make a document what it was in a version, as a new version."""
    require_writable(entity)
    found = await version(cell, ctx.account, entity, document_id, wanted)
    body = dict(found.document.fields)
    return await save(cell, ctx, Save(entity, body, Find.PATH, found.document.id))
