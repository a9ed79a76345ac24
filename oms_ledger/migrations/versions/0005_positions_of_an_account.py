"""The change stream of an account finds its entries by position"""

from alembic import op

revision = "0005_account_positions"
down_revision = "0004_lists"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("events_account_position", "events", ["account", "position"])


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
