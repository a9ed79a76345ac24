"""Registers of sellers and affiliates; app keys bound to a party"""

import sqlalchemy as sa
from alembic import op

revision = "0016_partners"
down_revision = "0015_leases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("external_sellers", "sellers")
    with op.batch_alter_table("sellers") as sellers:
        sellers.alter_column("credentials", new_column_name="secrets")
        sellers.alter_column("url", new_column_name="unsealed_url", nullable=True)
        sellers.add_column(
            sa.Column("outside", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        sellers.add_column(sa.Column("body", sa.Text(), nullable=False, server_default="{}"))
        sellers.add_column(sa.Column("channels", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "affiliates",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("affiliate", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("configured_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "affiliate"),
    )
    op.add_column("app_keys", sa.Column("party", sa.Text(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
