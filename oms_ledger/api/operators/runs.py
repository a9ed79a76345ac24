"""Bulk runs: one command over many orders, previewed, carried out in the background (ours)."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from oms_ledger.accounts.events import RunStarted, RunStopped
from oms_ledger.accounts.roles import OPERATIONS
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError, bad_request, forbidden
from oms_ledger.api.orders.documents import json_response
from oms_ledger.api.orders.queries import of_body
from oms_ledger.api.orders.queries import requested as question_of
from oms_ledger.cell import Cell
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from oms_ledger.services.operators import bulk
from projections.jobs import jobs
from projections.jobs.jobs import Job
from projections.operators import runs
from projections.operators.runs import Outcome
from projections.orders import query as orders_query

router = APIRouter(prefix="/api/ledger/runs", tags=["Bulk runs"])

MayRun = Annotated[Caller, Depends(requires("bulk_run"))]
SHOWN = 20  # orders that are named under a reason


class RunRequest(Body):
    """Either `orders`, or `query`: the filters of List orders."""

    command: str = Field(examples=["start-handling"])
    reason: Annotated[str, Field(max_length=500)] = ""
    orders: Annotated[list[str] | None, Field(max_length=bulk.MOST)] = None
    query: dict[str, Any] | None = None


class Reason(ResponseModel):
    """Why orders would be refused, and how many."""

    code: str = Field(examples=["OMS003"])
    message: str
    count: int
    orders: list[str] = Field(description="The first of them")


class RunPreview(ResponseModel):
    """How many orders the command would be carried out on, and why not on the others."""

    command: str
    matched: int
    can: int
    cannot: int
    reasons: list[Reason]
    position: int = Field(description="The ledger's last position when it was looked at")


class RunModel(ResponseModel):
    """A run and how far it is."""

    id: str
    command: str
    reason: str
    actor: str
    state: str = Field(description="`running`, `stopped`, `complete` or `failed`")
    total: int
    done: int
    refused: int
    created_at: str
    finished_at: str | None


class Runs(ResponseModel):
    """Runs of the account, newest first."""

    runs: list[RunModel]


class OrderOfRun(ResponseModel):
    """What came of one order."""

    order_id: str
    outcome: str | None = Field(description="`done`, `refused`, or null while it waits")
    code: str | None
    message: str | None


class RunReport(RunModel):
    """A run with what came of each order."""

    orders: list[OrderOfRun]


async def _orders(cell: Cell, request: Request, caller: Caller, requested: RunRequest) -> list[str]:
    """The orders that are meant, frozen now."""
    needed = OPERATIONS.get(bulk.COMMANDS.get(requested.command, ""))
    if needed is None:
        known = ", ".join(bulk.COMMANDS)
        raise bad_request(f"command: found {requested.command[:60]!r}, expected one of {known}")
    if not caller.resources & needed:
        raise forbidden(needed)
    if (requested.orders is None) == (requested.query is None):
        raise bad_request("orders, query: expected one of them")
    if requested.orders is not None:
        return list(dict.fromkeys(requested.orders))
    account = await cell.ledger.account(caller.account)
    question = question_of(account, of_body(requested.query or {}), cell.clock.now()).order_query
    await request.app.state.freshness.wait()
    every = replace(question, page=1, per_page=bulk.MOST + 1)

    found = await cell.read(orders_query.page_ids, every)
    if len(found) > bulk.MOST:
        raise bad_request(f"query: more than {bulk.MOST} orders match, which one run may have")
    return found


@router.post("/preview", response_model=RunPreview)
async def post_preview(request: Request, cell: TheCell, caller: MayRun) -> Response:
    """Which of the orders would take the command now, and why the others would not."""
    requested = parse(RunRequest, await json_body(request))
    orders = await _orders(cell, request, caller, requested)
    account = await cell.ledger.account(caller.account)
    decision = bulk.decision_of(
        requested.command, account, reason=requested.reason, actor=caller.actor
    )
    head = await asyncio.to_thread(cell.store.head)
    found = await bulk.preview(cell, account, orders, decision)
    refused = [one for one in found if one.outcome == runs.REFUSED]
    return json_response(
        {
            "command": requested.command,
            "matched": len(found),
            "can": len(found) - len(refused),
            "cannot": len(refused),
            "reasons": _reasons(refused),
            "position": head,
        }
    )


def _reasons(refused: list[Outcome]) -> list[dict[str, Any]]:
    counted = Counter((one.code or "", one.message or "") for one in refused)
    return [
        {
            "code": code,
            "message": message,
            "count": count,
            "orders": [o.order_id for o in refused if (o.code, o.message) == (code, message)][
                :SHOWN
            ],
        }
        for (code, message), count in counted.most_common()
    ]


@router.post("", status_code=202, response_model=RunModel)
async def post_run(request: Request, cell: TheCell, caller: MayRun) -> Response:
    """Begin a run; a worker changes the orders one after another, each exactly once."""
    requested = parse(RunRequest, await json_body(request))
    orders = await _orders(cell, request, caller, requested)

    run_id = runner.new_id()
    arguments = bulk.RunArguments(command=requested.command, reason=requested.reason)
    write = runner.writer(
        cell,
        caller.context,
        KINDS[runs.KIND],
        arguments,
        job_id=run_id,
        total=len(orders),
    )

    def freeze(connection: Connection) -> None:
        runs.insert_orders(connection, run_id, orders)
        if not orders:
            result = {runs.DONE: 0, runs.REFUSED: 0}
            jobs.finish(connection, run_id, cell.clock.micros(), jobs.DONE, result=result)

    started = RunStarted(run_id, requested.command, len(orders))
    await cell.ledger.configure(caller.context, lambda _: [started], fills=[write, freeze])
    await asyncio.to_thread(runner.signal, cell, [run_id])
    return json_response(await _serialized(cell, caller, run_id), 202)


@router.get("", response_model=Runs)
async def get_runs(cell: TheCell, caller: MayRun) -> Response:
    """Answer the runs of the account, newest first."""

    def look(connection: Connection) -> list[dict[str, Any]]:
        found = runs.of_account(connection, caller.account)
        return [_serialize(one, runs.counts(connection, one.id)) for one in found]

    return json_response({"runs": await cell.read(look)})


@router.get("/{run_id}", response_model=RunReport)
async def get_run(run_id: PathId, cell: TheCell, caller: MayRun) -> Response:
    """The run with the outcome of each order."""
    fields = await _serialized(cell, caller, run_id)

    orders = [
        {"orderId": o.order_id, "outcome": o.outcome, "code": o.code, "message": o.message}
        for o in await cell.read(runs.outcomes, fields["id"])
    ]
    return json_response({**fields, "orders": orders})


@router.post("/{run_id}/stop", response_model=RunModel)
async def post_stop(run_id: PathId, cell: TheCell, caller: MayRun) -> Response:
    """End the run after the order at hand; what was done stays."""
    run = await cell.read(runs.get, caller.account, run_id)
    if run is None:
        raise _unknown()
    await runner.cancel(cell, caller.context, run, RunStopped(run.id))
    return json_response(await _serialized(cell, caller, run.id))


async def _serialized(cell: Cell, caller: Caller, run_id: str) -> dict[str, Any]:
    def look(connection: Connection) -> dict[str, Any] | None:
        run = runs.get(connection, caller.account, run_id)
        return None if run is None else _serialize(run, runs.counts(connection, run.id))

    fields = await cell.read(look)
    if fields is None:
        raise _unknown()
    return fields


def _unknown() -> ApiError:
    return ApiError(404, "OMS404", "There is no such run")


def _serialize(run: Job, counted: dict[str, int]) -> dict[str, Any]:
    return {
        "id": run.id,
        "command": run.arguments["command"],
        "reason": run.arguments["reason"],
        "by": run.actor,
        "state": runs.state_of(run),
        "total": run.total,
        "done": counted.get(runs.DONE, 0),
        "refused": counted.get(runs.REFUSED, 0),
        "createdAt": instant_text(run.created_at),
        "finishedAt": instant_text(run.finished_at) if run.finished_at else None,
    }
