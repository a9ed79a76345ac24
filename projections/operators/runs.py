"""Bulk runs: one command over many orders, with an outcome for each.

The orders are frozen when a run begins. An outcome is stored after its order was changed; who
comes back to an order that was changed already finds that by its key in the ledger.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from projections.operators.tables import run_orders as o
from projections.operators.tables import runs as t

RUNNING, STOPPED, COMPLETE = "running", "stopped", "complete"
DONE, REFUSED = "done", "refused"


@dataclass(frozen=True, slots=True)
class Run:
    """`by` is the actor of its events; instants in microseconds."""

    id: str
    account: str
    actor: str
    command: str
    reason: str
    state: str
    total: int
    created_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    order_id: str
    outcome: str | None
    code: str | None
    message: str | None


def create(
    connection: Connection,
    account: str,
    actor: str,
    command: str,
    reason: str,
    orders: Sequence[str],
    now: int,
) -> str:
    run_id = secrets.token_hex(8)
    connection.execute(
        insert(t).values(
            id=run_id,
            account=account,
            actor=actor,
            command=command,
            reason=reason,
            state=RUNNING if orders else COMPLETE,
            total=len(orders),
            created_at=now,
        )
    )
    if orders:
        rows = [{"run": run_id, "number": n, "order_id": one} for n, one in enumerate(orders)]
        connection.execute(insert(o), rows)
    return run_id


def get(connection: Connection, account: str | None, run_id: str) -> Run | None:
    query = select(t).where(t.c.id == run_id)
    if account is not None:
        query = query.where(t.c.account == account)
    row = connection.execute(query).one_or_none()
    return Run(*row) if row else None


def of_account(connection: Connection, account: str) -> list[Run]:
    query = select(t).where(t.c.account == account).order_by(t.c.created_at.desc()).limit(50)
    return [Run(*row) for row in connection.execute(query)]


def unfinished(connection: Connection) -> list[str]:
    return list(connection.execute(select(t.c.id).where(t.c.state == RUNNING)).scalars())


def counts(connection: Connection, run_id: str) -> dict[str, int]:
    """How many orders have which outcome."""
    query = select(o.c.outcome, func.count()).where(o.c.run == run_id, o.c.outcome.is_not(None))
    return {outcome: n for outcome, n in connection.execute(query.group_by(o.c.outcome))}


def outcomes(connection: Connection, run_id: str, *, only: str | None = None) -> list[Outcome]:
    query = select(o.c.order_id, o.c.outcome, o.c.code, o.c.message).where(o.c.run == run_id)
    if only is not None:
        query = query.where(o.c.outcome == only)
    return [Outcome(*row) for row in connection.execute(query.order_by(o.c.number))]


def waiting(connection: Connection, run_id: str, limit: int) -> list[str]:
    """The next orders without an outcome."""
    query = select(o.c.order_id).where(o.c.run == run_id, o.c.outcome.is_(None))
    return list(connection.execute(query.order_by(o.c.number).limit(limit)).scalars())


def record(connection: Connection, run_id: str, outcome: Outcome) -> None:
    fields = update(o).where(o.c.run == run_id, o.c.order_id == outcome.order_id)
    connection.execute(
        fields.values(outcome=outcome.outcome, code=outcome.code, message=outcome.message)
    )


def finish(connection: Connection, run_id: str, state: str, now: int) -> bool:
    """Whether the run was under way and is over now."""
    over = update(t).where(t.c.id == run_id, t.c.state == RUNNING)
    return connection.execute(over.values(state=state, finished_at=now)).rowcount > 0
