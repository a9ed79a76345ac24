"""A cursor: a durable position in the ledger, read through by whoever holds its lease.

The one mechanism for everything that follows the ledger. What a page of entries produces is
stored in the transaction that moves the position, and only while the lease's fencing token is
still the runner's: so producing is exactly-once whoever crashes, and a stale runner stores
nothing. `take` may steal a lease on need; the former holder then finds itself fenced.
"""

import os
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Folds, Page
from projections.tables import cursors

LEASE = 10_000_000  # microseconds
PAGE = 500
COURIER = "courier:"
"""Begins the names of cursors of which only the lease is used, to tell a hook what it is owed."""
AT_NO_PLACE = 2**63 - 1
HOLDER = f"{socket.gethostname()}:{os.getpid()}"


class Fenced(Exception):
    """The lease went to somebody else; nothing of this page was stored."""


class Destination(Protocol):
    """What a cursor produces: worked out outside the transaction, stored inside it.

    A product with a position `until` covers the page only up to there.
    """

    def produce(self, page: Page) -> object: ...

    def store(self, connection: Connection, produced: object) -> None: ...


clock: Callable[[], int] = time.time_ns
"""What time it is, in nanoseconds; tests let weeks go by with it."""


def now_micros() -> int:
    return clock() // 1000


def follows(cursor: str) -> bool:
    """Whether it has a place in the ledger, rather than a lease only."""
    return cursor != "clock" and not cursor.startswith(COURIER)


def create(connection: Connection, cursor: str, position: int) -> None:
    connection.execute(insert(cursors).values(id=cursor, position=position))


def reshape(connection: Connection, cursor: str, shape: int) -> bool:
    """Send a view's cursor back to the first entry when it was left by another shape of the view.

    Whoever runs it is fenced. Answers whether there was something to fold anew.
    """
    ours = (cursors.c.id == cursor, cursors.c.shape != shape)
    before = connection.execute(select(cursors.c.position).where(*ours)).scalar_one_or_none()
    back = {"shape": shape, "position": 0, "token": cursors.c.token + 1, "leased_until": 0}
    connection.execute(update(cursors).where(*ours).values(back))
    return bool(before)


def drop(connection: Connection, cursor: str) -> None:
    connection.execute(delete(cursors).where(cursors.c.id == cursor))


def position(connection: Connection, cursor: str) -> int | None:
    query = select(cursors.c.position).where(cursors.c.id == cursor)
    return connection.execute(query).scalar_one_or_none()


def positions(connection: Connection, names: Collection[str] | None = None) -> dict[str, int]:
    """Of these cursors, or of all there are."""
    query = select(cursors.c.id, cursors.c.position)
    if names is not None:
        query = query.where(cursors.c.id.in_(list(names)))
    return {row.id: row.position for row in connection.execute(query)}


def take(database: Database, cursor: str, *, steal: bool = False) -> int | None:
    """The lease's new fencing token, or None while somebody else holds it."""
    with database.writing() as connection:
        return take_in(connection, cursor, steal=steal)


def take_in(connection: Connection, cursor: str, *, steal: bool = False) -> int | None:
    """`take` inside somebody's transaction."""
    now = now_micros()
    taken = update(cursors).where(cursors.c.id == cursor)
    if not steal:
        taken = taken.where(cursors.c.leased_until <= now)
    taken = taken.values(token=cursors.c.token + 1, leased_until=now + LEASE, holder=HOLDER)
    return connection.execute(taken.returning(cursors.c.token)).scalar_one_or_none()


def release(database: Database, cursor: str, token: int) -> None:
    with database.writing() as connection:
        release_in(connection, cursor, token)


def release_in(connection: Connection, cursor: str, token: int) -> None:
    """`release` inside somebody's transaction."""
    ours = (cursors.c.id == cursor, cursors.c.token == token)
    connection.execute(update(cursors).where(*ours).values(leased_until=0, holder=None))


def advance(
    database: Database,
    folds: Folds,
    cursor: str,
    token: int,
    destination: Destination,
    limit: int = PAGE,
) -> int:
    """Take one page through the destination; answers how many entries it had, 0 when caught up."""
    with database.reading() as connection:
        before = position(connection, cursor)
    if before is None:
        raise Fenced(f"{cursor} was deleted")
    rows = folds.store.page(before, limit)
    if not rows:
        return 0
    produced = destination.produce(Page(rows, folds))
    until = getattr(produced, "until", rows[-1].position)
    moved = (
        update(cursors)
        .where(cursors.c.id == cursor, cursors.c.token == token, cursors.c.position == before)
        .values(position=until, leased_until=now_micros() + LEASE)
    )
    with database.writing() as connection:
        if connection.execute(moved).rowcount != 1:
            raise Fenced(cursor)
        destination.store(connection, produced)
    return sum(row.position <= until for row in rows)


