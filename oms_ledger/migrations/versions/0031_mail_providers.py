"""Mail servers of accounts, which triggers name as the provider of a mail"""

import sqlalchemy as sa
from alembic import op

revision = "0031_mail_providers"
down_revision = "0030_task_words"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mail_providers",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("configured_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("account", "name"),
    )


def downgrade() -> None:
    op.drop_table("mail_providers")
