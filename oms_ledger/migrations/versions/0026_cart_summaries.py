"""Keep beside a cart what lists show of it, and beside offers how many there are of each kind"""

import sqlalchemy as sa
from alembic import op

revision = "0026_cart_summaries"
down_revision = "0025_jobs"
branch_labels = None
depends_on = None

DERIVED = ("reach", "edition", "count")


def upgrade() -> None:
    op.add_column("carts", sa.Column("summary", sa.Text(), nullable=True))
    offers = sa.table(
        "offers",
        *(sa.column(name, sa.Text()) for name in ("account", "kind", "key", "seller", "country")),
        *(sa.column(name, sa.Text()) for name in ("low", "high")),
        sa.column("body", sa.LargeBinary()),
    )
    key = (offers.c.account, offers.c.kind)
    counting = sa.select(*key, sa.func.count()).where(offers.c.kind.not_in(DERIVED)).group_by(*key)
    empty = {"seller": "", "country": "", "low": "", "high": ""}
    rows = [
        {"account": account, "kind": "count", "key": kind, "body": str(count).encode(), **empty}
        for account, kind, count in op.get_bind().execute(counting)
    ]
    if rows:
        op.bulk_insert(offers, rows)


def downgrade() -> None:
    op.execute("DELETE FROM offers WHERE kind = 'count'")
    with op.batch_alter_table("carts") as table:
        table.drop_column("summary")
