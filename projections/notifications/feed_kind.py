"""The kind `feed`: notifications wait in a queue until a client retrieves and commits them."""

from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from sqlalchemy import BigInteger, Connection, cast, func, select

from oms_ledger.accounts.roles import FEED, FEED_ADMIN
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from projections.notifications import feeds
from projections.notifications.feeds import SECOND, FeedQueue
from projections.ops.metric import Metric
from projections.subscriptions import dead_letters
from projections.subscriptions.dead_letters import DeadLetter, DeadLetters
from projections.subscriptions.kinds import KindPermissions, SubscriptionKind
from projections.tables import feed_items
from projections.tables import feeds as feeds_table

EXPIRES_SOON = 24 * 60 * 60 * SECOND
"""Microseconds before its removal from which a feed is named although all else is well."""

log = structlog.get_logger(__name__)


class Feeds:
    """The feeds of app keys."""

    owners = feeds_table
    letters: DeadLetters = dead_letters

    def sinks(
        self, connection: Connection, database: Database, account: str
    ) -> Sequence[FeedQueue]:
        """The queues of the account's feeds, by app key."""
        return feeds.destinations(connection, database, account)

    def open(self, database: Database, encryption: Encryption, app_key: str) -> FeedQueue | None:
        """The queue of a key's feed; None where it has none."""
        with database.snapshot() as connection:
            feed = feeds.get(connection, app_key)
        return None if feed is None else FeedQueue(database, feed)

    def requeue(
        self, connection: Connection, app_key: str, letters: Sequence[DeadLetter], now: int
    ) -> None:
        """Put dead letters back into the queue; `now` in microseconds."""
        feeds.requeue(connection, app_key, letters, now)


def _retain(connection: Connection, now: int, head: int, expires: bool) -> list[str]:
    """Items beyond retention go to the dead letters.

    Feeds without new events for that long are removed by an event
    (`services.accounts.subscriptions`).
    """
    if dead_lettered := feeds.dead_letter(connection, now):
        log.warning("feed_items_dead_lettered", items=dead_lettered)
    return []


def _metrics(connection: Connection, now: int, most: int | None) -> Iterator[Metric]:
    of = ("app_key",)
    items = Metric("oms_feed_items", "Items stored, hidden ones too", of)
    oldest = Metric("oms_feed_oldest_seconds", "Age of the oldest item", of)
    expires = Metric("oms_feed_expires_seconds", "Until it is removed, should no item come", of)
    f = feeds_table.c
    known = select(f.app_key, f.last_item_at, f.retention)
    if most is not None:
        ends = f.last_item_at + cast(f.retention, BigInteger) * SECOND
        known = known.where(ends < now + EXPIRES_SOON).order_by(ends).limit(most)
    for row in connection.execute(known):
        if most is None:
            items.put(0, row.app_key)
            oldest.put(0, row.app_key)
        left = (row.last_item_at - now) / SECOND + row.retention
        expires.put(max(0.0, left), row.app_key)
    since = func.min(feed_items.c.produced_at)
    query = select(feed_items.c.app_key, func.count(), since).group_by(feed_items.c.app_key)
    if most is not None:
        query = query.order_by(since).limit(most)
    for key, count, first in connection.execute(query):
        items.put(count, key)
        oldest.put(max(0.0, (now - first) / SECOND), key)
    yield from (items, oldest, expires)


def _status(connection: Connection) -> dict[str, Any]:
    waiting = connection.execute(select(func.count()).select_from(feed_items)).scalar_one()
    return {"waiting": waiting}


KIND = SubscriptionKind(
    name="feed",
    permissions=KindPermissions(view=FEED, admin=frozenset({FEED_ADMIN})),
    retain=_retain,
    metrics=_metrics,
    status=_status,
    of_keys=Feeds(),
)
