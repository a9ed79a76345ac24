"""One command over many orders, with an outcome for each"""

import sqlalchemy as sa
from alembic import op

revision = "0011_runs"
down_revision = "0010_filter_pauses"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "runs",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("id", "account", "actor", "command", "reason", "state")
        ),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("finished_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_account", "runs", ["account", "created_at"])
    op.create_index("runs_state", "runs", ["state"])
    op.create_table(
        "run_orders",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run", "number"),
    )
    op.create_index("run_orders_order", "run_orders", ["run", "order_id"])


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
