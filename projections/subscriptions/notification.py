"""What a feed or a hook is told: one notice for each entry that its filter passes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.records import Row


@dataclass(frozen=True, slots=True)
class Notice:
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


def event_id(cursor: str, position: int) -> str:
    """The same for the same (feed or hook, entry): a consumer may deduplicate by it."""
    return hashlib.sha256(f"{cursor}:{position}".encode()).hexdigest()[:32].upper()


def notice_of(cursor: str, row: Row) -> Notice:
    assert row.order_id is not None
    return Notice(
        position=row.position,
        event_id=event_id(cursor, row.position),
        order_id=row.order_id,
        domain=row.domain,
        state=row.status,
        last_state=row.status_before,
        last_change=row.at if row.moved_before_at is None else row.moved_before_at,
        current_change=row.at,
    )


def put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Add what was produced. What is produced again and still there stays as it is."""
    fresh = [row for row in rows if not row["replayed"]]
    if fresh:
        connection.execute(insert(table), fresh)
    put_absent(connection, table, [row for row in rows if row["replayed"]])


def put_absent(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Add those rows that are not there."""
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
