"""The people of orders, by keyed hashes"""

import sqlalchemy as sa
from alembic import op

revision = "0009_people"
down_revision = "0008_exports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_id", "name"),
    )
    op.create_index("people_name", "people", ["account", "name"])


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
