"""Jobs: work in the background that an account asked for, how far it is, what came of it (ours)."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, ValidationError

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError, bad_request, forbidden, problems, shown
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.job_kind import JobKind
from oms_ledger.services.jobs.registry import KINDS
from oms_ledger.services.placement.importing import ImportArguments, inputs_of
from projections.jobs import jobs
from projections.jobs.jobs import Job
from projections.subscriptions import registry

router = APIRouter(prefix="/api/ledger", tags=["Jobs"])

MayList = Annotated[Caller, Depends(requires("jobs"))]
MayImport = Annotated[Caller, Depends(requires("import_orders"))]


class JobRequest(Body):
    """`kind` is `erasure`, `rebuild` or `verify`; the others have operations of their own."""

    kind: str = Field(examples=["erasure"])
    arguments: dict[str, Any] = Field(
        default={}, examples=[{"kind": "email", "value": "ana@example.com"}]
    )


class Progress(ResponseModel):
    """How much is done, of how much."""

    done: int
    total: int | None = Field(description="Null while it is not known")


class JobModel(ResponseModel):
    """A job, how far it is, and what came of it."""

    id: str
    kind: str = Field(examples=["erasure"])
    state: str = Field(description="`waiting`, `running`, `done`, `failed` or `cancelled`")
    progress: Progress
    arguments: dict[str, Any] = Field(description="Without what names a person")
    actor: str = Field(description="Who asked for it")
    created_at: str
    started_at: str | None
    finished_at: str | None
    result: dict[str, Any] | None
    failure: str | None
    cancellable: bool


class Jobs(ResponseModel):
    """Jobs of the account, newest first."""

    jobs: list[JobModel]


@router.get("/jobs", response_model=Jobs)
async def get_jobs(
    cell: TheCell,
    caller: MayList,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The newest jobs of the account, of the kinds that the caller may ask for."""
    needed = registry.operations()
    kinds = [kind.name for kind in KINDS.values() if caller.resources & needed[kind.operation]]
    found = await cell.read(jobs.of_account, caller.account, kinds, limit)
    return json_response({"jobs": [serialize_job(job) for job in found]})


@router.get("/jobs/{job_id}", response_model=JobModel)
async def get_job(job_id: PathId, cell: TheCell, caller: MayList) -> Response:
    """One job: how far it is, and what came of it."""
    job, _ = await _known(cell, caller, job_id)
    return json_response(serialize_job(job))


@router.post("/jobs", status_code=202, response_model=JobModel)
async def post_job(request: Request, cell: TheCell, caller: MayList) -> Response:
    """Ask for a job; a worker carries it on, whatever becomes of this request."""
    requested = parse(JobRequest, await json_body(request))
    kind = KINDS.get(requested.kind)
    if kind is None or not kind.by_name:
        names = ", ".join(one.name for one in KINDS.values() if one.by_name)
        raise bad_request(f"kind: found {shown(requested.kind)}, expected one of {names}")
    _require(kind, caller)
    try:
        arguments = kind.arguments.model_validate(requested.arguments)
    except ValidationError as error:
        raise bad_request(f"arguments: {problems(error.errors())}") from None
    return await _requested(cell, caller, await runner.ask(cell, caller.context, kind, arguments))


@router.post("/imports", status_code=202, response_model=JobModel)
async def post_import(
    request: Request, cell: TheCell, caller: MayImport, resume: bool = False
) -> Response:
    """Import orders: one JSON document a line, in the Get-order or the place-order shape.

    Orders in the Get-order shape rest where they stood; with `resume` their timers go on. What is
    there already is not added twice. The result names the lines that were refused.
    """
    inputs, lines = inputs_of(await request.body())
    if not lines:
        raise bad_request("The body: expected a JSON document on each line, found none")
    job_id = await runner.ask(
        cell,
        caller.context,
        KINDS["import"],
        ImportArguments(resume=resume),
        total=lines,
        inputs=inputs,
    )
    return await _requested(cell, caller, job_id)


@router.post("/jobs/{job_id}/cancel", response_model=JobModel)
async def post_cancel(job_id: PathId, cell: TheCell, caller: MayList) -> Response:
    """End a job after the step at hand; what was done stays."""
    job, kind = await _known(cell, caller, job_id)
    if not kind.cancellable:
        raise ApiError(409, "OMS004", f"A job of the kind {kind.name} cannot be cancelled")
    await runner.cancel(cell, caller.context, job)
    return json_response(serialize_job((await _known(cell, caller, job_id))[0]))


async def _requested(cell: Cell, caller: Caller, job_id: str) -> Response:
    await asyncio.to_thread(runner.signal, cell, [job_id])
    return json_response(serialize_job((await _known(cell, caller, job_id))[0]), 202)


async def _known(cell: Cell, caller: Caller, job_id: str) -> tuple[Job, JobKind]:
    job = await cell.read(jobs.get, job_id, caller.account)
    if job is None:
        raise ApiError(404, "OMS404", "There is no such job; it may have expired")
    kind = KINDS[job.kind]
    _require(kind, caller)
    return job, kind


def _require(kind: JobKind, caller: Caller) -> None:
    needed = registry.operations()[kind.operation]
    if not caller.resources & needed:
        raise forbidden(needed)


def serialize_job(job: Job) -> dict[str, Any]:
    """A job without the arguments that name a person."""

    def at(instant: int | None) -> str | None:
        return None if instant is None else instant_text(instant)

    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": {"done": job.done, "total": job.total},
        "arguments": {
            name: value
            for name, value in job.arguments.items()
            if name not in KINDS[job.kind].personal
        },
        "actor": job.actor,
        "createdAt": instant_text(job.created_at),
        "startedAt": at(job.started_at),
        "finishedAt": at(job.finished_at),
        "result": job.result,
        "failure": job.failure,
        "cancellable": KINDS[job.kind].cancellable and not job.finished,
    }
