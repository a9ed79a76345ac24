"""Find the carts of an account without reading those of others"""

from alembic import op

revision = "0023_carts_of_accounts"
down_revision = "0022_configuration_imports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("carts_account", "carts", ["account", "expires_at", "id"])


def downgrade() -> None:
    op.drop_index("carts_account", "carts")
