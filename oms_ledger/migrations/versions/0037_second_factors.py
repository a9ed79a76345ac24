"""Operators may have a second factor: the sealed secret of their codes, and the last one used"""

import sqlalchemy as sa
from alembic import op

revision = "0037_second_factors"
down_revision = "0036_deliveries_in_the_outbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operators", sa.Column("second_factor", sa.LargeBinary()))
    step = sa.Column("second_factor_step", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("operators", step)


def downgrade() -> None:
    op.drop_column("operators", "second_factor_step")
    op.drop_column("operators", "second_factor")
