"""Operators of before are still to be recorded as events, each in a stream of its own"""

from alembic import op

revision = "0024_operator_imports"
down_revision = "0023_carts_of_accounts"
branch_labels = None
depends_on = None

DEPLOYMENT = "-"
"""The mark in `configuration_imports`: of no account."""


def upgrade() -> None:
    op.execute(
        f"INSERT INTO configuration_imports (account) SELECT '{DEPLOYMENT}'"  # noqa: S608 - ours
        " WHERE EXISTS (SELECT 1 FROM operators)"
    )


def downgrade() -> None:
    op.execute(f"DELETE FROM configuration_imports WHERE account = '{DEPLOYMENT}'")  # noqa: S608
