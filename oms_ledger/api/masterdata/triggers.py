"""Triggers as their operators see them: states, runs, a dry run, the signing secret."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.masterdata.access import Access, MasterDataPermission, entity_name
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import instant, micros
from oms_ledger.masterdata.document import searchable
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.firing import fires_on_save, index_of
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.refusals import DocumentNotFound, InvalidBody, NotFound
from oms_ledger.masterdata.triggers import Trigger
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.services.masterdata import documents
from oms_ledger.services.masterdata.actions import Skipped, fired_by, rendered_action
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata import trigger_secrets, triggers
from projections.masterdata.orders import order_document
from projections.masterdata.triggers import Attempt, Run

router = APIRouter(prefix="/api/ledger/masterdata", tags=["Ledger"])

TRIGGER = "/{entity}/triggers/{schema}/{trigger}"

MayManage = Annotated[Access, Depends(MasterDataPermission("manage_triggers"))]


@router.post("/trigger-secret", status_code=201)
async def post_secret(cell: TheCell, access: MayManage) -> Response:
    """A secret that signs what triggers send; shown this once, and the previous one ends."""
    return json_response(
        {"secret": await cell.write(trigger_secrets.rotate, cell.encryption, access.account)}, 201
    )


@router.get("/{entity}/triggers")
async def get_triggers(entity: PathId, cell: TheCell, access: MayManage) -> Response:
    """Every trigger of an entity, with the counts of its runs by state."""
    name = entity_name(entity)
    state = await read_entity(cell, access.account, name)

    def look(connection: Connection) -> tuple[dict[Any, Any], dict[Any, int]]:
        counts = triggers.counted(connection, access.account, name)
        return counts, triggers.oldest_waiting(connection, access.account, name)

    counts, oldest = await cell.read(look)
    fields = []
    for schema in state.schemas.values():
        for trigger in schema.triggers:
            key = (schema.name, trigger.name)
            fields.append(
                {
                    "schema": schema.name,
                    "name": trigger.name,
                    "type": trigger.type,
                    "active": trigger.active,
                    "runs": {one: counts.get(key, {}).get(one, 0) for one in triggers.STATES},
                    "oldestWaiting": _spell(oldest.get(key)),
                }
            )
    return json_response(fields)


def _spell(at: int | None) -> str | None:
    return None if at is None else spell(instant(at), PII_ZONE)


@router.get(f"{TRIGGER}/runs")
async def get_runs(
    entity: PathId,
    schema: PathId,
    trigger: PathId,
    cell: TheCell,
    access: MayManage,
    state: str | None = None,
) -> Response:
    """The newest 100 runs of a trigger, with their attempts and what they send."""
    if state is not None and state not in triggers.STATES:
        raise InvalidBody(f"state: expected one of {', '.join(triggers.STATES)}")
    name = entity_name(entity)

    def look() -> list[dict[str, Any]]:
        with cell.database.snapshot() as connection:
            found = triggers.listed(connection, access.account, name, schema, trigger, state)
            attempts = triggers.attempts_of(connection, [run.id for run in found])
        return [serialize_run(run, attempts[run.id], _request(cell, run)) for run in found]

    return json_response(await asyncio.to_thread(look))


def _request(cell: Cell, run: Run) -> Any:
    """The action as it is rendered now; None where what it is about is gone."""
    try:
        single_fire = fired_by(cell, run)
    except Skipped:
        return None
    return rendered_action(single_fire.trigger.action, single_fire.document)


def serialize_run(run: Run, attempts: list[Attempt], request: Any) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "document": run.stream.rpartition("/")[2],
        "version": run.version,
        "due": _spell(run.due_at),
        "created": _spell(run.created_at),
        "finished": _spell(run.finished_at),
        "error": run.last_error,
        "attempts": [
            {
                "at": _spell(one.at),
                "durationMs": one.duration // 1000,
                "status": one.status,
                "error": one.error,
            }
            for one in attempts
        ],
        "request": request,
    }


@router.post("/{entity}/triggers/{schema}/{trigger}/runs/{run}/requeue", status_code=202)
async def requeue_run(
    entity: PathId, schema: PathId, trigger: PathId, run: PathId, cell: TheCell, access: MayManage
) -> Response:
    """Have a run that is dead, skipped or cancelled made again."""

    def write(connection: Connection) -> bool:
        known = triggers.get(connection, access.account, run)
        place = (entity_name(entity), schema, trigger)
        if known is None or (known.entity, known.schema, known.trigger) != place:
            return False
        now = micros(cell.ledger.now())
        return triggers.requeue(connection, access.account, known.id, now)

    if not await cell.write(write):
        raise NotFound(f"Run '{run}' not found among those that can be made again")
    return Response(status_code=202)


@router.post(f"{TRIGGER}/dry-run")
async def dry_run(
    entity: PathId,
    schema: PathId,
    trigger: PathId,
    request: Request,
    cell: TheCell,
    access: MayManage,
) -> Response:
    """Whether a trigger would fire for a document, and what it would send; sends nothing.

    `document` is one itself, or the id of one.
    """
    name, body = entity_name(entity), await json_body(request)
    state = await read_entity(cell, access.account, name)
    known = _trigger(state, schema, trigger)
    given = body.get("document") if isinstance(body, dict) else None
    document = await _document(cell, access, name, given)
    condition = holds(known.condition, document, state.paths)

    def complying(one: str) -> bool:
        return bool(state.schemas[one].validator.valid(document))

    single_fire = fires_on_save(index_of(state), {"id": "", **document}, complying, state.paths)
    mine = [one.trigger for one in single_fire if one.schema == schema]
    fields = {
        "condition": condition,
        "compliesWithSchema": complying(schema),
        "fires": any(one.name == known.name for one in mine),
        "arm": next((one.name for one in mine if one.weight), None),
        "action": rendered_action(known.action, document),
    }
    return json_response(fields)


def _trigger(state: Entity, schema: str, name: str) -> Trigger:
    found = state.schemas.get(schema)
    for one in found.triggers if found else ():
        if one.name == name:
            return one
    raise NotFound(f"Trigger '{name}' not found in schema '{schema}'")


async def _document(cell: Cell, access: Access, name: str, given: Any) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    if not isinstance(given, str):
        raise InvalidBody("document: expected an object or the id of a document")
    if name == ORDERS:
        return order_document(await cell.ledger.order(access.account, given))
    found = await documents.get(cell, access.account, name, given)
    if found is None:
        raise DocumentNotFound()
    return searchable(found)
