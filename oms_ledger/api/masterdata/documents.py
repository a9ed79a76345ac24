"""Documents: created, replaced, changed in part, read and deleted."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.masterdata import orders
from oms_ledger.api.masterdata.access import Access, MasterDataPermission, entity_name
from oms_ledger.api.masterdata.queries import ParsedQuery, parsed_query
from oms_ledger.api.masterdata.rendering import rendered
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.masterdata.condition import ALWAYS
from oms_ledger.masterdata.document import IGNORED_FIELDS
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.refusals import DocumentNotFound, InvalidBody, PrivateFields
from oms_ledger.services.masterdata import documents
from oms_ledger.services.masterdata.documents import Find, Outcome, Save, Saved
from oms_ledger.services.masterdata.recording import read_entity

router = APIRouter(tags=["Master Data"])

DOCUMENTS = "/api/dataentities/{entity}/documents"
DOCUMENT = f"{DOCUMENTS}/{{document_id}}"

MayRead = Annotated[Access, Depends(MasterDataPermission("read_documents", anonymous=True))]
MayWrite = Annotated[Access, Depends(MasterDataPermission("write_documents", anonymous=True))]
MayDelete = Annotated[Access, Depends(MasterDataPermission("delete_documents"))]


@router.post(DOCUMENTS)
async def post_document(
    entity: PathId, request: Request, cell: TheCell, access: MayWrite
) -> Response:
    """Create a document; one that has the body's `id` is replaced."""
    saved = await _save(entity, request, cell, access, Find.BODY_ID, partial=False)
    return _serialized(entity, request, saved)


@router.put(DOCUMENTS)
async def put_document_by_key(
    entity: PathId, request: Request, cell: TheCell, access: MayWrite
) -> Response:
    """Replace the document with the body's `id` or its values of a unique index, or create it."""
    saved = await _save(entity, request, cell, access, Find.UNIQUE, partial=False)
    return _serialized(entity, request, saved)


@router.patch(DOCUMENTS)
async def patch_document_by_key(
    entity: PathId, request: Request, cell: TheCell, access: MayWrite
) -> Response:
    """Change the fields sent of the document that `id` or a unique index finds, or create it."""
    saved = await _save(entity, request, cell, access, Find.UNIQUE, partial=True)
    return _serialized(entity, request, saved)


@router.put(DOCUMENT)
async def put_document(
    entity: PathId, document_id: PathId, request: Request, cell: TheCell, access: MayWrite
) -> Response:
    """Create or replace a document."""
    saved = await _save(
        entity, request, cell, access, Find.PATH, partial=False, document_id=document_id
    )
    return Response(status_code=304 if saved.outcome is Outcome.UNCHANGED else 204)


@router.patch(DOCUMENT)
async def patch_document(
    entity: PathId, document_id: PathId, request: Request, cell: TheCell, access: MayWrite
) -> Response:
    """Create a document, or change the fields sent."""
    saved = await _save(
        entity, request, cell, access, Find.PATH, partial=True, document_id=document_id
    )
    return Response(status_code=304 if saved.outcome is Outcome.UNCHANGED else 204)


async def _save(
    entity: str,
    request: Request,
    cell: Cell,
    access: Access,
    find: Find,
    *,
    partial: bool,
    document_id: str | None = None,
) -> Saved:
    name, query = entity_name(entity), parsed_query(request)
    documents.require_writable(name)
    if not access.is_known:
        access.security(await read_entity(cell, access.account, name), query.schema)
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidBody("The body: expected an object")
    open_fields = await _open_fields(cell, access, name, query, body, document_id)
    given = document_id
    if given is not None:
        found = await documents.get(cell, access.account, name, given)
        given = found.id if found else given
    requested = Save(
        name,
        body,
        find,
        given,
        partial,
        query.schema,
        query.where if request.method in ("PUT", "PATCH") else ALWAYS,
        open_fields=open_fields,
    )
    return await documents.save(cell, access.context, requested)


async def _open_fields(
    cell: Cell,
    access: Access,
    name: str,
    query: ParsedQuery,
    body: dict[str, Any],
    document_id: str | None,
) -> frozenset[str] | None:
    """What may be set without credentials; refuses other fields, and a document by its id."""
    if access.is_known:
        return None
    entity = await read_entity(cell, access.account, name)
    security = access.security(entity, query.schema)
    security.require_writes(field for field in body if field not in (*IGNORED_FIELDS, "id"))
    given = document_id if document_id is not None else body.get("id")
    if given is not None and "id" not in security.write:
        raise PrivateFields("write")
    security.require_filters(query.asks_by())
    return security.write


def _serialized(entity: str, request: Request, saved: Saved) -> Response:
    if saved.outcome is Outcome.UNCHANGED:
        return Response(status_code=304)
    return json_response(
        receipt_of(entity, request, saved.document_id),
        201 if saved.outcome is Outcome.CREATED else 200,
    )


def receipt_of(entity: str, request: Request, document_id: str) -> dict[str, str]:
    """The published answer of a save."""
    base = str(request.base_url).rstrip("/")
    schema = parsed_query(request).schema
    query = f"?_schema={schema}" if schema else ""
    return {
        "Id": f"{entity}-{document_id}",
        "Href": f"{base}/api/dataentities/{entity}/documents/{quote(document_id, safe='')}{query}",
        "DocumentId": document_id,
    }


@router.get(DOCUMENT)
async def get_document(
    entity: PathId, document_id: PathId, request: Request, cell: TheCell, access: MayRead
) -> Response:
    """A document with the fields of `_fields`; without it, few or those that its schema names."""
    name, query = entity_name(entity), parsed_query(request)
    state = await read_entity(cell, access.account, name)
    if query.schema:
        state.schema(query.schema)
    if not access.is_known:
        access.security(state, query.schema).readable(query.fields)
    if name == ORDERS:
        return json_response(await orders.get_order(cell, access, document_id, query))
    found = await documents.get(cell, access.account, name, document_id)
    if found is None:
        raise DocumentNotFound()
    (shown,) = await rendered(cell, access, state, [found], query)
    return json_response(shown)


@router.delete(DOCUMENT)
async def delete_document(
    entity: PathId, document_id: PathId, cell: TheCell, access: MayDelete
) -> Response:
    """Delete a document with its versions; 204 as well when there is none."""
    await documents.delete(cell, access.context, entity_name(entity), document_id)
    return Response(status_code=204)
