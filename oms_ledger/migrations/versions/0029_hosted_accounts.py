"""Which accounts the cell hosts, and where events of accounts that moved stood before"""

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0029_hosted_accounts"
down_revision = "0028_outgoing_streams"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "append_events.sql"
HOSTED = r"(?s) *-- hosted.*?-- end\n"
"""What the function has of this revision."""

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "hosted",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("arrived_until", BIG, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "former_positions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=False),
        sa.Column("former", BIG, nullable=False, autoincrement=False),
        sa.Column("position", BIG, nullable=False),
        sa.PrimaryKeyConstraint("account", "cell", "former"),
    )
    op.add_column("events", sa.Column("origin_position", BIG, nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(SQL.read_text())


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(re.sub(HOSTED, "", SQL.read_text()))
    op.drop_column("events", "origin_position")
    op.drop_table("former_positions")
    op.drop_table("hosted")
