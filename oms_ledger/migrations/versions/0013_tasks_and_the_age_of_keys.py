"""Tasks of VTEX DO; since when a request key is taken"""

import sqlalchemy as sa
from alembic import op

revision = "0013_tasks"
down_revision = "0011_figures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("surrogate_key", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("flow_position", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.create_index("tasks_key", "tasks", ["account", "surrogate_key"], unique=True)
    op.create_index("tasks_created", "tasks", ["account", "created_at", "id"])
    op.create_table(
        "task_targets",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "target", "task"),
    )
    op.create_table(
        "task_history",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task", "id"),
    )

    _age_of_keys()


def _age_of_keys() -> None:
    """Idempotency keys that were taken before count as taken now."""
    op.add_column("request_keys", sa.Column("at", sa.BigInteger()))
    now = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE request_keys ALTER COLUMN at SET DEFAULT {now}")
    else:
        now = "CAST(strftime('%s', 'now') AS INTEGER) * 1000000"
    claimed = r"key LIKE 'idempotency\:%'"
    op.execute(sa.text(f"UPDATE request_keys SET at = {now} WHERE {claimed}"))
    op.create_index(
        "request_keys_at",
        "request_keys",
        ["at"],
        sqlite_where=sa.text(claimed),
        postgresql_where=sa.text(claimed),
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
