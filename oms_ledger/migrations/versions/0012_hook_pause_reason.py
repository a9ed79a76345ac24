"""Why a hook was paused that nobody paused"""

import sqlalchemy as sa
from alembic import op

revision = "0012_hook_pause_reason"
down_revision = "0011_runs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hooks", sa.Column("pause_reason", sa.Text()))


def downgrade() -> None:
    op.drop_column("hooks", "pause_reason")
