"""Runs of triggers, their attempts and secrets; an account's templates of mails"""

import sqlalchemy as sa
from alembic import op

revision = "0009_triggers"
down_revision = "0008_document_scrolls"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trigger_runs",
        sa.Column("id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("account", "entity", "schema", "trigger", "stream")
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entity_version", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("claim", sa.Text()),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "trigger_runs_trigger",
        "trigger_runs",
        ["account", "entity", "schema", "trigger", "state", "due_at"],
    )
    op.create_index("trigger_runs_due", "trigger_runs", ["state", "due_at"])
    op.create_index(
        "trigger_runs_stream", "trigger_runs", ["stream", "schema", "trigger", "position"]
    )
    op.create_table(
        "trigger_attempts",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("run", "attempt"),
    )
    op.create_table(
        "trigger_secrets",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "mail_templates",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("account", "name", "subject", "html")
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "name"),
    )


def downgrade() -> None:
    for table in ("mail_templates", "trigger_secrets", "trigger_attempts", "trigger_runs"):
        op.drop_table(table)
