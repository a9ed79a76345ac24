"""Exports that are made in the background, piece by piece"""

import sqlalchemy as sa
from alembic import op

revision = "0008_exports"
down_revision = "0007_gateways"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("account", "by", "format", "question", "manner", "state")
        ),
        sa.Column("total", BIG, nullable=False),
        sa.Column("orders", BIG, nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("after_created", BIG, nullable=True),
        sa.Column("after_id", sa.Text(), nullable=True),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("finished_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exports_account", "exports", ["account", "created_at"])
    op.create_index("exports_state", "exports", ["state"])
    op.create_table(
        "export_pieces",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("piece", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", "piece"),
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
