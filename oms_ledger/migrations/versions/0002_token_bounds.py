"""Since when the user tokens of an account or a person count"""

import sqlalchemy as sa
from alembic import op

revision = "0002_token_bounds"
down_revision = "0001_baseline"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_bounds",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "subject"),
    )


def downgrade() -> None:
    op.drop_table("token_bounds")
