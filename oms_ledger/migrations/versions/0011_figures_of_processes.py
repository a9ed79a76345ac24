"""What every process says of itself"""

import sqlalchemy as sa
from alembic import op

revision = "0011_figures"
down_revision = "0010_hooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "process_figures",
        sa.Column("process", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
