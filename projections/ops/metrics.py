"""Where everything stands, as figures: what `/metrics` and `oms-ledger status` show alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from oms_ledger.eventstore.tables import events
from projections.notifications.feeds import SECOND
from projections.ops.metric import Metric
from projections.outbox import claims, messages
from projections.subscriptions import checkpoints, leases, registry
from projections.tables import (
    dead_letters,
    filter_stats,
    process_metrics,
    timers,
)

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
    held = leases.holders(connection)
    at = checkpoints.positions(connection)
    late = {position + 1 for position in at.values() if position < head}
    query = select(events.c.position, events.c.at).where(events.c.position.in_(late))
    since = {position: recorded_at for position, recorded_at in connection.execute(query)}
    return [
        SubscriptionStatus(
            name,
            position,
            max(0, head - position),
            max(0.0, (now - since.get(position + 1, now)) / SECOND),
            held.get(name),
        )
        for name, position in sorted(at.items())
    ]


def collect_metrics(connection: Connection, head: int, now: int) -> list[Metric]:
    """Everything that the database knows; `now` in microseconds."""
    return [
        *_subscriptions(connection, head, now),
        *_judging(connection),
        *(one for kind in registry.KINDS.values() for one in kind.metrics(connection, now)),
        *_others(connection, now),
    ]


def _subscriptions(connection: Connection, head: int, now: int) -> Iterator[Metric]:
    stands = Metric("oms_ledger_head", "Last position of the ledger")
    stands.put(head)
    lag = Metric("oms_subscription_lag", "Events a subscription is behind", ("subscription",))
    seconds = Metric(
        "oms_subscription_lag_seconds",
        "Age of the oldest event a subscription has not passed",
        ("subscription",),
    )
    held = Metric("oms_lease_held", "Whether somebody holds the lease", ("lease",))
    for name, holder in leases.holders(connection).items():
        held.put(float(holder is not None), name)
    for one in subscription_statuses(connection, head, now):
        lag.put(one.lag, one.subscription)
        seconds.put(one.seconds, one.subscription)
    yield from (stands, lag, seconds, held)


def _judging(connection: Connection) -> Iterator[Metric]:
    actor = ("subscription",)
    evaluated = Metric(
        "oms_filter_evaluated_total", "Events evaluated by an expression", actor, True
    )
    matched = Metric("oms_filter_matched_total", "Events that matched an expression", actor, True)
    failed = Metric("oms_filter_failed_total", "Evaluations that failed", actor, True)
    spent = Metric("oms_filter_seconds_total", "Seconds spent evaluating", actor, True)
    for row in connection.execute(select(filter_stats)):
        evaluated.put(row.evaluated, row.subscription)
        matched.put(row.matched, row.subscription)
        failed.put(row.failed, row.subscription)
        spent.put(row.micros / SECOND, row.subscription)
    yield from (evaluated, matched, failed, spent)


def _others(connection: Connection, now: int) -> Iterator[Metric]:
    dead = Metric("oms_dead_letters", "Dead letters", ("subscription",))
    query = select(dead_letters.c.subscription, func.count()).group_by(dead_letters.c.subscription)
    for subscription, count in connection.execute(query):
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
    yield from (dead, late, seen)


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
