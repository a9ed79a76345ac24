"""Leases in a table of their own, beside the subscriptions that they are of"""

import sqlalchemy as sa
from alembic import op

revision = "0015_leases"
down_revision = "0014_key_checks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    # Whoever held one is of another release: the leases are free.
    op.execute(
        "INSERT INTO leases (name, token, expires_at) SELECT id, token + 1, 0 FROM subscriptions"
    )
    op.execute("DELETE FROM subscriptions WHERE id = 'scheduler' OR id LIKE 'delivery:%'")
    op.add_column(
        "subscriptions", sa.Column("kind", sa.Text(), nullable=False, server_default="view")
    )
    for kind in ("feed", "hook", "rebuild"):
        op.execute(f"UPDATE subscriptions SET kind = '{kind}' WHERE id LIKE '{kind}:%'")  # noqa: S608 - names of our own tables
    for name, kind in (("outbox", "outbox"), ("triggers", "trigger")):
        op.execute(f"UPDATE subscriptions SET kind = '{kind}' WHERE id = '{name}'")  # noqa: S608 - names of our own tables
    for column in ("token", "leased_until", "holder"):
        op.drop_column("subscriptions", column)


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
