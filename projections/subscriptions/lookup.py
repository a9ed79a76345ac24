"""Single events of an account by position or by cause, and pages of them from the newest back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.tables import events as t

LOOKED_THROUGH = 20_000  # positions of the account that one request looks through
_ROW = [t.c[name] for name in RecordedEvent._fields]


def by_position(database: Database, account: str, position: int) -> RecordedEvent | None:
    """The account's event at a position."""
    query = select(*_ROW).where(t.c.position == position, t.c.account == account)
    with database.reading() as connection:
        found = connection.execute(query).one_or_none()
    return RecordedEvent._make(found) if found else None


def _floor(database: Database, account: str, before: int | None) -> int | None:
    """The position as many of the account's events back as are looked through."""
    query = select(t.c.position).where(t.c.account == account)
    if before is not None:
        query = query.where(t.c.position < before)
    query = query.order_by(t.c.position.desc()).offset(LOOKED_THROUGH).limit(1)
    with database.reading() as connection:
        return connection.execute(query).scalar_one_or_none()


def by_cause(database: Database, account: str, cause: str, limit: int) -> list[RecordedEvent]:
    """The newest events of a request; only so many of the account's are looked through."""
    query = select(*_ROW).where(t.c.account == account, t.c.cause == cause)
    floor = _floor(database, account, None)
    if floor is not None:
        query = query.where(t.c.position >= floor)
    with database.reading() as connection:
        found = connection.execute(query.order_by(t.c.position.desc()).limit(limit)).all()
    return [RecordedEvent._make(row) for row in found]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; `since` and `until` are instants in microseconds."""

    names: Sequence[str] = ()
    statuses: Sequence[str] = ()
    actor: str | None = None
    cause: str | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What SQL has to hold for the events that are wanted; empty for all."""
        wanted = [
            (self.names, t.c.name.in_(self.names)),
            (self.statuses, t.c.status.in_(self.statuses)),
            (self.actor, t.c.actor == self.actor),
            (self.cause, t.c.cause == self.cause),
            (self.since, t.c.at >= (self.since or 0)),
            (self.until, t.c.at <= (self.until or 0)),
        ]
        return [condition for value, condition in wanted if value]


def backwards(
    database: Database, account: str, *, before: int, limit: int, wanted: EventFilter
) -> tuple[list[RecordedEvent], int]:
    """Events of the account's orders, newest first, and from where the next look goes on.

    0: nothing is older.
    """
    query = select(*_ROW).where(t.c.account == account, t.c.stream != f"{account}/")
    query = query.where(t.c.position < before)
    conditions, floor = wanted.conditions(), None
    if conditions:
        floor = _floor(database, account, before)
        if floor is not None:
            query = query.where(t.c.position > floor)
    query = query.where(*conditions).order_by(t.c.position.desc()).limit(limit)
    with database.reading() as connection:
        rows = [RecordedEvent._make(row) for row in connection.execute(query)]
    if len(rows) == limit:
        return rows, rows[-1].position
    return rows, 0 if floor is None else floor + 1
