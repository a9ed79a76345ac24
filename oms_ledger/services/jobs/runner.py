"""Asks for jobs, and carries them on: in a worker slice by slice, or here until the end."""

import asyncio
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
from sqlalchemy import Connection

from oms_ledger.accounts.events import AccountEvent, JobCancelled, JobStarted
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import NOT_NOW
from oms_ledger.eventstore.records import Fill
from oms_ledger.refusal import Refusal
from oms_ledger.services import signals
from oms_ledger.services.jobs.job_kind import Arguments, JobKind, JobRun, Step, sealed_as
from oms_ledger.services.jobs.registry import KINDS
from projections.jobs import jobs
from projections.jobs.jobs import Job
from projections.subscriptions import leases

SLICE = 2.0
"""Seconds of one slice: then others have their turn, and feeds and hooks before them."""

AGAIN, SELDOM = 0.05, 1.0
"""Seconds after which who waits for a job that somebody else carries on looks again: at first, and
at last.
"""

MOST_UNFINISHED = 100  # jobs of an account
_ID = re.compile(r"([0-9a-f]{16}){1,2}")  # of bulk runs, the short ones


class TooManyJobs(Refusal):
    """429: the account's jobs take all the room there is for them."""

    status, code, retry_after = 429, "OMS429", 10
    text = "{0} jobs of the account are not over: ask again when some are"


class JobFailed(Exception):
    """A job that somebody waited for came to no end: why is in its row and in the log."""


def new_id() -> str:
    """The id of a job: 32 digits of a hexadecimal number."""
    return secrets.token_hex(16)


def writer(
    cell: Cell,
    ctx: CommandContext,
    kind: JobKind,
    arguments: Arguments,
    *,
    job_id: str,
    total: int | None = None,
    place: Mapping[str, Any] | None = None,
    inputs: Sequence[bytes] = (),
) -> Fill:
    """What writes a new job's row inside the transaction of an append."""
    given = arguments.model_dump(mode="json")
    personal = {name: given.pop(name) for name in kind.personal}
    sealed = _seal(cell, job_id, personal) if personal else None
    stored = [cell.encryption.seal(one, sealed_as(job_id)) for one in inputs]

    def write(connection: Connection) -> None:
        if jobs.count_unfinished(connection, ctx.account) >= MOST_UNFINISHED:
            raise TooManyJobs(MOST_UNFINISHED)
        jobs.insert_job(
            connection,
            job_id,
            ctx.account,
            kind.name,
            given,
            actor=ctx.actor,
            now=cell.clock.micros(),
            personal=sealed,
            total=total,
            place=place,
            inputs=stored,
        )

    return write


async def ask(
    cell: Cell,
    ctx: CommandContext,
    kind: JobKind,
    arguments: Arguments,
    *,
    total: int | None = None,
    inputs: Sequence[bytes] = (),
    fills: Sequence[Fill] = (),
) -> str:
    """Ask for a job: its id. That it was asked for is an event of the account.

    `fills` run in the same transaction, before the row is there; what they raise undoes all.
    """
    job_id = new_id()
    write = writer(cell, ctx, kind, arguments, job_id=job_id, total=total, inputs=inputs)
    started = JobStarted(job_id, kind.name)
    await cell.ledger.configure(ctx, lambda _: [started], fills=[*fills, write])
    return job_id


def signal(cell: Cell, job_ids: Sequence[str]) -> None:
    """Have workers carry jobs on; what gets lost the scheduler signals again."""
    signals.signal(cell.redis, [f"job:{one}" for one in job_ids], signals.SLOW)


async def cancel(
    cell: Cell, ctx: CommandContext, job: Job, event: AccountEvent | None = None
) -> bool:
    """End a job after the step at hand, what was done stays; whether it was not over yet.

    That it was cancelled is an event of the account: `event`, where the kind has one of its own.
    """
    recorded = event or JobCancelled(job.id, job.kind)
    cancelled = await cell.write(jobs.finish, job.id, cell.clock.micros(), jobs.CANCELLED)
    if cancelled:
        await cell.ledger.configure(ctx, lambda _: [recorded])
    return cancelled


