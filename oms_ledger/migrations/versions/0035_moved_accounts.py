"""Events of accounts that moved have an identity of their own; former places are looked up"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0035_moved_accounts"
down_revision = "0034_export_jobs"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "append_events.sql"


def upgrade() -> None:
    op.add_column("hosted", sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("former_positions_position", "former_positions", ["account", "position"])
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(SQL.read_text())


def downgrade() -> None:
    op.drop_index("former_positions_position", "former_positions")
    op.drop_column("hosted", "attempt")
