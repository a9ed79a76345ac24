"""Deliveries to hooks are messages of the outbox, with their attempts, dead letters and circuits"""

import hashlib
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0036_deliveries_in_the_outbox"
down_revision = "0035_moved_accounts"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT_ONCE = 1000
CIRCUIT = ("consecutive_failures", "circuit_open_until")
OF_HOOKS = sa.text("channel = 'webhook' AND claimed_until = 0")
NAMED = sa.text("recipient IS NOT NULL")


def upgrade() -> None:
    for column in (
        sa.Column("recipient", sa.Text()),
        sa.Column("position", BIG),
        sa.Column("order_id", sa.Text()),
        sa.Column("next_at", BIG),
    ):
        op.add_column("outbox_attempts", column)
    connection = op.get_bind()
    _move(connection, "deliveries", "outbox_messages", ("app_key", "position"), _message)
    _move(connection, "dead_letters", "outbox_messages", ("subscription", "position"), _dead)
    _move(connection, "attempts", "outbox_attempts", ("app_key", "position", "attempt"), _attempt)
    op.execute("DELETE FROM dead_letters WHERE subscription LIKE 'hook:%'")
    op.execute(
        "UPDATE outbox_messages SET attempts = (SELECT coalesce(max(attempt), 0) FROM"
        " outbox_attempts WHERE message = outbox_messages.id)"
        " WHERE channel = 'webhook' AND state = 'dead'"
    )
    op.execute(
        "INSERT INTO outbox_recipients (channel, account, recipient, consecutive_failures,"
        " circuit_open_until) SELECT 'webhook', account, app_key, consecutive_failures,"
        " circuit_open_until FROM hooks"
    )
    for table in ("deliveries", "attempts"):
        op.drop_table(table)
    with op.batch_alter_table("hooks") as batch:
        for name in CIRCUIT:
            batch.drop_column(name)
    op.create_index(
        "outbox_messages_webhooks",
        "outbox_messages",
        ["recipient", "state", "position"],
        sqlite_where=OF_HOOKS,
        postgresql_where=OF_HOOKS,
    )
    op.create_index(
        "outbox_attempts_latest",
        "outbox_attempts",
        ["recipient", "at"],
        sqlite_where=NAMED,
        postgresql_where=NAMED,
    )


def _move(
    connection: sa.Connection,
    before: str,
    now: str,
    names: tuple[str, ...],
    make: Callable[[Any, str, int], dict[str, Any]],
) -> None:
    """Carry rows over page by page; what has a message already is not carried over again."""
    known, accounts = sa.MetaData(), dict[str, str]()
    source = sa.Table(before, known, autoload_with=connection)
    target = sa.Table(now, known, autoload_with=connection)
    for owners in ("app_keys", "hooks"):
        owner = sa.Table(owners, known, autoload_with=connection)
        rows = connection.execute(sa.select(owner.c.app_key, owner.c.account))
        accounts |= {app_key: account for app_key, account in rows}
    key, last = [source.c[name] for name in names], None
    while True:
        query = sa.select(source).order_by(*key).limit(AT_ONCE)
        if last is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*last))
        page = connection.execute(query).all()
        if not page:
            return
        last = [getattr(page[-1], name) for name in names]
        first = _first_positions(connection, [row.position for row in page])
        made = [
            make(row, app_key, first.get(row.position, row.position))
            for row in page
            if (app_key := _app_key(row)) is not None
        ]
        if now == "outbox_messages":
            made = _new(connection, target, [_of(row, accounts) for row in made])
        if made:
            connection.execute(sa.insert(target), made)


def _app_key(row: Any) -> str | None:
    """Whose row it is; None for a dead letter of a feed."""
    subscription = getattr(row, "subscription", None)
    if subscription is None:
        return str(row.app_key)
    return str(subscription)[5:] if subscription.startswith("hook:") else None


def _of(message: dict[str, Any], accounts: dict[str, str]) -> dict[str, Any]:
    """Add the account, and the order's stream in it."""
    account, order_id = accounts.get(message["recipient"], ""), message["order_id"]
    short = "/" if "/" not in order_id else "/order/"
    return {**message, "account": account, "ordering_key": f"{account}{short}{order_id}"}


