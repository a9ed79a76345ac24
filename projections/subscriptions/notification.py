"""What a feed or a hook gets: one notification for each event that its filter passes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.records import RecordedEvent


@dataclass(frozen=True, slots=True)
class Notification:
    """A change that passed a filter; instants in microseconds. `replayed`: produced again."""

    position: int
    event_id: str
    order_id: str
    domain: str | None
    state: str | None
    last_state: str | None
    last_change: int
    current_change: int
    replayed: bool = False


def event_id(subscription: str, position: int) -> str:
    """The same for the same (feed or hook, event): a consumer may deduplicate by it."""
    return hashlib.sha256(f"{subscription}:{position}".encode()).hexdigest()[:32].upper()


def notification_of(subscription: str, row: RecordedEvent) -> Notification:
    """The notification of an order's event, with the same id whenever it is produced."""
    assert row.order_id is not None
    return Notification(
        position=row.position,
        event_id=event_id(subscription, row.identity),
        order_id=row.order_id,
        domain=row.domain,
        state=row.status,
        last_state=row.status_before,
        last_change=row.at if row.moved_before_at is None else row.moved_before_at,
        current_change=row.at,
    )


def insert_notifications(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]]
) -> None:
    """Add what was produced. What is produced again and still there stays as it is."""
    fresh = [row for row in rows if not row["replayed"]]
    if fresh:
        connection.execute(insert(table), fresh)
    insert_missing(connection, table, [row for row in rows if row["replayed"]])


def insert_missing(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Add those rows that are not there; how many those were."""
    if not rows:
        return 0
    return connection.execute(_missing(connection.dialect.name, table), rows).rowcount


@cache
def _missing(dialect: str, table: Table) -> Insert:
    insertion = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return insertion.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
