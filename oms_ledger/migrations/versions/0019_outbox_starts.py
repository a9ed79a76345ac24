"""From which event on each kind of message to an outsider is owed"""

import sqlalchemy as sa
from alembic import op

revision = "0019_outbox_starts"
down_revision = "0018_one_outbox"
branch_labels = None
depends_on = None

NEW = (
    ("affiliate", "forward-invoice"),
    ("affiliate", "tell-cancellation"),
    ("seller", "confirm-agreement"),
    ("seller", "cancel-agreement"),
)


def upgrade() -> None:
    starts = op.create_table(
        "outbox_starts",
        sa.Column("recipient_kind", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_kind", "kind"),
    )
    head = op.get_bind().execute(sa.text("SELECT max(position) FROM events")).scalar() or 0
    rows = [{"recipient_kind": to, "kind": kind, "position": head} for to, kind in NEW]
    op.bulk_insert(starts, rows)


def downgrade() -> None:
    op.drop_table("outbox_starts")
