"""Buying policies"""

import sqlalchemy as sa
from alembic import op

revision = "0013_policies"
down_revision = "0012_hook_pause_reason"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_dimensions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "policy_dimensions_account",
        "policy_dimensions",
        ["account", "priority", "created_at", "id"],
    )
    op.create_table(
        "order_authorizations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("order_authorizations")
    op.drop_table("policy_dimensions")
