"""Documents that are evaluated again are a job of their own kind"""

import json
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0032_revalidation_jobs"
down_revision = "0031_mail_providers"
branch_labels = None
depends_on = None

CODE_POINTS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KIND = "revalidation"


def upgrade() -> None:
    connection = op.get_bind()
    former, jobs = _table("document_revalidations"), _table("jobs")
    asked_at = connection.execute(sa.text("SELECT coalesce(max(at), 0) FROM events")).scalar_one()
    rows = [
        {
            "id": secrets.token_hex(16),
            "account": row.account,
            "kind": KIND,
            "arguments": json.dumps({"entity": row.entity}, separators=(",", ":")),
            "state": "waiting",
            "done": row.done,
            "total": row.total,
            "place": json.dumps({"after": row.after}),
            "attempts": 0,
            "actor": "migration",
            "created_at": asked_at,
        }
        for row in connection.execute(sa.select(former).where(former.c.after.is_not(None)))
    ]
    if rows:
        connection.execute(sa.insert(jobs), rows)
    op.drop_table("document_revalidations")


def downgrade() -> None:
    op.create_table(
        "document_revalidations",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("after", CODE_POINTS),
        sa.PrimaryKeyConstraint("account", "entity"),
    )
    connection = op.get_bind()
    former, jobs = _table("document_revalidations"), _table("jobs")
    ours = sa.select(jobs).where(jobs.c.kind == KIND, jobs.c.state.in_(("waiting", "running")))
    rows = {
        (row.account, json.loads(row.arguments)["entity"]): {
            "total": row.total,
            "done": row.done,
            "after": json.loads(row.place).get("after", ""),
        }
        for row in connection.execute(ours)
    }
    for (account, entity), fields in rows.items():
        connection.execute(sa.insert(former).values(account=account, entity=entity, **fields))
    connection.execute(sa.delete(jobs).where(jobs.c.kind == KIND))


def _table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
