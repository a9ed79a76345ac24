"""Triggers as their operators see them: states, runs, a dry run, the signing secret."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.accounts.trigger_secrets import TriggerSecretRotated
from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.masterdata.access import Access, MasterDataPermission, entity_name
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import instant
from oms_ledger.masterdata.document import searchable
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.firing import fires_on_save, index_of
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.refusals import DocumentNotFound, InvalidBody, NotFound
from oms_ledger.masterdata.triggers import Trigger
from oms_ledger.notifications import channel
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.services import signals
from oms_ledger.services.masterdata import documents
from oms_ledger.services.masterdata.actions import NothingLeft, fired_by, rendered_action
from oms_ledger.services.masterdata.outbox import make_again
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata import runs as trigger_runs
from projections.masterdata.orders import order_document
from projections.masterdata.runs import Run, run_of
from projections.notifications.hooks import new_secret
from projections.outbox import messages
from projections.outbox.messages import AttemptRecord

router = APIRouter(prefix="/api/ledger/masterdata", tags=["Ledger"])

TRIGGER = "/{entity}/triggers/{schema}/{trigger}"

MayManage = Annotated[Access, Depends(MasterDataPermission("manage_triggers"))]


@router.post("/trigger-secret", status_code=201)
async def post_secret(cell: TheCell, access: MayManage) -> Response:
    """A secret that signs what triggers send; shown this once, and the previous one ends."""
    secret = new_secret()
    await cell.ledger.configure(access.context, lambda _: [TriggerSecretRotated(secret)])
    return json_response({"secret": secret}, 201)


@router.get("/{entity}/triggers")
async def get_triggers(entity: PathId, cell: TheCell, access: MayManage) -> Response:
    """Every trigger of an entity, with the counts of its runs by state."""
    name = entity_name(entity)
    state = await read_entity(cell, access.account, name)

    def look(connection: Connection) -> tuple[dict[Any, Any], dict[Any, int]]:
        counts = trigger_runs.counted(connection, access.account, name)
        return counts, trigger_runs.oldest_waiting(connection, access.account, name)

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
                    "runs": {one: counts.get(key, {}).get(one, 0) for one in trigger_runs.SHOWN},
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
    if state is not None and state not in trigger_runs.SHOWN:
        raise InvalidBody(f"state: expected one of {', '.join(trigger_runs.SHOWN)}")
    name = entity_name(entity)

    def look() -> list[dict[str, Any]]:
        with cell.database.snapshot() as connection:
            found = trigger_runs.listed(connection, access.account, name, schema, trigger, state)
            attempts = messages.attempts_of(connection, [run.id for run in found])
        return [_serialize_run(run, attempts[run.id], _request(cell, run)) for run in found]

    return json_response(await asyncio.to_thread(look))


def _request(cell: Cell, run: Run) -> Any:
    """The action as it is rendered now; None where what it is about is gone."""
    try:
        single_fire = fired_by(cell, run)
    except NothingLeft:
        return None
    return rendered_action(single_fire.trigger.action, single_fire.document)


def _skipped(run: Run) -> str | None:
    """Why it was skipped, where that says more than its state."""
    return run.message.skip_reason if run.state == "skipped" else None


def _serialize_run(run: Run, attempts: list[AttemptRecord], request: Any) -> dict[str, Any]:
    """A run of a trigger with what was tried and what is sent."""
    return {
        "id": run.id,
        "state": run.state,
        "document": run.stream.rpartition("/")[2],
        "version": run.version,
        "due": _spell(run.message.due_at),
        "created": _spell(run.message.produced_at),
        "finished": _spell(run.message.completed_at),
        "error": run.message.last_error or _skipped(run),
        "attempts": [
            {
                "at": _spell(one.at),
                "durationMs": one.duration // 1000,
                "status": one.status,
                "error": one.outcome,
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

    place = (entity_name(entity), schema, trigger)
    known = await cell.read(_may_be_made_again, access.account, run, place)
    if known is None:
        raise NotFound(f"Run '{run}' not found among those that can be made again")
    await make_again(cell, access.context, known)
    await asyncio.to_thread(signals.signal, cell.redis, [messages.SUBSCRIPTION])
    return Response(status_code=202)


def _may_be_made_again(
    connection: Connection, account: str, run: str, place: tuple[str, str, str]
) -> Run | None:
    known = messages.get(connection, run)
    if known is None or (known.account, known.channel) != (account, channel.TRIGGER.name):
        return None
    found = run_of(known)
    ended = known.state in (messages.DEAD, messages.SKIPPED)
    return found if ended and (found.entity, found.schema, found.trigger) == place else None


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
