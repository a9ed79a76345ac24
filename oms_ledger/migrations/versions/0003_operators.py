"""People who sign in to the back office, and their saved views"""

import sqlalchemy as sa
from alembic import op

revision = "0003_operators"
down_revision = "0002_token_bounds"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "operators",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("deployment", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("language", sa.Text(), nullable=False, server_default="en"),
        sa.Column("scheme", sa.Text(), nullable=False, server_default="system"),
        sa.Column("density", sa.Text(), nullable=False, server_default="compact"),
        sa.Column("shortcuts", sa.Boolean(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("disabled_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "operator_roles",
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator", "account"),
    )
    op.create_index("operator_roles_account", "operator_roles", ["account", "operator"])
    op.create_table(
        "operator_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        *(
            sa.Column(name, BIG, nullable=False)
            for name in ("created_at", "seen_at", "verified_at", "expires_at")
        ),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("operator_sessions_operator", "operator_sessions", ["operator", "created_at"])
    op.create_index("operator_sessions_expires", "operator_sessions", ["expires_at"])
    op.create_table(
        "sign_in_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("used_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("sign_in_links_expires", "sign_in_links", ["expires_at"])
    op.create_table(
        "sign_in_failures",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("known_browser", sa.Boolean(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", BIG, nullable=False),
        sa.Column("blocked_until", BIG, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("who", "known_browser"),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("saved_views_account", "saved_views", ["account", "created_at"])


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
