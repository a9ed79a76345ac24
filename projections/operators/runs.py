"""Bulk runs: one command over many orders, with an outcome for each.

A run is a job; its orders are frozen when it begins. An outcome is stored after its order was
changed; who comes back to an order that was changed already finds that by its key in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from projections.jobs import jobs
from projections.jobs.jobs import Job
from projections.operators.tables import run_orders as o

KIND = "bulk-run"
RUNNING, STOPPED, COMPLETE, FAILED = "running", "stopped", "complete", "failed"
DONE, REFUSED = "done", "refused"

_STATES = {
    jobs.WAITING: RUNNING,
    jobs.RUNNING: RUNNING,
    jobs.CANCELLED: STOPPED,
    jobs.DONE: COMPLETE,
    jobs.FAILED: FAILED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command on an order; `code` and `message` are those of a refusal."""

    order_id: str
    outcome: str | None
    code: str | None
    message: str | None


def state_of(job: Job) -> str:
    """How a run stands, in its own words."""
    return _STATES[job.state]


def insert_orders(connection: Connection, run_id: str, orders: Sequence[str]) -> None:
    """Freeze which orders a run is about, in their order."""
    if orders:
        rows = [{"run": run_id, "number": n, "order_id": one} for n, one in enumerate(orders)]
        connection.execute(insert(o), rows)


def get(connection: Connection, account: str, run_id: str) -> Job | None:
    """The account's run of that id; None for a job of another kind."""
    job = jobs.get(connection, run_id, account)
    return job if job is not None and job.kind == KIND else None


def of_account(connection: Connection, account: str) -> list[Job]:
    """The account's last fifty runs."""
    return jobs.of_account(connection, account, [KIND], 50)


def counts(connection: Connection, run_id: str) -> dict[str, int]:
    """How many orders have which outcome."""
    query = select(o.c.outcome, func.count()).where(o.c.run == run_id, o.c.outcome.is_not(None))
    return {outcome: n for outcome, n in connection.execute(query.group_by(o.c.outcome))}


def outcomes(connection: Connection, run_id: str, *, only: str | None = None) -> list[Outcome]:
    """What came of each order of a run, in its order; with `only`, of one outcome alone."""
    query = select(o.c.order_id, o.c.outcome, o.c.code, o.c.message).where(o.c.run == run_id)
    if only is not None:
        query = query.where(o.c.outcome == only)
    return [Outcome(*row) for row in connection.execute(query.order_by(o.c.number))]


def waiting(connection: Connection, run_id: str, limit: int) -> list[str]:
    """The next orders without an outcome."""
    query = select(o.c.order_id).where(o.c.run == run_id, o.c.outcome.is_(None))
    return list(connection.execute(query.order_by(o.c.number).limit(limit)).scalars())


def record(connection: Connection, run_id: str, outcome: Outcome) -> None:
    """Store what came of an order of a run."""
    fields = update(o).where(o.c.run == run_id, o.c.order_id == outcome.order_id)
    connection.execute(
        fields.values(outcome=outcome.outcome, code=outcome.code, message=outcome.message)
    )
