"""One outbox: channels, ordering keys, attempts and recipients; runs of triggers are messages"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018_one_outbox"
down_revision = "0017_anchors"
branch_labels = None
depends_on = None

AT_ONCE = 1000
STATES = {
    "waiting": "pending",
    "done": "delivered",
    "dead": "dead",
    "skipped": "skipped",
    "cancelled": "skipped",
}


def upgrade() -> None:
    for index in ("outbox_messages_order", "outbox_messages_due"):
        op.drop_index(index, "outbox_messages")
    with op.batch_alter_table("outbox_messages") as batch:
        batch.add_column(sa.Column("channel", sa.Text()))
        batch.add_column(sa.Column("ordering_key", sa.Text()))
    op.execute(
        "UPDATE outbox_messages SET"
        " channel = CASE WHEN recipient LIKE '%:%' THEN 'partner'"
        " WHEN recipient = 'gateway' THEN 'gateway' ELSE 'internal' END,"
        " ordering_key = account || CASE WHEN order_id LIKE '%/%' THEN '/order/' ELSE '/' END"
        " || order_id"
    )
    with op.batch_alter_table("outbox_messages") as batch:
        batch.alter_column("channel", existing_type=sa.Text(), nullable=False)
        batch.alter_column("ordering_key", existing_type=sa.Text(), nullable=False)
        batch.alter_column("order_id", existing_type=sa.Text(), nullable=True)
    op.create_table(
        "outbox_attempts",
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("message", "attempt"),
    )
    op.create_index("outbox_attempts_at", "outbox_attempts", ["at"])
    op.create_table(
        "outbox_recipients",
        *(sa.Column(name, sa.Text(), nullable=False) for name in _RECIPIENT),
        *(
            sa.Column(name, type_, nullable=False, server_default="0")
            for name, type_ in (
                ("answered_at", sa.BigInteger()),
                ("consecutive_failures", sa.Integer()),
                ("circuit_open_until", sa.BigInteger()),
                ("turn_at", sa.BigInteger()),
            )
        ),
        sa.PrimaryKeyConstraint(*_RECIPIENT),
    )
    _move_runs(op.get_bind())
    op.execute(
        "INSERT INTO outbox_attempts (message, attempt, at, duration, status, outcome)"
        " SELECT run, attempt, at, duration, status, error FROM trigger_attempts"
    )
    op.drop_table("trigger_attempts")
    op.drop_table("trigger_runs")
    names = ", ".join(_RECIPIENT)
    op.execute(
        f"INSERT INTO outbox_recipients ({names}, answered_at)"  # noqa: S608 - names of our own tables
        f" SELECT {names}, max(coalesce(completed_at, 0)) FROM outbox_messages GROUP BY {names}"
    )
    op.create_index(
        "outbox_messages_key",
        "outbox_messages",
        ["ordering_key", "channel", "recipient", "position", "number"],
    )
    op.create_index(
        "outbox_messages_due",
        "outbox_messages",
        ["state", "channel", "account", "recipient", "due_at"],
    )
    op.create_index(
        "outbox_messages_claimed",
        "outbox_messages",
        list(_RECIPIENT),
        sqlite_where=sa.text("claimed_until > 0"),
        postgresql_where=sa.text("claimed_until > 0"),
    )


_RECIPIENT = ("channel", "account", "recipient")


def _move_runs(connection: sa.Connection) -> None:
    """Each run becomes a message of the channel `trigger`; what had claimed it claims it still."""
    runs = sa.Table("trigger_runs", sa.MetaData(), autoload_with=connection)
    messages = sa.Table("outbox_messages", sa.MetaData(), autoload_with=connection)
    last = ""
    while True:
        query = sa.select(runs).where(runs.c.id > last).order_by(runs.c.id).limit(AT_ONCE)
        found = connection.execute(query).all()
        if not found:
            return
        connection.execute(sa.insert(messages), [_message(row) for row in found])
        last = found[-1].id


def _message(run: Any) -> dict[str, Any]:
    body = {
        "entity": run.entity,
        "schema": run.schema,
        "trigger": run.trigger,
        "entityVersion": run.entity_version,
        "chain": run.chain,
    }
    return {
        "id": run.id,
        "channel": "trigger",
        "account": run.account,
        "recipient": f"{run.entity}/{run.schema}/{run.trigger}",
        "ordering_key": run.stream,
        "position": run.position,
        "number": 0,
        "order_id": None,
        "version": run.version,
        "kind": "save-profiles" if run.schema == "(profiles)" else "run-trigger",
        "key": f"v{run.version}",
        "body": json.dumps(body).encode(),
        "state": STATES[run.state],
        "produced_at": run.created_at,
        "since": run.created_at,
        "due_at": run.due_at,
        "attempts": run.attempts,
        "last_error": run.last_error,
        "skip_reason": "cancelled" if run.state == "cancelled" else None,
        "completed_at": run.finished_at,
        "claim": run.claim,
        "claimed_until": run.claimed_until,
    }


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
