"""Schemas and indices of an entity, and the entities of an account."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import PublicRoute, TheCell, known_caller
from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT, PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import unauthorized
from oms_ledger.api.masterdata.access import Access, MasterDataPermission, entity_name
from oms_ledger.api.orders.documents import json_response
from oms_ledger.masterdata import builtin
from oms_ledger.masterdata.entity import Entity, Index
from oms_ledger.masterdata.names import require_schema
from oms_ledger.masterdata.refusals import NotFound
from oms_ledger.masterdata.schemas import declared
from oms_ledger.services.masterdata import entities
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata import documents as view

router = APIRouter(tags=["Master Data"])

SCHEMAS = "/api/dataentities/{entity}/schemas"
INDICES = "/api/dataentities/{entity}/indices"
PERSISTED = (
    "JSON Schema persisted successfully. Revalidation and indexing process running in background."
)

MayReadSchemas = Annotated[Access, Depends(MasterDataPermission("read_schemas"))]
MayWriteSchemas = Annotated[Access, Depends(MasterDataPermission("write_schemas"))]
MayListIndices = Annotated[Access, Depends(MasterDataPermission("list_indices"))]
MayReadIndex = Annotated[Access, Depends(MasterDataPermission("read_index"))]
MayWriteIndex = Annotated[Access, Depends(MasterDataPermission("write_index"))]
MayDeleteIndex = Annotated[Access, Depends(MasterDataPermission("delete_index"))]
MayListEntities = Annotated[Access, Depends(MasterDataPermission("list_entities"))]
MayReadEntity = Annotated[Access, Depends(MasterDataPermission("read_entity"))]


@router.get(SCHEMAS)
async def get_schemas(entity: PathId, cell: TheCell, access: MayReadSchemas) -> Response:
    """The schemas of an entity; where there is one only, that one itself."""
    state = await read_entity(cell, access.account, entity_name(entity))
    if len(state.bodies) == 1:
        return json_response(next(iter(state.bodies.values())))
    return json_response([{"name": n, "schema": body} for n, body in state.bodies.items()])


@router.get(f"{SCHEMAS}/{{schema}}")
async def get_schema(
    entity: PathId, schema: PathId, cell: TheCell, access: MayReadSchemas
) -> Response:
    """A schema as it was saved; an empty answer (204) when there is none."""
    state = await read_entity(cell, access.account, entity_name(entity))
    body = state.bodies.get(schema)
    return Response(status_code=204) if body is None else json_response(body)


@router.get(f"{SCHEMAS}/{{schema}}/public")
async def get_public_schema(
    entity: PathId,
    schema: PathId,
    request: Request,
    cell: TheCell,
    _: Annotated[None, Depends(PublicRoute("public_schema"))],
) -> Response:
    """A schema that says `publicJsonSchema`, without its triggers, for anybody."""
    requested = request.scope["state"].get(REQUESTED_ACCOUNT)
    if not requested:  # who has credentials is asked for their own account
        requested = (await known_caller(request)).account
    state = await read_entity(cell, str(requested), entity_name(entity))
    found = state.schemas.get(schema)
    if found is None or found.security is None or not found.security.json_schema:
        raise unauthorized(request.scope["path"])
    hidden = ("v-triggers", "v-trigger")
    return json_response({k: v for k, v in found.body.items() if k not in hidden})


@router.put(f"{SCHEMAS}/{{schema}}")
async def put_schema(
    entity: PathId, schema: PathId, request: Request, cell: TheCell, access: MayWriteSchemas
) -> Response:
    """Save a schema; documents are evaluated by it at once. 304 when it is equal to the stored
    one.
    """
    name = entity_name(entity)
    body = await json_body(request)
    changed = await entities.save_schema(cell, access.context, name, schema, body)
    if not changed:
        return Response(status_code=304)
    await request.app.state.documents.wait()
    return json_response({"Message": PERSISTED})


@router.delete(f"{SCHEMAS}/{{schema}}")
async def delete_schema(
    entity: PathId, schema: PathId, request: Request, cell: TheCell, access: MayWriteSchemas
) -> Response:
    """Delete a schema; documents stay."""
    await entities.delete_schema(cell, access.context, entity_name(entity), schema)
    await request.app.state.documents.wait()
    return Response(status_code=204)


@router.get("/api/ledger/masterdata/{entity}/schemas/{schema}/progress", tags=["Ledger"])
async def get_progress(
    entity: PathId, schema: PathId, request: Request, cell: TheCell, access: MayReadSchemas
) -> Response:
    """How far evaluating the stored documents again is: `total`, `done`, `valid`, `invalid`."""
    name, wanted = entity_name(entity), require_schema(schema)
    await request.app.state.documents.wait()

    return json_response(await cell.read(view.progress, access.account, name, wanted))


# Indices


def _serialize_index(entity: str, index: Index) -> dict[str, Any]:
    """An index in the published form."""
    return {
        "name": index.name,
        "acronym": entity,
        "isGlobal": False,
        "multiple": index.multiple,
        "fields": ",".join(index.fields),
    }


@router.get(INDICES)
async def get_indices(entity: PathId, cell: TheCell, access: MayListIndices) -> Response:
    """Answer the indices of an entity."""
    state = await read_entity(cell, access.account, entity_name(entity))
    return json_response([_serialize_index(state.name, one) for one in state.indices.values()])


@router.get(f"{INDICES}/{{index}}")
async def get_index(entity: PathId, index: PathId, cell: TheCell, access: MayReadIndex) -> Response:
    """Answer one index."""
    state = await read_entity(cell, access.account, entity_name(entity))
    found = state.indices.get(index)
    if found is None:
        raise NotFound(f"Index '{index}' not found")
    return json_response(_serialize_index(state.name, found))


@router.put(INDICES)
async def put_index(
    entity: PathId, request: Request, cell: TheCell, access: MayWriteIndex
) -> Response:
    """Create or replace an index; with `multiple: false` its values are unique from now on."""
    name, index = entity_name(entity), entities.index_of(await json_body(request))
    await request.app.state.documents.wait()
    await entities.save_index(cell, access.context, name, index)
    return Response(status_code=200)


@router.delete(f"{INDICES}/{{index}}")
async def delete_index(
    entity: PathId, index: PathId, cell: TheCell, access: MayDeleteIndex
) -> Response:
    """Delete an index; documents stay, and may have the same values again."""
    await entities.delete_index(cell, access.context, entity_name(entity), index)
    return Response(status_code=204)


# Entities


@router.get("/api/dataentities")
async def get_entities(request: Request, cell: TheCell, access: MayListEntities) -> Response:
    """Answer the entities of the account, with the built-in ones."""
    await request.app.state.documents.wait()

    names = dict.fromkeys((*builtin.ENTITIES, *await cell.read(view.entities_of, access.account)))
    return json_response([_serialized(name) for name in names])


@router.get("/api/dataentities/{entity}")
async def get_entity(entity: PathId, cell: TheCell, access: MayReadEntity) -> Response:
    """An entity with the fields that its schemas declare."""
    state = await read_entity(cell, access.account, entity_name(entity))
    return json_response({**_serialized(state.name), "fields": _fields(state)})


def _serialized(name: str) -> dict[str, Any]:
    return {"acronym": name, "name": name, "primaryKeyType": "GUID", "allowGetAll": False}


_TYPES = {"integer": "Integer", "number": "Decimal", "boolean": "Boolean", "string": "Text"}


def _fields(entity: Entity) -> list[dict[str, Any]]:
    found: dict[str, str] = dict(builtin.FIELDS.get(entity.name, {}))
    required = set[str]()
    for schema in entity.schemas.values():
        needed = schema.whole.get("required")
        required |= set(needed) if isinstance(needed, list) else set()
        for path, definition in declared(schema.whole.get("properties")):
            found.setdefault(path, str(definition.get("type") or "object"))
    return [
        {
            "name": name,
            "type": _TYPES.get(kind, "Object"),
            "displayName": name,
            "isNullable": name not in required,
            "isSearchable": name in entity.keyword_fields(),
            "isFilter": entity.knows(name),
            "isInternal": False,
        }
        for name, kind in found.items()
    ]
