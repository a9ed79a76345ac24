"""The last position of each account, kept by whatever appends"""

import sqlalchemy as sa
from alembic import op

revision = "0021_account_heads"
down_revision = "0020_conversation"
branch_labels = None
depends_on = None

SQLITE = """
CREATE TRIGGER events_account_heads AFTER INSERT ON events BEGIN
    INSERT INTO account_heads (account, position) VALUES (new.account, new.position)
    ON CONFLICT (account) DO UPDATE SET position = excluded.position;
END
"""
FUNCTION = """
CREATE FUNCTION keep_account_heads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account_heads (account, position)
    SELECT a.account, max(a.position) FROM added a GROUP BY a.account ORDER BY a.account
    ON CONFLICT (account) DO UPDATE SET position = excluded.position;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER events_account_heads AFTER INSERT ON events REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION keep_account_heads()
"""


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "account_heads",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("position", big, nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_index("account_heads_position", "account_heads", ["position"])
    op.create_index("feeds_account", "feeds", ["account"])
    op.create_index("hooks_account", "hooks", ["account"])
    op.execute(
        "INSERT INTO account_heads (account, position)"
        " SELECT account, max(position) FROM events GROUP BY account"
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(SQLITE)
    else:
        op.execute(FUNCTION)
        op.execute(TRIGGER)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER events_account_heads")
    else:
        op.execute("DROP TRIGGER events_account_heads ON events")
        op.execute("DROP FUNCTION keep_account_heads()")
    op.drop_index("hooks_account", "hooks")
    op.drop_index("feeds_account", "feeds")
    op.drop_table("account_heads")
