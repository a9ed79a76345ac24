"""Documents of Master Data, and what they are found by"""

import sqlalchemy as sa
from alembic import op

revision = "0005_documents"
down_revision = "0004_notes"
branch_labels = None
depends_on = None

CODE_POINTS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def place() -> list[sa.Column[str]]:
    return [
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "documents",
        *place(),
        sa.Column("id_key", CODE_POINTS, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger()),
        sa.Column("updated_by", sa.Text()),
        sa.Column("last_interaction_at", sa.BigInteger(), nullable=False),
        sa.Column("last_interaction_by", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "entity", "id_key"),
    )
    op.create_index("documents_created", "documents", ["account", "entity", "created_at", "id_key"])
    op.create_index("documents_updated", "documents", ["account", "entity", "updated_at"])
    op.create_table(
        "document_terms",
        *place(),
        sa.Column("id_key", CODE_POINTS, nullable=False),
        sa.Column("path", CODE_POINTS, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("term", CODE_POINTS),
        sa.Column("rest", CODE_POINTS),
        sa.Column("number", sa.Float(53)),
        sa.Column("instant", sa.BigInteger()),
        sa.PrimaryKeyConstraint("account", "entity", "id_key", "path", "ordinal"),
        sqlite_with_rowid=False,
    )
    for name in ("term", "number", "instant"):
        columns = ["account", "entity", "path", name, "id_key"]
        op.create_index(f"document_terms_{name}", "document_terms", columns)
    op.create_table(
        "document_schemas",
        *place(),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("id_key", CODE_POINTS, nullable=False),
        sa.PrimaryKeyConstraint("account", "entity", "schema", "id_key"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "document_schemas_document", "document_schemas", ["account", "entity", "id_key"]
    )


def downgrade() -> None:
    for table in ("document_schemas", "document_terms", "documents"):
        op.drop_table(table)
