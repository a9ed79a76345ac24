"""A digest of the master key, so that a process with another one is refused"""

import sqlalchemy as sa
from alembic import op

revision = "0014_key_checks"
down_revision = "0013_policies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_checks",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose"),
    )


def downgrade() -> None:
    op.drop_table("key_checks")
