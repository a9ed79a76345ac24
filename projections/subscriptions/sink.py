"""A destination that gets notifications: what a subscription's filter passes is stored for it.

Kinds differ in `store_notifications` alone: in which table a notification waits for its reader.
What they can do besides (replay, dry run, explain, dead letters) is written for any of them
(`.replay`, `.dry_run`, `.explain`, `.dead_letters`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Page
from oms_ledger.notifications.filters import FromOrders, stored_filter
from projections.subscriptions import pauses
from projections.subscriptions.filtering import FilterResult, SubscriptionFilter, evaluate
from projections.subscriptions.notification import Notification
from projections.tables import filter_stats, filter_timeouts, single_fire_orders, subscriptions

log = structlog.get_logger(__name__)


class SubscriptionSink:
    """Destination of a subscription that keeps a notification of each event its filter passes."""

    def __init__(
        self, database: Database, subscription: str, account: str, filter: dict[str, Any]
    ) -> None:
        self.database = database
        self.filter_of = SubscriptionFilter(subscription, account, stored_filter(filter))
        self.has_new = False
        """Set when something was stored, for whoever signals its dispatcher."""

    @property
    def subscription(self) -> str:
        """The subscription whose filter it is."""
        return self.filter_of.subscription

    @property
    def account(self) -> str:
        """The account whose events the filter sees."""
        return self.filter_of.account

    @property
    def single_fire_only(self) -> bool:
        """Whether an order gets one notification, at its first match."""
        filter = self.filter_of.filter
        return isinstance(filter, FromOrders) and not filter.disable_single_fire

    def store_notifications(
        self, connection: Connection, notifications: Sequence[Notification]
    ) -> None:
        """Store some notifications, of which those that are `replayed` may be there already."""
        raise NotImplementedError

    def produce(self, page: Page) -> FilterResult:
        """What the filter passes of the page."""
        (evaluated,) = evaluate(self.database, [self.filter_of], page.rows, page.loader)
        return evaluated

    def store(self, connection: Connection, produced: object) -> None:
        """Store what it passed; what a replay produces again says so."""
        assert isinstance(produced, FilterResult)
        query = select(subscriptions.c.replay_until).where(subscriptions.c.id == self.subscription)
        until = connection.execute(query).scalar_one() if produced.notifications else 0
        store_batch(connection, [(self, produced)], {self.subscription: until})

    def emit(self, connection: Connection, notifications: Sequence[Notification]) -> None:
        """Keep notifications, and remember that their orders fired."""
        self.store_notifications(connection, notifications)
        self.has_new = True
        if self.single_fire_only:
            fresh = [
                {"subscription": self.subscription, "order_id": n.order_id, "position": n.position}
                for n in notifications
            ]
            connection.execute(insert(single_fire_orders), fresh)


def store_batch(
    connection: Connection,
    sinks: Sequence[tuple[SubscriptionSink, FilterResult]],
    replay_until: Mapping[str, int],
) -> None:
    """What a page came to for some subscriptions; up to `replay_until` it is produced again."""
    _count(connection, sinks)
    for one, evaluated in sinks:
        if evaluated.notifications:
            until = replay_until[one.subscription]
            one.emit(
                connection,
                [
                    replace(n, replayed=True) if n.position <= until else n
                    for n in evaluated.notifications
                ],
            )


def _count(connection: Connection, sinks: Sequence[tuple[SubscriptionSink, FilterResult]]) -> None:
    """Add up what evaluating by expressions came to, and remember where the clock stopped it."""
    rows = [
        _figures(one.subscription, evaluated, one.database.clock.micros())
        for one, evaluated in sinks
        if isinstance(one.filter_of.filter, FromOrders)
    ]
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    counted = dialect.insert(filter_stats)
    new = counted.excluded
    more: dict[str, Any] = {
        name: filter_stats.c[name] + new[name]
        for name in ("evaluated", "matched", "failed", "micros")
    }
    for name in ("last_failure", "last_failure_position", "last_failure_at"):
        more[name] = func.coalesce(new[name], filter_stats.c[name])
    connection.execute(
        counted.on_conflict_do_update(index_elements=["subscription"], set_=more), rows
    )
    stopped = [
        {"subscription": one.subscription, "position": failure.position}
        for one, evaluated in sinks
        for failure in evaluated.failures
        if failure.timed_out
    ]
    if stopped:
        connection.execute(dialect.insert(filter_timeouts).on_conflict_do_nothing(), stopped)
    for one, evaluated in sinks:
        if killed := evaluated.killed:
            now = one.database.clock.micros()
            pauses.pause(connection, one.subscription, killed.position, killed.order_id, now)
            log.error(
                "filter_paused",
                subscription=one.subscription,
                position=killed.position,
                order_id=killed.order_id,
            )


def _figures(subscription: str, evaluated: FilterResult, now: int) -> dict[str, Any]:
    last = evaluated.failures[-1] if evaluated.failures else None
    return {
        "subscription": subscription,
        "evaluated": evaluated.evaluated,
        "matched": len(evaluated.notifications),
        "failed": len(evaluated.failures),
        "micros": evaluated.micros,
        "last_failure": last and last.message,
        "last_failure_position": last and last.position,
        "last_failure_at": last and now,
    }


def forget(connection: Connection, subscription: str) -> None:
    """Forget what the subscription's previous filter came to: orders fired, evaluations stopped."""
    for table in (single_fire_orders, filter_timeouts, filter_stats):
        connection.execute(delete(table).where(table.c.subscription == subscription))
    pauses.resume(connection, subscription)
