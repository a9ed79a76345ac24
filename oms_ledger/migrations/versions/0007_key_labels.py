"""What an app key is for"""

import sqlalchemy as sa
from alembic import op

revision = "0007_key_labels"
down_revision = "0006_offers_and_carts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("app_keys", sa.Column("label", sa.Text(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
