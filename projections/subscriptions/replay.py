"""Replay: a subscription is put back, and what its filter passes from there on is produced again.

What is produced again is marked `replayed`, has the same event id as before, and leaves alone
what is still waiting. Orders that fired after the place where the replay begins may fire again.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from projections.subscriptions import leases
from projections.subscriptions.filtering import evaluate
from projections.subscriptions.sink import SubscriptionSink
from projections.tables import single_fire_orders, subscriptions

CLOCKS_APART = 10_000_000
"""Microseconds that the clocks of two machines that write events may differ by."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Events after `since` are evaluated again; `until` is where the subscription stood."""

    since: int
    until: int


def rewind(connection: Connection, subscription: str, since: int) -> Replay | None:
    """Put the subscription back to a position; None when there is no such subscription.

    Whoever runs it is fenced and starts again. A place ahead of the subscription leaves it where it
    is.
    """
    leases.fence(connection, subscription)
    mine = subscriptions.c.id == subscription
    query = (
        select(subscriptions.c.position, subscriptions.c.replay_until).where(mine).with_for_update()
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    since = max(0, min(since, row.position))
    again = {"position": since, "replay_until": max(row.position, row.replay_until)}
    connection.execute(update(subscriptions).where(mine).values(again))
    connection.execute(
        delete(single_fire_orders).where(
            single_fire_orders.c.subscription == subscription, single_fire_orders.c.position > since
        )
    )
    return Replay(since, row.position)


def replay_order(
    database: Database, loader: StreamLoader, sinks: SubscriptionSink, order_id: str, since: int = 0
) -> int | None:
    """Produce one order's notifications again, up to where the subscription stands; how many
    passed.

    None when there is no such order.
    """
    query = select(subscriptions.c.position).where(subscriptions.c.id == sinks.subscription)
    with database.reading() as connection:
        until = connection.execute(query).scalar_one_or_none() or 0
    stream = loader.store.stream(order_stream(sinks.account, order_id))
    rows = [row for row in stream if since < row.position <= until]
    notifications = []
    remaining = rows
    while remaining:  # an evaluation that takes long breaks off: go on where it did
        (evaluated,) = evaluate(database, [sinks.filter_of], remaining, loader, fired_before=since)
        notifications += evaluated.notifications
        remaining = [row for row in remaining if row.position > evaluated.until]
    if sinks.single_fire_only:
        notifications = notifications[:1]
    mine = (
        single_fire_orders.c.subscription == sinks.subscription,
        single_fire_orders.c.order_id == order_id,
    )
    with database.writing() as connection:
        if notifications:
            connection.execute(delete(single_fire_orders).where(*mine))
            sinks.emit(
                connection, [replace(notification, replayed=True) for notification in notifications]
            )
    return len(notifications) if stream else None


def position_before(database: Database, at: int) -> int:
    """The last position whose event, and all before it, were recorded before the instant.

    `at` in microseconds. Found by halving: events are recorded in the order of their instants
    but for the difference of the writers' clocks.
    """
    with database.snapshot() as connection:
        low = 0
        newest = select(events.c.position).order_by(events.c.position.desc()).limit(1)
        high = connection.execute(newest).scalar_one_or_none() or 0
        while low < high:
            middle = (low + high + 1) // 2
            query = select(events.c.at).where(events.c.position == middle)
            if connection.execute(query).scalar_one() < at - CLOCKS_APART:
                low = middle
            else:
                high = middle - 1
        query = (
            select(events.c.position)
            .where(events.c.position > low, events.c.at >= at)
            .order_by(events.c.position)
            .limit(1)
        )
        found = connection.execute(query).scalar_one_or_none()
        if found is not None:
            return int(found) - 1
        return int(connection.execute(newest).scalar_one_or_none() or 0)
