"""A key has two tokens while it is rotated"""

import sqlalchemy as sa
from alembic import op

revision = "0002_rotation"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("app_keys", sa.Column("former_hash", sa.LargeBinary(), nullable=True))
    op.add_column("app_keys", sa.Column("former_until", BIG, nullable=True))


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
