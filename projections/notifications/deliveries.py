"""What hooks are sent: messages of the channel `webhook` in the outbox.

A notification's message has its id, the hook's app key as recipient, and the order's stream as
ordering key. A hook's messages are sent under a lease of its own, `delivery:<app key>`: evaluating
new events, under the lease of its subscription, goes on beside the sending.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, tuple_

from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.notifications.webhook import notification_body
from projections.notifications import hook_letters
from projections.notifications.hook_letters import OF_HOOKS
from projections.outbox import attempts, claims, messages
from projections.outbox.messages import COLUMNS, WAITING, StoredMessage, stored_message
from projections.outbox.tables import outbox_attempts as a
from projections.outbox.tables import outbox_messages as t
from projections.outbox.tables import outbox_recipients as r
from projections.subscriptions.dead_letters import DeadLetter
from projections.subscriptions.notification import Notification, event_id, insert_missing
from projections.tables import hooks

DUE = "pushes"
"""Under this name all hooks are signaled that have pending something now."""
NOTIFICATION, REPLAY = "notification", "replay"
"""Kinds of messages: what is produced for the first time, and what is produced again."""


def hook_subscription(app_key: str) -> str:
    """The subscription of a key's hook."""
    return f"hook:{app_key}"


def delivery_lease(app_key: str) -> str:
    """The lease that whoever sends to a hook holds."""
    return f"delivery:{app_key}"


RECIPIENT = and_(
    r.c.channel == WEBHOOK.name, r.c.account == hooks.c.account, r.c.recipient == hooks.c.app_key
)
"""How a hook's endpoint did, beside the hook."""


def enqueue(
    connection: Connection,
    account: str,
    app_key: str,
    notifications: Sequence[Notification],
    now: int,
) -> None:
    """Store what a hook is to be sent; its recipient is known since the hook is configured.

    What is produced again waits as it is where it waits still. Its attempts are counted on.
    """
    fresh = [row_of(account, app_key, one, now) for one in notifications if not one.replayed]
    if fresh:
        connection.execute(insert(t), fresh)
    again = [one for one in notifications if one.replayed]
    if again:
        ids = [one.event_id for one in again]
        known = attempts.numbers(connection, ids)
        rows = [
            row_of(account, app_key, one, now) | {"attempts": known.get(one.event_id, 0)}
            for one in again
        ]
        insert_missing(connection, t, rows)
        messages.revive(connection, t.c.id.in_(ids), now=now, kind=REPLAY)


def row_of(
    account: str, app_key: str, notification: Notification, now: int, body: str | None = None
) -> dict[str, Any]:
    """The message of a notification, that waits."""
    content = body or notification_body(account, app_key, notification)
    return {
        "id": notification.event_id,
        "channel": WEBHOOK.name,
        "account": account,
        "recipient": app_key,
        "ordering_key": order_stream(account, notification.order_id),
        "position": notification.position,
        "number": 0,
        "order_id": notification.order_id,
        "version": 0,
        "kind": REPLAY if notification.replayed else NOTIFICATION,
        "key": "",
        "body": content.encode(),
        "state": WAITING,
        "produced_at": now,
        "since": now,
        "due_at": now,
    }


def requeue(connection: Connection, app_key: str, letters: Sequence[DeadLetter], now: int) -> None:
    """Dead notifications wait again."""
    positions = [letter.position for letter in letters]
    ours = (OF_HOOKS, t.c.recipient == app_key, t.c.position.in_(positions))
    messages.revive(connection, *ours, now=now)


def message_ids(
    connection: Connection, app_keys: Sequence[str], positions: Sequence[int]
) -> list[str]:
    """The ids that messages to hooks about these events have, or had before they were delivered.

    Events that another cell recorded have those of where they stood there.
    """
    query = select(events.c.position, events.c.origin_position).where(
        events.c.position.in_(positions), events.c.origin_position.is_not(None)
    )
    first = {position: origin for position, origin in connection.execute(query)}
    at = [first.get(position, position) for position in positions]
    return [event_id(hook_subscription(key), position) for key in app_keys for position in at]


def with_due(connection: Connection, now: int, app_key: str | None = None) -> list[str]:
    """The keys of hooks that have pending something now and may be given it; of all, or this
    one.
    """
    query = (
        select(hooks.c.app_key)
        .join(r, RECIPIENT)
        .where(claims.served(WEBHOOK, claims.NOW), hooks.c.paused_at.is_(None))
    )
    if app_key is not None:
        query = query.where(hooks.c.app_key == app_key)
    return list(connection.execute(query, {"now": now}).scalars())


def pending(connection: Connection) -> dict[str, int]:
    """How many notifications wait, by app key."""
    return {key: count for key, count, _ in counted(connection)}


def counted(connection: Connection, most: int | None = None) -> Iterable[tuple[str, int, int]]:
    """App keys of hooks with how many notifications wait, and since when; the latest at most."""
    since = func.min(t.c.produced_at)
    query = select(t.c.recipient, func.count(), since).where(OF_HOOKS, t.c.state == WAITING)
    query = query.group_by(t.c.recipient)
    if most is not None:
        query = query.order_by(since).limit(most)
    return [(key, count, first) for key, count, first in connection.execute(query)]


def waits(connection: Connection, app_key: str) -> bool:
    """Tell whether a hook has something pending."""
    query = select(t.c.id).where(OF_HOOKS, t.c.recipient == app_key, t.c.state == WAITING)
    return connection.execute(query.limit(1)).first() is not None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt as it is remembered; instants and duration in microseconds."""

    position: int
    attempt: int
    order_id: str | None
    """None for attempts of a release that did not note it."""
    at: int
    duration: int
    outcome: str
    next_at: int | None


def attempts_of(
    connection: Connection,
    app_key: str,
    *,
    before: tuple[int, int, int] | None = None,
    position: int | None = None,
    failed: bool = False,
    limit: int = 100,
) -> list[AttemptRecord]:
    """The latest attempts first; `before` is the at, position and number of one to go on from."""
    key = (a.c.at, a.c.position, a.c.attempt)
    query = select(a).where(a.c.recipient == app_key)
    if position is not None:
        query = query.where(a.c.message.in_(message_ids(connection, [app_key], [position])))
    if failed:
        query = query.where(a.c.outcome != "HTTP 200")
    if before is not None:
        query = query.where(tuple_(*key) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in key)).limit(limit)
    rows = connection.execute(query).all()
    return [
        AttemptRecord(r.position, r.attempt, r.order_id, r.at, r.duration, r.outcome, r.next_at)
        for r in rows
    ]


def peek(connection: Connection, app_key: str, after: int, limit: int) -> list[StoredMessage]:
    """What has pending past a position, in order of the ledger; nothing changes by looking."""
    query = (
        select(*COLUMNS)
        .where(OF_HOOKS, t.c.recipient == app_key, t.c.state == WAITING, t.c.position > after)
        .order_by(t.c.position)
        .limit(limit)
    )
    return [stored_message(row) for row in connection.execute(query)]


def overview(connection: Connection, app_key: str) -> tuple[int, int | None, int]:
    """How much a hook has pending, since when its oldest notification waits, and its dead
    letters.
    """
    query = select(func.count(), func.min(t.c.produced_at))
    query = query.where(OF_HOOKS, t.c.recipient == app_key, t.c.state == WAITING)
    count, oldest = connection.execute(query).one()
    return count, oldest, hook_letters.count(connection, hook_subscription(app_key))
