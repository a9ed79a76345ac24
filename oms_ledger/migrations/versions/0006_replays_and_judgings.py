"""Cursors that were put back, items produced again, what judging cost"""

import sqlalchemy as sa
from alembic import op

revision = "0006_replays"
down_revision = "0005_account_positions"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("cursors", sa.Column("replaying_until", BIG, nullable=False, server_default="0"))
    for table in ("feed_items", "deliveries"):
        again: sa.Column[bool] = sa.Column(
            "replayed", sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column(table, again)
    op.drop_index("feed_items_visible", "feed_items")
    op.create_table(
        "judgings",
        sa.Column("cursor", sa.Text(), primary_key=True),
        sa.Column("judged", BIG, nullable=False),
        sa.Column("passed", BIG, nullable=False),
        sa.Column("failed", BIG, nullable=False),
        sa.Column("micros", BIG, nullable=False),
        sa.Column("last_failure", sa.Text()),
        sa.Column("last_failure_position", BIG),
        sa.Column("last_failure_at", BIG),
    )
    op.create_table(
        "struck",
        sa.Column("cursor", sa.Text(), primary_key=True),
        sa.Column("position", BIG, primary_key=True, autoincrement=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Items come and go: room for updates in place, and a vacuum that keeps up.
        op.execute(
            "ALTER TABLE feed_items SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)"
        )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
