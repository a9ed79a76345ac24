"""What feeds and hooks got of one order: what waits, what was tried, what died.

Everything is looked up by the positions of the order's events, so it costs as much as the order
is long, whatever the queues hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from projections.tables import attempts, dead_letters, deliveries, feed_items, feeds, hooks

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
        *_dead(connection, queues, pushed, positions),
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
    """Of each position the last attempt, and whether it still waits for another.

    What was tried once more after it had been delivered was replayed.
    """
    t, d = attempts, deliveries
    tried = select(t).where(t.c.app_key.in_(keys), t.c.position.in_(positions))
    last: dict[tuple[str, int], Any] = {}
    again: set[tuple[str, int]] = set()
    for row in connection.execute(tried.order_by(t.c.attempt)):
        key = row.app_key, row.position
        if key in last and last[key].outcome == "HTTP 200":
            again.add(key)
        last[key] = row
    waits = select(d).where(d.c.app_key.in_(keys), d.c.position.in_(positions))
    pending = {(r.app_key, r.position): r for r in connection.execute(waits)}
    found = []
    for app_key, position in {*last, *pending}:
        made, message = last.get((app_key, position)), pending.get((app_key, position))
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
                replayed=(app_key, position) in again or bool(message and message.replayed),
            )
        )
    return [one for one in found if one.state == PENDING or one.outcome == "HTTP 200"]


def _dead(
    connection: Connection,
    queues: Sequence[str],
    pushed: Sequence[str],
    positions: Sequence[int],
) -> list[SubscriptionSink]:
    t = dead_letters
    names = {f"feed:{key}": (key, "feed") for key in queues}
    names |= {f"hook:{key}": (key, "hook") for key in pushed}
    query = select(t).where(t.c.subscription.in_(list(names)), t.c.position.in_(positions))
    return [
        SubscriptionSink(
            *names[row.subscription], row.position, DEAD, 0, at=row.at, outcome=row.reason
        )
        for row in connection.execute(query)
    ]