def _new(
    connection: sa.Connection, target: sa.Table, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    there = set(connection.execute(sa.select(target.c.id).where(target.c.id.in_(ids))).scalars())
    return [row for row in rows if row["id"] not in there]


def _first_positions(connection: sa.Connection, positions: list[int]) -> dict[int, int]:
    """Where events that another cell recorded stood there: ids of notifications are of that."""
    events = sa.Table("events", sa.MetaData(), autoload_with=connection)
    query = sa.select(events.c.position, events.c.origin_position).where(
        events.c.position.in_(positions), events.c.origin_position.is_not(None)
    )
    return {position: first for position, first in connection.execute(query)}


def _event_id(app_key: str, position: int) -> str:
    return hashlib.sha256(f"hook:{app_key}:{position}".encode()).hexdigest()[:32].upper()


def _message(row: Any, app_key: str, _first: int) -> dict[str, Any]:
    kind = "replay" if row.replayed else "notification"
    return {
        **_waiting(row.event_id, row, app_key, row.notification, row.produced_at),
        "kind": kind,
        "due_at": row.due_at,
        "attempts": row.attempts,
    }


def _dead(row: Any, app_key: str, first: int) -> dict[str, Any]:
    """What died waits for whoever puts it back; who counts its attempts finds them."""
    message = _event_id(app_key, first)
    return {
        **_waiting(message, row, app_key, row.content, row.at),
        "kind": "notification",
        "state": "dead",
        "due_at": row.at,
        "completed_at": row.at,
        "last_error": row.reason,
        "attempts": 0,
    }


def _waiting(
    message: str, row: Any, app_key: str, content: str, produced_at: int
) -> dict[str, Any]:
    return {
        "id": message,
        "channel": "webhook",
        "recipient": app_key,
        "position": row.position,
        "number": 0,
        "order_id": row.order_id,
        "version": 0,
        "key": "",
        "body": content.encode(),
        "state": "pending",
        "produced_at": produced_at,
        "since": produced_at,
    }


def _attempt(row: Any, app_key: str, first: int) -> dict[str, Any]:
    status = row.outcome.removeprefix("HTTP ")
    return {
        "message": _event_id(app_key, first),
        "attempt": row.attempt,
        "at": row.at,
        "duration": row.duration,
        "status": int(status) if status.isascii() and status.isdigit() else None,
        "outcome": row.outcome,
        "recipient": app_key,
        "position": row.position,
        "order_id": row.order_id,
        "next_at": row.next_at,
    }


def downgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("app_key", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("produced_at", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("replayed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("app_key", "position"),
    )
    op.create_index("deliveries_due", "deliveries", ["app_key", "due_at"])
    op.create_index("deliveries_order", "deliveries", ["app_key", "order_id", "position"])
    op.create_table(
        "attempts",
        sa.Column("app_key", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("duration", BIG, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text()),
        sa.Column("next_at", BIG),
        sa.PrimaryKeyConstraint("app_key", "position", "attempt"),
    )
    op.create_index("attempts_at", "attempts", ["at"])
    op.create_index("attempts_latest", "attempts", ["app_key", "at"])
    with op.batch_alter_table("hooks") as batch:
        batch.add_column(
            sa.Column("consecutive_failures", sa.Integer(), nullable=False, server_default="0")
        )
        batch.add_column(sa.Column("circuit_open_until", BIG, nullable=False, server_default="0"))
    sqlite = op.get_bind().dialect.name == "sqlite"
    body = "CAST(body AS TEXT)" if sqlite else "convert_from(body, 'UTF8')"
    for statement in _BACK:
        op.execute(statement.replace("[body]", body))
    op.drop_index("outbox_messages_webhooks", "outbox_messages")
    op.drop_index("outbox_attempts_latest", "outbox_attempts")
    with op.batch_alter_table("outbox_attempts") as batch:
        for name in ("recipient", "position", "order_id", "next_at"):
            batch.drop_column(name)


_TEXTS = ("event_id", "order_id", "notification")
_BACK = (
    "INSERT INTO deliveries (app_key, position, event_id, order_id, notification, produced_at,"
    " due_at, attempts, replayed) SELECT recipient, position, id, order_id, [body], produced_at,"
    " due_at, attempts, kind = 'replay' FROM outbox_messages"
    " WHERE channel = 'webhook' AND state = 'pending'",
    "INSERT INTO dead_letters (subscription, position, order_id, reason, at, content)"
    " SELECT 'hook:' || recipient, position, order_id, last_error, completed_at, [body]"
    " FROM outbox_messages WHERE channel = 'webhook' AND state = 'dead'",
    "INSERT INTO attempts (app_key, position, attempt, at, duration, outcome, order_id, next_at)"
    " SELECT recipient, position, attempt, at, duration, outcome, order_id, next_at"
    " FROM outbox_attempts WHERE recipient IS NOT NULL",
    *(
        f"UPDATE hooks SET {name} = coalesce((SELECT {name} FROM outbox_recipients"  # noqa: S608
        " WHERE channel = 'webhook' AND recipient = app_key), 0)"
        for name in CIRCUIT
    ),
    "DELETE FROM outbox_messages WHERE channel = 'webhook'",
    "DELETE FROM outbox_attempts WHERE recipient IS NOT NULL",
    "DELETE FROM outbox_recipients WHERE channel = 'webhook'",
)