@dataclass(frozen=True, slots=True)
class Leased:
    """A cursor in somebody's hands: its lease's fencing token, and what it produces."""

    cursor: str
    token: int
    destination: Destination


def advance_together(
    database: Database, folds: Folds, leased: Sequence[Leased], before: int, until: int | None
) -> tuple[int, set[str]]:
    """Take one page, no further than `until`, through several cursors that stand at `before`.

    The page is read and folded once, and what they produce is stored in one transaction; each is
    fenced by itself. Answers where they stand then, and the cursors that are somebody else's now.
    """
    rows = folds.store.page(before, PAGE if until is None else min(PAGE, until - before))
    if not rows:
        return before, set()
    page, after = Page(rows, folds), rows[-1].position
    produced = {one.cursor: one.destination.produce(page) for one in leased}
    tokens = {one.cursor: one.token for one in leased}
    with database.writing() as connection:
        ours = still_ours(connection, tokens, before)
        values = {"position": after, "leased_until": now_micros() + LEASE}
        connection.execute(update(cursors).where(cursors.c.id.in_(list(ours))).values(values))
        for one in leased:
            if one.cursor in ours:
                one.destination.store(connection, produced[one.cursor])
    return after, tokens.keys() - ours


def still_ours(connection: Connection, tokens: Mapping[str, int], before: int) -> dict[str, int]:
    """The cursors that were not taken away meanwhile, and until where each is put back.

    Their rows are locked, in the order of their names.
    """
    query = (
        select(cursors.c.id, cursors.c.token, cursors.c.replaying_until)
        .where(cursors.c.id.in_(list(tokens)), cursors.c.position == before)
        .order_by(cursors.c.id)
        .with_for_update()
    )
    found = connection.execute(query)
    return {row.id: row.replaying_until for row in found if tokens[row.id] == row.token}


def run(database: Database, folds: Folds, cursor: str, destination: Destination) -> int:
    """Take the lease if it is free, advance to the head, give it back; the entries passed.

    The head is looked at once more after the lease is given back, so a wake-up that came while
    the lease was held cannot get lost.
    """
    passed = 0
    while _is_behind(database, folds, cursor):
        token = take(database, cursor)
        if token is None:
            return passed
        try:
            while count := advance(database, folds, cursor, token, destination):
                passed += count
        except Fenced:
            return passed
        finally:
            release(database, cursor, token)
    return passed


def _is_behind(database: Database, folds: Folds, cursor: str) -> bool:
    with database.reading() as connection:
        at = position(connection, cursor)
    return at is not None and at < folds.store.head()


def free(connection: Connection, names: Collection[str]) -> list[str]:
    """Those of the cursors whose lease nobody holds."""
    if not names:
        return []
    query = select(cursors.c.id).where(
        cursors.c.id.in_(list(names)), cursors.c.leased_until <= now_micros()
    )
    return list(connection.execute(query).scalars())


def take_free(database: Database, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The leases of those cursors that nobody holds: their fencing tokens and positions."""
    now = now_micros()
    free = cursors.c.id.in_(names) & (cursors.c.leased_until <= now)
    taken = (
        update(cursors)
        .where(free)
        .values(token=cursors.c.token + 1, leased_until=now + LEASE, holder=HOLDER)
    )
    returned = taken.returning(cursors.c.id, cursors.c.token, cursors.c.position)
    with database.writing() as connection:
        return {row.id: (row.token, row.position) for row in connection.execute(returned)}


def release_all(database: Database, tokens: Mapping[str, int]) -> None:
    if not tokens:
        return
    values = {"leased_until": 0, "holder": None}
    with database.writing() as connection:
        for cursor, token in tokens.items():
            ours = (cursors.c.id == cursor, cursors.c.token == token)
            connection.execute(update(cursors).where(*ours).values(values))


def behind(connection: Connection, head: int) -> list[str]:
    query = select(cursors.c.id).where(cursors.c.position < head).order_by(cursors.c.id)
    return list(connection.execute(query).scalars())


def hold(connection: Connection, cursor: str, token: int) -> None:
    """Renew the lease inside a transaction that stores by its right; `Fenced` when it is gone."""
    ours = (cursors.c.id == cursor, cursors.c.token == token)
    renewed = update(cursors).where(*ours).values(leased_until=now_micros() + LEASE)
    if connection.execute(renewed).rowcount != 1:
        raise Fenced(cursor)
