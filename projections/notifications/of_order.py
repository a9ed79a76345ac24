"""What feeds and hooks got of one order: what waits, what was tried, what died.

Everything is looked up by the positions of the order's events, so it costs as much as the order
is long, whatever the queues hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from projections.notifications import deliveries
from projections.notifications.hook_letters import OF_HOOKS
from projections.outbox import messages
from projections.outbox.tables import outbox_attempts as a
from projections.outbox.tables import outbox_messages as m
from projections.tables import dead_letters, feed_items, feeds, hooks

AT_ONCE = 1000
WAITING, HIDDEN, PENDING, DELIVERED, DEAD = "waiting", "hidden", "pending", "delivered", "dead"


@dataclass(frozen=True, slots=True)
class SubscriptionSink:
    """One notification of one key; instants in microseconds.

    `kind` is `feed` or `hook`. `until`: when a hidden item shows again, a pending one is tried.
    """

    app_key: str
    kind: str
    position: int
    state: str
    attempts: int
    at: int | None = None
    duration: int | None = None
    outcome: str | None = None
    until: int | None = None
    replayed: bool = False


def sinks_of_orders(
    connection: Connection, account: str, positions: Sequence[int], now: int
) -> list[SubscriptionSink]:
    """By key and position; a feed's item that was committed gets no more."""
    queues = _keys(connection, feeds, account)
    pushed = _keys(connection, hooks, account)
    found = [
        *_items(connection, queues, positions, now),
        *_deliveries(connection, pushed, positions),
        *_buried(connection, queues, positions),
    ]
    return sorted(found, key=lambda one: (one.position, one.kind, one.app_key), reverse=True)


def _keys(connection: Connection, table: Any, account: str) -> list[str]:
    query = select(table.c.app_key).where(table.c.account == account)
    return list(connection.execute(query).scalars())


def _items(
    connection: Connection, keys: Sequence[str], positions: Sequence[int], now: int
) -> list[SubscriptionSink]:
    t = feed_items
    query = select(t).where(t.c.app_key.in_(keys), t.c.position.in_(positions))
    return [
        SubscriptionSink(
            row.app_key,
            "feed",
            row.position,
            HIDDEN if row.visible_at > now else WAITING,
            row.retrievals,
            at=row.produced_at,
            until=row.visible_at if row.visible_at > now else None,
            replayed=row.replayed,
        )
        for row in connection.execute(query)
    ]


def _deliveries(
    connection: Connection, keys: Sequence[str], positions: Sequence[int]
) -> list[SubscriptionSink]:
    """Of each position the last attempt, and whether it still waits for another or is dead.

    What was tried once more after it had been delivered was replayed.
    """
    last: dict[tuple[str, int], Any] = {}
    again: set[tuple[str, int]] = set()
    for row in _tried(connection, keys, positions):
        key = row.recipient, row.position
        if key in last and last[key].outcome == "HTTP 200":
            again.add(key)
        last[key] = row
    kept = select(m).where(OF_HOOKS, m.c.recipient.in_(keys), m.c.position.in_(positions))
    kept = kept.where(m.c.state.in_((messages.WAITING, messages.DEAD)))
    unsent = {(row.recipient, row.position): row for row in connection.execute(kept)}
    found = []
    for app_key, position in {*last, *unsent}:
        made, message = last.get((app_key, position)), unsent.get((app_key, position))
        if message and message.state == messages.DEAD:
            found.append(_dead(app_key, "hook", message.completed_at, message.last_error, position))
            continue
        found.append(
            SubscriptionSink(
                app_key,
                "hook",
                position,
                PENDING if message else DELIVERED,
                made.attempt if made else 0,
                at=made.at if made else None,
                duration=made.duration if made else None,
                outcome=made.outcome if made else None,
                until=message.due_at if message else None,
                replayed=(app_key, position) in again
                or bool(message and message.kind == deliveries.REPLAY),
            )
        )
    return [one for one in found if one.state in (PENDING, DEAD) or one.outcome == "HTTP 200"]


def _tried(
    connection: Connection, keys: Sequence[str], positions: Sequence[int]
) -> Iterator[Row[Any]]:
    """Attempts to send notifications of these positions, by the ids of their messages."""
    ids = deliveries.message_ids(connection, keys, positions)
    for first in range(0, len(ids), AT_ONCE):
        tried = select(a).where(a.c.message.in_(ids[first : first + AT_ONCE]))
        yield from connection.execute(tried.order_by(a.c.attempt))


def _dead(app_key: str, kind: str, at: int, reason: str, position: int) -> SubscriptionSink:
    return SubscriptionSink(app_key, kind, position, DEAD, 0, at=at, outcome=reason)


def _buried(
    connection: Connection, keys: Sequence[str], positions: Sequence[int]
) -> list[SubscriptionSink]:
    """Dead letters of feeds."""
    t = dead_letters
    names = {f"feed:{key}": key for key in keys}
    query = select(t).where(t.c.subscription.in_(list(names)), t.c.position.in_(positions))
    return [
        _dead(names[row.subscription], "feed", row.at, row.reason, row.position)
        for row in connection.execute(query)
    ]
