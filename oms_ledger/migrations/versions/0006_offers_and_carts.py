"""Offers of accounts, and carts"""

import sqlalchemy as sa
from alembic import op

revision = "0006_offers_and_carts"
down_revision = "0005_documents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "offers",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", code, nullable=False),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("low", code, nullable=False),
        sa.Column("high", code, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "key"),
    )
    op.create_index("offers_place", "offers", ["account", "kind", "country", "low"])
    op.create_index("offers_seller", "offers", ["account", "kind", "seller"])
    op.create_table(
        "carts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("carts_expiry", "carts", ["expires_at"])
    op.create_table(
        "cart_persons",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cart", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "name", "cart"),
    )
    op.create_index("cart_persons_cart", "cart_persons", ["cart"])


def downgrade() -> None:
    for table in ("cart_persons", "carts", "offers"):
        op.drop_table(table)
