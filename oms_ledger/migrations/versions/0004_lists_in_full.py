"""What lists filter, search and add up; views are dropped and folded anew at the next start"""

import sqlalchemy as sa
from alembic import op

revision = "0004_lists"
down_revision = "0003_calls"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TERM = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, BIG, nullable=nullable, autoincrement=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def upgrade() -> None:
    op.add_column("cursors", sa.Column("shape", sa.Integer(), nullable=False, server_default="0"))
    op.drop_table("order_views")
    op.create_table(
        "order_views",
        _text("account"),
        _text("order_id"),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("order_group"),
        _big("sequence"),
        sa.Column("complete", sa.Boolean(), nullable=False),
        _text("status", nullable=True),
        _big("created_at"),
        _big("authorized_at", nullable=True),
        _big("approved_at", nullable=True),
        _big("ready_at", nullable=True),
        _big("invoiced_at", nullable=True),
        _big("estimate_at", nullable=True),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        _big("value"),
        _big("items"),
        _text("origin"),
        _text("currency"),
        _text("terms"),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_id"),
    )
    for name, columns in {
        "created": ["account", "complete", "created_at", "order_id"],
        "status": ["account", "status", "created_at", "order_id"],
        "authorized": ["account", "authorized_at"],
        "invoiced": ["account", "invoiced_at"],
        "estimate": ["account", "estimate_at"],
        "value": ["account", "complete", "value", "order_id"],
        "items": ["account", "complete", "items", "order_id"],
        "origin": ["account", "complete", "origin", "order_id"],
        "group": ["account", "order_group"],
        "sequence": ["account", "sequence"],
    }.items():
        op.create_index(f"order_views_{name}", "order_views", columns)
    op.create_table(
        "order_terms",
        _text("account"),
        _text("order_id"),
        _text("kind"),
        sa.Column("term", TERM, nullable=False),
        _text("shown"),
        sa.PrimaryKeyConstraint("account", "order_id", "kind", "term"),
        sqlite_with_rowid=False,
    )
    op.create_index("order_terms_term", "order_terms", ["account", "kind", "term", "order_id"])
    measured = [
        _big(f"{of}_{figure}")
        for of in ("value", "items")
        for figure in ("sum", "squares_high", "squares_low", "min", "min_count", "max", "max_count")
    ]
    op.create_table(
        "order_figures",
        _text("account"),
        _text("kind"),
        _text("span"),
        sa.Column("term", TERM, nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False, autoincrement=False),
        _text("status"),
        _text("origin"),
        _text("currency"),
        _big("count"),
        *measured,
        sa.PrimaryKeyConstraint(
            "account", "kind", "span", "term", "bucket", "status", "origin", "currency"
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
