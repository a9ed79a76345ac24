"""The remote payment gateway of an account, its secrets encrypted.

Revision ID: 0007_gateways
Revises: 0006_replays
"""

import sqlalchemy as sa
from alembic import op

revision = "0007_gateways"
down_revision = "0006_replays"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "gateways",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("credentials", sa.LargeBinary, nullable=False),
        sa.Column("configured_at", BIG, nullable=False),
    )
