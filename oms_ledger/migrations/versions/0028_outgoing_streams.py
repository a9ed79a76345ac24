"""Outgoing streams: an account's events, sent to Redis Streams or NATS JetStream"""

import sqlalchemy as sa
from alembic import op

revision = "0028_outgoing_streams"
down_revision = "0027_key_resources"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "outgoing_streams",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("keep", BIG, nullable=False),
        sa.Column("start", BIG, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("retry_at", BIG, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("outgoing_streams_account", "outgoing_streams", ["account"])


def downgrade() -> None:
    op.drop_table("outgoing_streams")
