"""Exports are jobs; the pieces of each stay where they were

Of one that was being made, what it looks for stays in clear until it is complete: a migration
has no key to encrypt it with.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0034_export_jobs"
down_revision = "0033_run_jobs"
branch_labels = None
depends_on = None

KIND = "export"
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    connection = op.get_bind()
    exports, jobs = _table("exports"), _table("jobs")
    rows = [_job(row) for row in connection.execute(sa.select(exports).order_by(exports.c.id))]
    if rows:
        connection.execute(sa.insert(jobs), rows)
    op.drop_table("exports")


def _job(export: Any) -> dict[str, Any]:
    failed, over = json.loads(export.failed_orders), export.state == "complete"
    arguments = {"format": export.format, **json.loads(export.export_format)}
    if not over:
        arguments["order_query"] = export.order_query
    place: dict[str, Any] = {"chunks": export.chunks, "orders": export.orders}
    place["failedOrders"] = failed
    if export.after_created is not None:
        place["after"] = [export.after_created, export.after_id]
    return {
        "id": export.id,
        "account": export.account,
        "kind": KIND,
        "arguments": json.dumps(arguments),
        "state": "done" if over else "waiting",
        "done": export.orders + len(failed),
        "total": export.total,
        "place": json.dumps(place),
        "attempts": 0,
        "actor": export.actor,
        "created_at": export.created_at,
        "started_at": export.created_at,
        "finished_at": export.finished_at,
        "result": json.dumps({"orders": export.orders, "failed": len(failed)}) if over else None,
    }


def downgrade() -> None:
    """Complete exports go on being fetched; others, whose filters are encrypted, are gone."""
    op.create_table(
        "exports",
        sa.Column("id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("account", "actor", "format", "order_query", "export_format", "state")
        ),
        sa.Column("total", BIG, nullable=False),
        sa.Column("orders", BIG, nullable=False),
        sa.Column("failed_orders", sa.Text(), nullable=False),
        sa.Column("after_created", BIG),
        sa.Column("after_id", sa.Text()),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("finished_at", BIG),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exports_account", "exports", ["account", "created_at"])
    op.create_index("exports_state", "exports", ["state"])
    connection = op.get_bind()
    exports, chunks, jobs = _table("exports"), _table("export_chunks"), _table("jobs")
    ours = (jobs.c.kind == KIND, jobs.c.state == "done")
    for row in connection.execute(sa.select(jobs).where(*ours)).all():
        arguments, place = json.loads(row.arguments), json.loads(row.place)
        shown = {name: arguments[name] for name in ("zone", "language", "masked")}
        values = {
            "id": row.id,
            "account": row.account,
            "actor": row.actor,
            "format": arguments["format"],
            "order_query": json.dumps({"account": row.account}),
            "export_format": json.dumps(shown),
            "state": "complete",
            "total": row.total,
            "orders": place.get("orders", 0),
            "failed_orders": json.dumps(place.get("failedOrders", [])),
            "chunks": place.get("chunks", 0),
            "created_at": row.created_at,
            "finished_at": row.finished_at,
        }
        connection.execute(sa.insert(exports).values(values))
    connection.execute(sa.delete(chunks).where(chunks.c.id.not_in(sa.select(exports.c.id))))
    connection.execute(sa.delete(jobs).where(jobs.c.kind == KIND))


def _table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
