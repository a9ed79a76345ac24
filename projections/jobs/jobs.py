"""Jobs: work that is asked for, carried on step by step, and survives who carries it on.

The row is the truth: what was requested, how far it is, what came of it. What a step did and the
place after it are stored in one transaction, by right of the job's lease; so a worker that dies,
or two at once, neither lose a step nor store one twice. Whoever needs both locks a job's lease
before its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from oms_ledger.eventstore import hosting
from projections.jobs.tables import job_inputs
from projections.jobs.tables import jobs as t
from projections.subscriptions import leases

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
UNFINISHED = (WAITING, RUNNING)
STATES = (*UNFINISHED, DONE, FAILED, CANCELLED)
KEPT = 30 * 24 * 3_600_000_000  # microseconds that a finished job is kept
ATTEMPTS = 5
"""Times that a job is begun without coming a step further: it ends the processes that run it."""


@dataclass(frozen=True, slots=True)
class Job:
    """`place` is what the next step goes on from; instants in microseconds."""

    id: str
    account: str
    kind: str
    arguments: dict[str, Any]
    personal: bytes | None
    state: str
    done: int
    total: int | None
    place: dict[str, Any]
    attempts: int
    actor: str
    created_at: int
    started_at: int | None
    finished_at: int | None
    result: dict[str, Any] | None
    failure: str | None

    @property
    def finished(self) -> bool:
        """Whether nobody carries it on any more: done, failed or canceled."""
        return self.state not in UNFINISHED


def lease_of(job_id: str) -> str:
    """The lease that whoever carries on a job holds."""
    return f"job:{job_id}"


def _job(row: Row[Any]) -> Job:
    fields = dict(row._mapping)
    for name in ("arguments", "place", "result"):
        fields[name] = None if fields[name] is None else orjson.loads(fields[name])
    personal = fields["personal"]
    fields["personal"] = None if personal is None else bytes(personal)
    return Job(**fields)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def insert_job(
    connection: Connection,
    job_id: str,
    account: str,
    kind: str,
    arguments: Mapping[str, Any],
    *,
    actor: str,
    now: int,
    personal: bytes | None = None,
    total: int | None = None,
    place: Mapping[str, Any] | None = None,
    inputs: Sequence[bytes] = (),
) -> None:
    """Add a job that waits; `place` is where it begins, `now` in microseconds.

    `personal` and `inputs` are sealed already.
    """
    connection.execute(
        insert(t).values(
            id=job_id,
            account=account,
            kind=kind,
            arguments=_json(arguments),
            personal=personal,
            state=WAITING,
            done=0,
            total=total,
            place=_json(place or {}),
            attempts=0,
            actor=actor,
            created_at=now,
        )
    )
    if inputs:
        rows = [{"job": job_id, "number": n, "content": one} for n, one in enumerate(inputs)]
        connection.execute(insert(job_inputs), rows)


def get(connection: Connection, job_id: str, account: str | None = None) -> Job | None:
    """The job of that id; with an account, only if it is its."""
    query = select(t).where(t.c.id == job_id)
    if account is not None:
        query = query.where(t.c.account == account)
    row = connection.execute(query).one_or_none()
    return None if row is None else _job(row)


def of_account(
    connection: Connection, account: str | None, kinds: Sequence[str], limit: int = 100
) -> list[Job]:
    """The newest first; of every account for None."""
    query = select(t).where(t.c.kind.in_(kinds)).order_by(t.c.created_at.desc(), t.c.id)
    if account is not None:
        query = query.where(t.c.account == account)
    return [_job(row) for row in connection.execute(query.limit(limit))]


def unfinished(
    connection: Connection,
    kind: str,
    *,
    account: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> list[Job]:
    """The jobs of a kind that are not over: of every account, with any arguments, for None."""
    query = select(t).where(t.c.state.in_(UNFINISHED), t.c.kind == kind)
    if account is not None:
        query = query.where(t.c.account == account)
    if arguments is not None:
        query = query.where(t.c.arguments == _json(arguments))
    return [_job(row) for row in connection.execute(query.order_by(t.c.created_at, t.c.id))]


def ids_of(connection: Connection, account: str, kind: str) -> list[str]:
    """Every job of a kind that the account has."""
    query = select(t.c.id).where(t.c.account == account, t.c.kind == kind)
    return list(connection.execute(query).scalars())


def count_unfinished(connection: Connection, account: str) -> int:
    """How many jobs of the account wait or are being carried on."""
    query = select(func.count()).where(t.c.account == account, t.c.state.in_(UNFINISHED))
    return int(connection.execute(query).scalar_one())


def due(connection: Connection, limit: int = 1000) -> list[str]:
    """Jobs that are not finished and that nobody carries on just now, the oldest first.

    Those of accounts that another cell hosts rest.
    """
    name = leases.is_held("job:" + t.c.id)
    query = select(t.c.id).where(t.c.state.in_(UNFINISHED), ~name, hosting.is_live(t.c.account))
    return list(connection.execute(query.order_by(t.c.created_at).limit(limit)).scalars())


def input_of(connection: Connection, job_id: str, number: int) -> bytes | None:
    """What was sent in with a job, by its number from 0; None where there is no more."""
    query = select(job_inputs.c.content).where(
        job_inputs.c.job == job_id, job_inputs.c.number == number
    )
    content = connection.execute(query).scalar_one_or_none()
    return None if content is None else bytes(content)


def begin(
    connection: Connection, job_id: str, now: int, *, most: int | None, bounded: Sequence[str]
) -> tuple[Job, int] | None:
    """Take a job's lease: the job and the fencing token, or None when there is nothing to do now.

    Of the kinds `bounded`, an account has at most `most` under way; the others wait.
    """
    found = get(connection, job_id)
    if found is None or found.finished:
        return None
    own = most if found.kind in bounded else None
    if own is not None and _others(connection, found, bounded) >= own:
        return None
    token = leases.acquire_in(connection, lease_of(job_id))
    if token is None:
        return None
    if own is not None and _others(connection, found, bounded, lock=True) >= own:
        leases.release_in(connection, lease_of(job_id), token)
        return None
    started = {"state": RUNNING, "started_at": func.coalesce(t.c.started_at, now)}
    unfinished = (t.c.id == job_id, t.c.state.in_(UNFINISHED))
    fields = update(t).where(*unfinished).values(**started, attempts=t.c.attempts + 1)
    if not connection.execute(fields).rowcount:
        leases.drop(connection, lease_of(job_id))
        return None
    if found.attempts >= ATTEMPTS:
        finish(connection, job_id, now, FAILED, failure=f"it was begun {ATTEMPTS} times in vain")
        return None
    job = get(connection, job_id)
    assert job is not None, "it was updated just now"
    return job, token


def _others(connection: Connection, job: Job, kinds: Sequence[str], *, lock: bool = False) -> int:
    """How many other jobs of the account are under way; with `lock` none begins meanwhile."""
    mine = (t.c.account == job.account, t.c.state.in_(UNFINISHED), t.c.kind.in_(kinds))
    query = select(t.c.id, t.c.state).where(*mine).order_by(t.c.id)
    found = connection.execute(query.with_for_update() if lock else query)
    return len({row.id for row in found if row.state == RUNNING} - {job.id})


def is_held(connection: Connection, job_id: str) -> bool:
    """Whether somebody carries the job on just now."""
    return not leases.free(connection, [lease_of(job_id)])


def advance(
    connection: Connection,
    job_id: str,
    *,
    done: int,
    total: int | None,
    place: Mapping[str, Any],
    personal: bytes | None = None,
) -> Job | None:
    """Store where a job stands after a step: the job then; None when it was cancelled meanwhile."""
    fields: dict[str, Any] = {"done": done, "total": total, "place": _json(place), "attempts": 0}
    if personal is not None:
        fields["personal"] = personal
    mine = (t.c.id == job_id, t.c.state == RUNNING)
    moved = update(t).where(*mine).values(fields).returning(*t.c)
    row = connection.execute(moved).one_or_none()
    return None if row is None else _job(row)


def finish(
    connection: Connection,
    job_id: str,
    now: int,
    state: str,
    *,
    result: Mapping[str, Any] | None = None,
    failure: str | None = None,
) -> bool:
    """Whether the job was not over and is now; what it had of persons is gone then."""
    leases.drop(connection, lease_of(job_id))
    over = update(t).where(t.c.id == job_id, t.c.state.in_(UNFINISHED))
    fields: dict[str, Any] = {"state": state, "finished_at": now, "personal": None}
    fields |= {"result": None if result is None else _json(result), "failure": failure}
    if not connection.execute(over.values(fields)).rowcount:
        return False
    connection.execute(delete(job_inputs).where(job_inputs.c.job == job_id))
    return True


def finished_before(connection: Connection, kind: str, instant: int) -> list[str]:
    """The jobs of a kind that were over before an instant."""
    query = select(t.c.id).where(t.c.kind == kind, t.c.finished_at < instant)
    return list(connection.execute(query).scalars())


def drop(connection: Connection, job_ids: Sequence[str]) -> None:
    """Forget jobs; of one that is under way nothing more is stored."""
    if not job_ids:
        return
    for job_id in sorted(job_ids):
        leases.drop(connection, lease_of(job_id))
    connection.execute(delete(t).where(t.c.id.in_(job_ids)))
    connection.execute(delete(job_inputs).where(job_inputs.c.job.in_(job_ids)))


def counted(connection: Connection) -> dict[tuple[str, str], int]:
    """How many jobs there are by kind and state."""
    query = select(t.c.kind, t.c.state, func.count()).group_by(t.c.kind, t.c.state)
    return {(kind, state): n for kind, state, n in connection.execute(query)}
