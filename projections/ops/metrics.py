"""Where everything stands, as figures: what `/metrics` and `oms-ledger status` show alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select

from oms_ledger.eventstore.tables import events
from projections.jobs import jobs
from projections.notifications import hook_letters
from projections.notifications.feeds import SECOND
from projections.ops.metric import Metric
from projections.outbox import claims, messages
from projections.subscriptions import checkpoints, lateness, leases, registry
from projections.tables import (
    dead_letters,
    filter_stats,
    process_metrics,
    subscriptions,
    timers,
)

MOST_NAMED = 200
"""Feeds and hooks up to which each is named; of more those that wait, fail, lag or end soon."""

GONE = 60
"""Seconds without a sign of life after which a process is not counted any more."""


@dataclass(frozen=True, slots=True)
class SubscriptionStatus:
    """A subscription: its lag in events and in seconds, and who holds its lease.

    The lag in seconds is the age of the oldest event that it has not passed.
    """

    subscription: str
    position: int
    lag: int
    seconds: float
    holder: str | None


def subscription_statuses(connection: Connection, head: int, now: int) -> list[SubscriptionStatus]:
    """Every subscription; where there are many, views and those with something to pass."""
    late = set(lateness.behind(connection, head))
    watched = None
    if _many(connection):
        views = select(subscriptions.c.id).where(subscriptions.c.kind.not_in(registry.owners()))
        watched = late | set(connection.execute(views).scalars())
    held = leases.holders(connection, held_only=watched is not None)
    at = checkpoints.positions(connection, watched)
    nexts = {at[name] + 1 for name in late if name in at}
    query = select(events.c.position, events.c.at).where(events.c.position.in_(nexts))
    since = {position: recorded_at for position, recorded_at in connection.execute(query)}
    return [
        SubscriptionStatus(
            name,
            position,
            head - position if name in late else 0,
            max(0.0, (now - since.get(position + 1, now)) / SECOND) if name in late else 0.0,
            held.get(name),
        )
        for name, position in sorted(at.items())
    ]


def _many(connection: Connection) -> bool:
    """Whether there are so many feeds and hooks that those where all is well are not named."""
    query = select(subscriptions.c.id).where(subscriptions.c.kind.in_(registry.owners()))
    return len(connection.execute(query.limit(MOST_NAMED + 1)).all()) > MOST_NAMED


def collect_metrics(connection: Connection, head: int, now: int) -> list[Metric]:
    """Everything that the database knows; `now` in microseconds."""
    most = MOST_NAMED if _many(connection) else None
    return [
        *_subscriptions(connection, head, now, most),
        *_filtering(connection, most),
        *(one for kind in registry.KINDS.values() for one in kind.metrics(connection, now, most)),
        *_others(connection, now),
    ]


def _subscriptions(
    connection: Connection, head: int, now: int, most: int | None
) -> Iterator[Metric]:
    stands = Metric("oms_ledger_head", "Last position of the ledger")
    stands.put(head)
    lag = Metric("oms_subscription_lag", "Events a subscription is behind", ("subscription",))
    seconds = Metric(
        "oms_subscription_lag_seconds",
        "Age of the oldest event a subscription has not passed",
        ("subscription",),
    )
    held = Metric("oms_lease_held", "Whether somebody holds the lease", ("lease",))
    for name, holder in leases.holders(connection, held_only=most is not None).items():
        held.put(float(holder is not None), name)
    for one in subscription_statuses(connection, head, now):
        lag.put(one.lag, one.subscription)
        seconds.put(one.seconds, one.subscription)
    yield from (stands, lag, seconds, held)


def _filtering(connection: Connection, most: int | None) -> Iterator[Metric]:
    actor = ("subscription",)
    evaluated = Metric(
        "oms_filter_evaluated_total", "Events evaluated by an expression", actor, True
    )
    matched = Metric("oms_filter_matched_total", "Events that matched an expression", actor, True)
    failed = Metric("oms_filter_failed_total", "Evaluations that failed", actor, True)
    spent = Metric("oms_filter_seconds_total", "Seconds spent evaluating", actor, True)
    c = filter_stats.c
    query = select(c.subscription, c.evaluated, c.matched, c.failed, c.micros)
    if most is not None:  # a counter may not change its name, so all of a kind are one
        sums = [func.sum(one) for one in (c.evaluated, c.matched, c.failed, c.micros)]
        kind = subscriptions.c.kind
        query = select(kind + literal(":*"), *sums).group_by(kind)
        query = query.where(subscriptions.c.id == c.subscription)
    for name, *figures, micros in connection.execute(query):
        for metric, value in zip((evaluated, matched, failed), figures, strict=True):
            metric.put(float(value), name)
        spent.put(float(micros) / SECOND, name)
    yield from (evaluated, matched, failed, spent)


def _others(connection: Connection, now: int) -> Iterator[Metric]:
    dead = Metric("oms_dead_letters", "Dead letters", ("subscription",))
    query = select(dead_letters.c.subscription, func.count()).group_by(dead_letters.c.subscription)
    buried = {subscription: count for subscription, count in connection.execute(query)}
    for subscription, count in (buried | hook_letters.counted(connection)).items():
        dead.put(count, subscription)
    yield from _outbox(connection, now)
    late = Metric("oms_timers_late_seconds", "How late the latest timer is")
    first = connection.execute(select(func.min(timers.c.due_at))).scalar_one()
    late.put(max(0.0, (now - first) / SECOND) if first is not None else 0.0)
    seen = Metric(
        "oms_process_seen_seconds", "Since a process last gave a sign of life", ("kind", "process")
    )
    for row in connection.execute(select(process_metrics)):
        if now - row.at < GONE * SECOND:
            seen.put(max(0.0, (now - row.at) / SECOND), row.kind, row.process)
    by_state = Metric("oms_jobs", "Jobs by kind and state", ("kind", "state"))
    for key, count in jobs.counted(connection).items():
        by_state.put(count, *key)
    yield from (dead, late, seen, by_state)


def _outbox(connection: Connection, now: int) -> Iterator[Metric]:
    labels = ("channel", "kind", "state")
    waiting = Metric("oms_outbox_messages", "Outbox messages not completed", labels)
    for key, count in messages.counted(connection).items():
        waiting.put(count, *key)
    named = ("channel", "account", "recipient")
    failures = Metric("oms_outbox_recipient_failures", "Attempts unanswered in a row", named)
    quiet = Metric("oms_outbox_circuit_open", "Whether a recipient is left in peace", named)
    for *recipient, count, is_open in claims.failing(connection, now):
        failures.put(count, *recipient)
        quiet.put(float(is_open), *recipient)
    yield from (waiting, failures, quiet)
