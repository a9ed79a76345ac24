"""Versions of documents, and which clusters a document belongs to."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.masterdata import orders
from oms_ledger.api.masterdata.access import Access, MasterDataPermission, entity_name
from oms_ledger.api.masterdata.documents import DOCUMENT, receipt_of
from oms_ledger.api.masterdata.rendering import is_masked, masked_fields, whole
from oms_ledger.api.orders.documents import json_response
from oms_ledger.masterdata.condition import parse_condition
from oms_ledger.masterdata.document import cut_to, searchable
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.order_conditions import as_of_orders
from oms_ledger.masterdata.refusals import (
    DocumentNotFound,
    InvalidBody,
    InvalidFilter,
    NotFound,
)
from oms_ledger.orders.instants import seconds
from oms_ledger.services.masterdata import documents, versions
from oms_ledger.services.masterdata.documents import Outcome
from oms_ledger.services.masterdata.recording import read_entity

router = APIRouter(tags=["Master Data"])

VERSIONS = f"{DOCUMENT}/versions"
MOST_RULES = 5

MayRead = Annotated[Access, Depends(MasterDataPermission("read_documents"))]
MayWrite = Annotated[Access, Depends(MasterDataPermission("write_documents"))]


@router.get(VERSIONS)
async def get_versions(
    entity: PathId, document_id: PathId, request: Request, cell: TheCell, access: MayRead
) -> Response:
    """The versions of a document, newest first; with `load=true` what it was then."""
    name, query = entity_name(entity), request.query_params
    load = (query.get("load") or "").lower() in ("true", "1")
    names = [field.strip() for field in (query.get("fields") or "").split(",") if field.strip()]
    if name == ORDERS:
        return json_response(await orders.shown_versions(cell, access, document_id, load, names))
    found = await versions.versions(cell, access.account, name, document_id)
    state = await read_entity(cell, access.account, name)
    hidden = load and await is_masked(cell, access, state, [one.document for one in found])
    fields: list[dict[str, Any]] = []
    for one in found:
        line: dict[str, Any] = {"id": one.id, "date": seconds(one.at)}
        if load:
            document = whole(state, one.document)
            if hidden:
                document = masked_fields(document)
            line["document"] = cut_to(document, names) if names else document
        fields.append(line)
    return json_response(fields)


@router.get(f"{VERSIONS}/{{version}}")
async def get_version(
    entity: PathId, document_id: PathId, version: PathId, cell: TheCell, access: MayRead
) -> Response:
    """Answer a document as it was at a version, masked where the account masks it."""
    name = entity_name(entity)
    if name == ORDERS:
        return json_response(await orders.shown_version(cell, access, document_id, version))
    state = await read_entity(cell, access.account, name)
    found = await versions.version(cell, access.account, name, document_id, version)
    document = whole(state, found.document)
    if await is_masked(cell, access, state, [found.document]):
        document = masked_fields(document)
    return json_response({"id": found.id, "author": found.actor, "document": document})


@router.put(f"{VERSIONS}/{{version}}")
async def put_version(
    entity: PathId,
    document_id: PathId,
    version: PathId,
    request: Request,
    cell: TheCell,
    access: MayWrite,
) -> Response:
    """Make the document what it was in a version; 304 when it is so already."""
    name = entity_name(entity)
    documents.require_writable(name)
    saved = await versions.restore(cell, access.context, name, document_id, version)
    if saved.outcome is Outcome.UNCHANGED:
        return Response(status_code=304)
    fields = receipt_of(name, request, saved.document_id)
    return json_response({"Id": fields["Id"], "Href": fields["Href"]})


@router.post(f"{DOCUMENT}/clusters")
async def post_clusters(
    entity: PathId, document_id: PathId, request: Request, cell: TheCell, access: MayWrite
) -> Response:
    """Which of 1 to 5 rules a document satisfies."""
    name, body = entity_name(entity), await json_body(request)
    if not isinstance(body, list) or not 1 <= len(body) <= MOST_RULES:
        raise InvalidBody(f"The body: expected a list of 1 to {MOST_RULES} rules")
    rules = [_rule(one, name) for one in body]
    state = await read_entity(cell, access.account, name)
    if name == ORDERS:
        document = await orders.whole_order(cell, access, document_id)
    else:
        found = await documents.get(cell, access.account, name, document_id)
        if found is None:
            raise DocumentNotFound()
        document = searchable(found)

    def evaluate() -> list[dict[str, Any]]:
        return [
            {"name": rule, "isValid": holds(condition, document, state.paths)}
            for rule, condition in rules
        ]

    return json_response(await asyncio.to_thread(evaluate))


def _rule(given: Any, entity: str) -> tuple[Any, Any]:
    if not isinstance(given, dict) or not isinstance(given.get("rule"), str):
        raise InvalidBody("A rule: expected an object with name and rule")
    try:
        condition = parse_condition(given["rule"])
    except InvalidFilter as error:
        raise InvalidBody(f"Rule '{given.get('name')}': {error}") from None
    return given.get("name"), as_of_orders(condition) if entity == ORDERS else condition


ATTACHMENTS = (
    f"{DOCUMENT}/{{field}}/attachments",
    f"{DOCUMENT}/{{field}}/attachments/{{file:path}}",
    f"{DOCUMENT}/score/{{rest:path}}",
)


@router.api_route(ATTACHMENTS[0], methods=["GET", "POST", "DELETE"], include_in_schema=False)
@router.api_route(ATTACHMENTS[1], methods=["GET", "POST", "DELETE"], include_in_schema=False)
@router.api_route(ATTACHMENTS[2], methods=["GET", "PUT", "DELETE"], include_in_schema=False)
async def not_available(access: MayRead) -> Response:
    """Attachments and scores are features of v1 only."""
    raise NotFound("Not available")
