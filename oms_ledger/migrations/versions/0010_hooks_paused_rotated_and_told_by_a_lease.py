"""Hooks pause, rotate their secrets and are told under a lease; attempts say more"""

import sqlalchemy as sa
from alembic import op

revision = "0010_hooks"
down_revision = "0009_people"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("hooks", sa.Column("former_secret", sa.LargeBinary()))
    op.add_column("hooks", sa.Column("former_until", BIG, nullable=False, server_default="0"))
    op.add_column("hooks", sa.Column("paused_at", BIG))
    op.add_column("hooks", sa.Column("resumed_at", BIG, nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("order_id", sa.Text()))
    op.add_column("attempts", sa.Column("next_at", BIG))
    op.create_index("attempts_latest", "attempts", ["app_key", "at"])
    op.execute(
        "INSERT INTO cursors (id, position)"
        " SELECT 'courier:' || app_key, 9223372036854775807 FROM hooks"
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
