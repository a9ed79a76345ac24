"""Entities, judging documents again, and scrolls of Master Data"""

import sqlalchemy as sa
from alembic import op

revision = "0008_document_scrolls"
down_revision = "0007_key_labels"
branch_labels = None
depends_on = None

CODE_POINTS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "document_entities",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "entity"),
    )
    op.create_table(
        "document_revalidations",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("after", CODE_POINTS),
        sa.PrimaryKeyConstraint("account", "entity"),
    )
    op.create_table(
        "document_scrolls",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("called_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("document_scrolls_account", "document_scrolls", ["account", "called_at"])
    op.create_table(
        "document_scroll_items",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("id_key", CODE_POINTS, nullable=False),
        sa.PrimaryKeyConstraint("token", "ordinal"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in (
        "document_scroll_items",
        "document_scrolls",
        "document_revalidations",
        "document_entities",
    ):
        op.drop_table(table)