async def carry_on(cell: Cell, job_id: str, *, seconds: float = SLICE, bound: bool = True) -> bool:
    """Go on with a job for a while; whether there is more to do at once.

    False too while somebody else has it, or while the account has too many under way.
    """
    if not _ID.fullmatch(job_id) or (found := await _begin(cell, job_id, bound)) is None:
        return False
    job, token = found
    held = True
    try:
        last = await _steps(cell, job, token, time.monotonic() + seconds)
        held = last.result is None
        return held and not last.later
    except leases.Fenced:  # it was cancelled, or somebody else has it
        held = False
        return False
    except NOT_NOW:  # the job waits until the account is live, or the database back
        raise
    except Exception as error:
        held = False
        with suppress(leases.Fenced):
            await cell.write(_fail, job_id, token, cell.clock.micros(), _reason(error))
        raise
    finally:
        if held:
            await asyncio.to_thread(leases.release, cell.database, jobs.lease_of(job_id), token)


async def _steps(cell: Cell, job: Job, token: int, until: float) -> Step:
    """Step after step; the last, when the job is over, has nothing to do now, or time is up."""
    while True:
        step = await _step(cell, job)
        job = await cell.write(_store, cell, job, token, step)
        if step.result is not None or step.later or time.monotonic() >= until:
            return step


async def finish(cell: Cell, job_id: str) -> Job:
    """Carry a job on until it is over, or wait while a worker does.

    Who waits looks: a worker may be of another process and die, so its word would not do.
    """
    wait = AGAIN
    while not (job := await _known(cell, job_id)).finished:
        if not await carry_on(cell, job_id, bound=False):
            await asyncio.sleep(wait)
            wait = min(2 * wait, SELDOM)
    if job.state != jobs.DONE:
        raise JobFailed(f"job {job_id} is {job.state}: {job.failure}")
    return job


def expire(connection: Connection, now: int) -> int:
    """Drop what was over too long ago; how many."""
    dropped = 0
    for kind in KINDS.values():
        if kind.kept is None:
            continue
        old = jobs.finished_before(connection, kind.name, now - kind.kept)
        jobs.drop(connection, old)
        if kind.forget is not None:
            kind.forget(connection, old)
        dropped += len(old)
    return dropped


async def _begin(cell: Cell, job_id: str, bound: bool) -> tuple[Job, int] | None:
    known = await cell.read(_free, job_id)
    if known is None:
        return None
    most = None
    if bound:
        most = (await cell.ledger.account(known.account)).setting("concurrent_jobs")
    bounded = [kind.name for kind in KINDS.values() if kind.bounded]
    return await cell.write(jobs.begin, job_id, cell.clock.micros(), most=most, bounded=bounded)


def _free(connection: Connection, job_id: str) -> Job | None:
    """The job, unless it is over or somebody has it."""
    job = jobs.get(connection, job_id)
    return None if job is None or job.finished or jobs.is_held(connection, job_id) else job


async def _step(cell: Cell, job: Job) -> Step:
    kind = KINDS[job.kind]
    personal = (
        {}
        if job.personal is None
        else orjson.loads(cell.encryption.open(job.personal, sealed_as(job.id)))
    )
    # A job of before its kind was one has them in clear, beside the others.
    named = {name: personal[name] for name in kind.personal if name in personal}
    arguments = kind.arguments.model_validate({**job.arguments, **named}, strict=False)
    return await kind.step(JobRun(cell, job, personal), arguments)


def _store(connection: Connection, cell: Cell, job: Job, token: int, step: Step) -> Job:
    """Store what a step came to, by right of the lease; the job as it stands then."""
    leases.renew(connection, jobs.lease_of(job.id), token)
    personal = None if step.personal is None else _seal(cell, job.id, step.personal)
    moved = jobs.advance(
        connection, job.id, done=step.done, total=step.total, place=step.place, personal=personal
    )
    if moved is None:
        raise leases.Fenced(job.id)  # it was cancelled: nothing of the step is stored
    if step.store is not None:
        step.store(connection)
    if step.result is not None:
        jobs.finish(connection, job.id, cell.clock.micros(), jobs.DONE, result=step.result)
    return moved


def _fail(connection: Connection, job_id: str, token: int, now: int, reason: str) -> None:
    leases.renew(connection, jobs.lease_of(job_id), token)
    jobs.finish(connection, job_id, now, jobs.FAILED, failure=reason)


def _reason(error: Exception) -> str:
    """What may be shown of an error: a refusal's sentence; of others, which may name anything,
    their kind.
    """
    return error.message if isinstance(error, Refusal) else type(error).__name__


async def _known(cell: Cell, job_id: str) -> Job:
    job = await cell.read(jobs.get, job_id)
    assert job is not None, "a job that is carried on is not dropped"
    return job


def _seal(cell: Cell, job_id: str, personal: Mapping[str, Any]) -> bytes:
    return cell.encryption.seal(orjson.dumps(personal), sealed_as(job_id))
