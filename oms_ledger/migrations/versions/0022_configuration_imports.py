"""Accounts whose configuration of before is still to be recorded as events"""

import sqlalchemy as sa
from alembic import op

revision = "0022_configuration_imports"
down_revision = "0021_account_heads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "configuration_imports",
        sa.Column("account", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.execute(
        "INSERT INTO configuration_imports (account)"
        " SELECT account FROM events WHERE stream = account || '/' AND version = 1"
    )


def downgrade() -> None:
    op.drop_table("configuration_imports")
