"""Bulk runs are jobs; the orders of each stay where they were"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0033_run_jobs"
down_revision = "0032_revalidation_jobs"
branch_labels = None
depends_on = None

KIND = "bulk-run"
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = {"running": "waiting", "stopped": "cancelled", "complete": "done"}
FORMER = {"waiting": "running", "running": "running", "cancelled": "stopped", "failed": "stopped"}


def upgrade() -> None:
    connection = op.get_bind()
    runs, orders, jobs = _table("runs"), _table("run_orders"), _table("jobs")
    for row in connection.execute(sa.select(runs).order_by(runs.c.id)).all():
        outcome = orders.c.outcome
        query = sa.select(outcome, sa.func.count()).where(orders.c.run == row.id)
        counted = {name: n for name, n in connection.execute(query.group_by(outcome))}
        connection.execute(sa.insert(jobs).values(_job(row, counted)))
    op.drop_table("runs")


def _job(run: Any, counted: dict[str | None, int]) -> dict[str, Any]:
    result = {name: counted.get(name, 0) for name in ("done", "refused")}
    over = run.state != "running"
    return {
        "id": run.id,
        "account": run.account,
        "kind": KIND,
        "arguments": json.dumps({"command": run.command, "reason": run.reason}),
        "state": STATES[run.state],
        "done": sum(result.values()),
        "total": run.total,
        "place": "{}",
        "attempts": 0,
        "actor": run.actor,
        "created_at": run.created_at,
        "started_at": run.created_at,
        "finished_at": (run.finished_at or run.created_at) if over else None,
        "result": json.dumps(result) if run.state == "complete" else None,
    }


def downgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("finished_at", BIG),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_account", "runs", ["account", "created_at"])
    op.create_index("runs_state", "runs", ["state"])
    connection = op.get_bind()
    runs, jobs = _table("runs"), _table("jobs")
    for row in connection.execute(sa.select(jobs).where(jobs.c.kind == KIND)).all():
        values = {
            **json.loads(row.arguments),
            "id": row.id,
            "account": row.account,
            "actor": row.actor,
            "state": FORMER.get(row.state, "complete"),
            "total": row.total,
            "created_at": row.created_at,
            "finished_at": row.finished_at,
        }
        connection.execute(sa.insert(runs).values(values))
    connection.execute(sa.delete(jobs).where(jobs.c.kind == KIND))


def _table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
