"""Notes of VTEX DO"""

import sqlalchemy as sa
from alembic import op

revision = "0004_notes"
down_revision = "0003_operators"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("app_key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notes_target", "notes", ["account", "target", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("notes")
