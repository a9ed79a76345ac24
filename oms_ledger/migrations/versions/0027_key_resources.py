"""Single resources of app keys, besides their role"""

import sqlalchemy as sa
from alembic import op

revision = "0027_key_resources"
down_revision = "0026_cart_summaries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("resources", sa.Text(), nullable=False, server_default="[]")
    op.add_column("app_keys", column)


def downgrade() -> None:
    with op.batch_alter_table("app_keys") as table:
        table.drop_column("resources")
