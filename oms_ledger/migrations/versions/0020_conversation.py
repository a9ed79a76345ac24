"""What was said about orders, and the aliases of their parties"""

import sqlalchemy as sa
from alembic import op

revision = "0020_conversation"
down_revision = "0019_outbox_starts"
branch_labels = None
depends_on = None

NEW = (("customer", "mail"), ("customer-later", "reminder"))


def upgrade() -> None:
    op.create_table(
        "conversation_messages",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_id", "occasion"),
    )
    op.create_index(
        "conversation_messages_at", "conversation_messages", ["account", "order_id", "at"]
    )
    op.create_table(
        "conversation_aliases",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "alias"),
    )
    op.create_index("conversation_aliases_order", "conversation_aliases", ["account", "order_id"])
    # Nobody is told of what happened before mails of orders were sent.
    connection = op.get_bind()
    head = connection.execute(sa.text("SELECT max(position) FROM events")).scalar() or 0
    for recipient, kind in NEW:
        connection.execute(
            sa.text("INSERT INTO outbox_starts VALUES (:recipient, :kind, :head)"),
            {"recipient": recipient, "kind": kind, "head": head},
        )


def downgrade() -> None:
    op.drop_table("conversation_aliases")
    op.drop_table("conversation_messages")
    op.execute("DELETE FROM outbox_starts WHERE kind IN ('mail', 'reminder')")
