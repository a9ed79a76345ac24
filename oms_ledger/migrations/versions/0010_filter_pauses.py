"""Filters that ended the process they were evaluated in, and rest until somebody looks"""

import sqlalchemy as sa
from alembic import op

revision = "0010_filter_pauses"
down_revision = "0009_triggers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "filter_pauses",
        sa.Column("subscription", sa.Text(), primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
