"""Where everything stands, as figures: what `/metrics` and `oms-ledger status` show alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from oms_ledger.eventstore.tables import events
from projections.notifications.feeds import SECOND
from projections.outbox import messages as calls
from projections.subscriptions import checkpoints as cursors
from projections.tables import cursors as cursor_table
from projections.tables import (
    dead_letters,
    deliveries,
    due_times,
    feed_items,
    feeds,
    hooks,
    judgings,
    process_figures,
)

GONE = 60
"""Seconds without a sign of life after which a process is not counted any more."""


@dataclass
class Figure:
    """A figure by its labels; one that only grows is a counter."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    counter: bool = False
    values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def put(self, value: float, *labels: str) -> None:
        self.values[labels] = value


@dataclass(frozen=True, slots=True)
class Following:
    """A cursor: its lag in entries and in seconds, and who holds its lease.

    The lag in seconds is the age of the oldest entry that it has not passed.
    """

    cursor: str
    position: int | None
    lag: int
    seconds: float
    holder: str | None


def following(connection: Connection, head: int, now: int) -> list[Following]:
    rows = connection.execute(select(cursor_table).order_by(cursor_table.c.id)).all()
    late = {row.position + 1 for row in rows if cursors.follows(row.id) and row.position < head}
    query = select(events.c.position, events.c.at).where(events.c.position.in_(late))
    since = {position: at for position, at in connection.execute(query)}
    told = []
    for row in rows:
        follows = cursors.follows(row.id)
        lag = max(0, head - row.position) if follows else 0
        at = since.get(row.position + 1) if lag else None
        told.append(
            Following(
                row.id,
                row.position if follows else None,
                lag,
                max(0.0, (now - at) / SECOND) if at is not None else 0.0,
                row.holder if row.leased_until > now else None,
            )
        )
    return told


def figures(connection: Connection, head: int, now: int) -> list[Figure]:
    """Everything that the database knows; `now` in microseconds."""
    return [
        *_cursors(connection, head, now),
        *_judging(connection),
        *_feeds(connection, now),
        *_hooks(connection, now),
        *_others(connection, now),
    ]


def _cursors(connection: Connection, head: int, now: int) -> Iterator[Figure]:
    stands = Figure("oms_ledger_head", "Last position of the ledger")
    stands.put(head)
    lag = Figure("oms_cursor_lag", "Entries a cursor is behind", ("cursor",))
    seconds = Figure(
        "oms_cursor_lag_seconds", "Age of the oldest entry a cursor has not passed", ("cursor",)
    )
    held = Figure("oms_lease_held", "Whether somebody holds the cursor's lease", ("cursor",))
    for one in following(connection, head, now):
        held.put(float(one.holder is not None), one.cursor)
        if one.position is not None:
            lag.put(one.lag, one.cursor)
            seconds.put(one.seconds, one.cursor)
    yield from (stands, lag, seconds, held)


def _judging(connection: Connection) -> Iterator[Figure]:
    by = ("cursor",)
    judged = Figure("oms_filter_judged_total", "Entries judged by an expression", by, True)
    passed = Figure("oms_filter_passed_total", "Entries an expression passed", by, True)
    failed = Figure("oms_filter_failed_total", "Evaluations that failed", by, True)
    spent = Figure("oms_filter_seconds_total", "Seconds spent evaluating", by, True)
    for row in connection.execute(select(judgings)):
        judged.put(row.judged, row.cursor)
        passed.put(row.passed, row.cursor)
        failed.put(row.failed, row.cursor)
        spent.put(row.micros / SECOND, row.cursor)
    yield from (judged, passed, failed, spent)


def _feeds(connection: Connection, now: int) -> Iterator[Figure]:
    by = ("app_key",)
    items = Figure("oms_feed_items", "Items stored, hidden ones too", by)
    oldest = Figure("oms_feed_oldest_seconds", "Age of the oldest item", by)
    expires = Figure("oms_feed_expires_seconds", "Until it is removed, should no item come", by)
    for row in connection.execute(select(feeds)):
        items.put(0, row.app_key)
        oldest.put(0, row.app_key)
        left = (row.last_item_at - now) / SECOND + row.retention
        expires.put(max(0.0, left), row.app_key)
    query = select(feed_items.c.app_key, func.count(), func.min(feed_items.c.produced_at))
    for key, count, since in connection.execute(query.group_by(feed_items.c.app_key)):
        items.put(count, key)
        oldest.put(max(0.0, (now - since) / SECOND), key)
    yield from (items, oldest, expires)


def _hooks(connection: Connection, now: int) -> Iterator[Figure]:
    by = ("app_key",)
    owed = Figure("oms_deliveries_owed", "Notices owed", by)
    oldest = Figure("oms_deliveries_oldest_seconds", "Age of the oldest notice owed", by)
    failures = Figure("oms_hook_failures", "Failed pushes in a row", by)
    quiet = Figure("oms_hook_quiet", "Whether a hook is left alone after failures", by)
    paused = Figure("oms_hook_paused", "Whether a hook is paused", by)
    for row in connection.execute(select(hooks)):
        owed.put(0, row.app_key)
        oldest.put(0, row.app_key)
        failures.put(row.failures, row.app_key)
        quiet.put(float(row.opens_at > now), row.app_key)
        paused.put(float(row.paused_at is not None), row.app_key)
    query = select(deliveries.c.app_key, func.count(), func.min(deliveries.c.produced_at))
    for key, count, since in connection.execute(query.group_by(deliveries.c.app_key)):
        owed.put(count, key)
        oldest.put(max(0.0, (now - since) / SECOND), key)
    yield from (owed, oldest, failures, quiet, paused)


def _others(connection: Connection, now: int) -> Iterator[Figure]:
    dead = Figure("oms_dead_letters", "Dead letters", ("cursor",))
    query = select(dead_letters.c.cursor, func.count()).group_by(dead_letters.c.cursor)
    for cursor, count in connection.execute(query):
        dead.put(count, cursor)
    owing = Figure("oms_calls", "Calls not settled", ("kind", "state"))
    for (kind, state), count in calls.counted(connection).items():
        owing.put(count, kind, state)
    late = Figure("oms_timers_late_seconds", "How late the latest timer is")
    first = connection.execute(select(func.min(due_times.c.due_at))).scalar_one()
    late.put(max(0.0, (now - first) / SECOND) if first is not None else 0.0)
    seen = Figure(
        "oms_process_seen_seconds", "Since a process last gave a sign of life", ("kind", "process")
    )
    for row in connection.execute(select(process_figures)):
        if now - row.at < GONE * SECOND:
            seen.put(max(0.0, (now - row.at) / SECOND), row.kind, row.process)
    yield from (dead, owing, late, seen)
