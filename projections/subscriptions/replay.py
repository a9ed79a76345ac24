"""Replay: a cursor is put back, and what its filter passes from there on is produced again.

What is produced again is marked `replayed`, has the same event id as before, and leaves alone
what is still waiting. Orders that fired after the place where the replay begins may fire again.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Folds
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from projections.subscriptions.filtering import judge
from projections.subscriptions.sink import Told, fence
from projections.tables import cursors, fired

CLOCKS_APART = 10_000_000
"""Microseconds that the clocks of two machines that write entries may differ by."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Entries after `since` are judged again; `until` is where the cursor stood."""

    since: int
    until: int


def put_back(connection: Connection, cursor: str, since: int) -> Replay | None:
    """Put the cursor back to a position; None when there is no such cursor.

    Whoever runs it is fenced and starts anew. A place ahead of the cursor leaves it where it is.
    """
    mine = cursors.c.id == cursor
    query = select(cursors.c.position, cursors.c.replaying_until).where(mine).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    since = max(0, min(since, row.position))
    fence(connection, cursor)
    again = {"position": since, "replaying_until": max(row.position, row.replaying_until)}
    connection.execute(update(cursors).where(mine).values(again))
    connection.execute(delete(fired).where(fired.c.cursor == cursor, fired.c.position > since))
    return Replay(since, row.position)


def tell_again(
    database: Database, folds: Folds, told: Told, order_id: str, since: int = 0
) -> int | None:
    """Produce one order's notices again, up to where the cursor stands; how many passed.

    None when there is no such order.
    """
    query = select(cursors.c.position).where(cursors.c.id == told.cursor)
    with database.reading() as connection:
        until = connection.execute(query).scalar_one_or_none() or 0
    stream = folds.store.stream(order_stream(told.account, order_id))
    rows = [row for row in stream if since < row.position <= until]
    notices = []
    remaining = rows
    while remaining:  # an evaluation that takes long breaks off: go on where it did
        (judged,) = judge(database, [told.asking], remaining, folds, fired_until=since)
        notices += judged.notices
        remaining = [row for row in remaining if row.position > judged.until]
    if told.fires_once:
        notices = notices[:1]
    mine = (fired.c.cursor == told.cursor, fired.c.order_id == order_id)
    with database.writing() as connection:
        if notices:
            connection.execute(delete(fired).where(*mine))
            told.tell(connection, [replace(notice, replayed=True) for notice in notices])
    return len(notices) if stream else None


def position_before(database: Database, at: int) -> int:
    """The last position whose entry, and all before it, were recorded before the instant.

    `at` in microseconds. Found by halving: entries are recorded in the order of their instants
    but for the difference of the writers' clocks.
    """
    with database.reading() as connection:
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
