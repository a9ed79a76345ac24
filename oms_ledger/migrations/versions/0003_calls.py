"""Calls to partners and gateways; their cursor begins where the ledger stands.

Revision ID: 0003_calls
Revises: 0002_rotation
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_calls"
down_revision = "0002_rotation"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("produced_at", BIG, nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text()),
        sa.Column("skip_reason", sa.Text()),
        sa.Column("settled_at", BIG),
        sa.Column("claim", sa.Text()),
        sa.Column("claimed_until", BIG, nullable=False, server_default="0"),
    )
    op.create_index("calls_order", "calls", ["account", "order_id", "party", "position", "number"])
    op.create_index("calls_due", "calls", ["state", "due_at"])
    op.execute(
        "INSERT INTO cursors (id, position) SELECT 'calls', COALESCE(MAX(position), 0) FROM events"
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
