"""Sellers outside the deployment, and where they are reached"""

import sqlalchemy as sa
from alembic import op

revision = "0014_external_sellers"
down_revision = "0013_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "external_sellers",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("configured_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "seller"),
    )


def downgrade() -> None:
    op.drop_table("external_sellers")
