"""A subscription: a durable position in the ledger, read through by whoever holds its lease.

The one mechanism for everything that follows the ledger. What a page of events produces is
stored in the transaction that moves the position, and only while the lease's fencing token is
still the runner's: so producing is exactly-once whoever crashes, and a stale runner stores
nothing. `take` may steal a lease on need; the previous holder then finds itself fenced.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select, update

from oms_ledger.eventstore.database import UNAVAILABLE, Database
from oms_ledger.eventstore.folding import Page, StreamLoader
from oms_ledger.process_name import process_name
from projections.tables import subscriptions

LEASE = 10_000_000  # microseconds
PAGE = 500
DELIVERY = "delivery:"
"""Begins the names of subscriptions of which only the lease is used, to tell a hook what it has
pending.
"""
AT_NO_PLACE = 2**63 - 1


class Fenced(Exception):
    """The lease went to somebody else; nothing of this page was stored."""


class Projection(Protocol):
    """What a subscription produces: worked out outside the transaction, stored inside it.

    A product with a position `until` covers the page only up to there.
    """

    def produce(self, page: Page) -> object: ...

    def store(self, connection: Connection, produced: object) -> None: ...


clock: Callable[[], int] = time.time_ns
"""What time it is, in nanoseconds; tests let weeks go by with it."""


def now_micros() -> int:
    return clock() // 1000


def follows(subscription: str) -> bool:
    """Whether it has a place in the ledger, rather than a lease only."""
    return subscription != "scheduler" and not subscription.startswith(DELIVERY)


def create(connection: Connection, subscription: str, position: int) -> None:
    connection.execute(insert(subscriptions).values(id=subscription, position=position))


def reset_if_outdated(connection: Connection, subscription: str, view_version: int) -> bool:
    """Send a view back to the first event when another version of the view left it.

    Its runner is fenced. Answers whether there was something to rebuild.
    """
    ours = (subscriptions.c.id == subscription, subscriptions.c.view_version != view_version)
    before = connection.execute(select(subscriptions.c.position).where(*ours)).scalar_one_or_none()
    back = {
        "view_version": view_version,
        "position": 0,
        "token": subscriptions.c.token + 1,
        "leased_until": 0,
    }
    connection.execute(update(subscriptions).where(*ours).values(back))
    return bool(before)


def drop(connection: Connection, subscription: str) -> None:
    connection.execute(delete(subscriptions).where(subscriptions.c.id == subscription))


def position(connection: Connection, subscription: str) -> int | None:
    query = select(subscriptions.c.position).where(subscriptions.c.id == subscription)
    return connection.execute(query).scalar_one_or_none()


def positions(connection: Connection, names: Collection[str] | None = None) -> dict[str, int]:
    """Of these subscriptions, or of all there are."""
    query = select(subscriptions.c.id, subscriptions.c.position)
    if names is not None:
        query = query.where(subscriptions.c.id.in_(list(names)))
    return {row.id: row.position for row in connection.execute(query)}


def acquire(database: Database, subscription: str, *, steal: bool = False) -> int | None:
    """The lease's new fencing token, or None while somebody else holds it."""
    give_back(database)
    with database.writing() as connection:
        return acquire_in(connection, subscription, steal=steal)


def acquire_in(connection: Connection, subscription: str, *, steal: bool = False) -> int | None:
    """`take` inside somebody's transaction."""
    now = now_micros()
    taken = update(subscriptions).where(subscriptions.c.id == subscription)
    if not steal:
        taken = taken.where(subscriptions.c.leased_until <= now)
    taken = taken.values(
        token=subscriptions.c.token + 1, leased_until=now + LEASE, holder=process_name()
    )
    return connection.execute(taken.returning(subscriptions.c.token)).scalar_one_or_none()


def release(database: Database, subscription: str, token: int) -> None:
    release_all(database, {subscription: token})


def release_in(connection: Connection, subscription: str, token: int) -> None:
    """`release` inside somebody's transaction."""
    ours = (subscriptions.c.id == subscription, subscriptions.c.token == token)
    connection.execute(update(subscriptions).where(*ours).values(leased_until=0, holder=None))


def advance(
    database: Database,
    loader: StreamLoader,
    subscription: str,
    token: int,
    destination: Projection,
    limit: int = PAGE,
) -> int:
    """Take one page through the destination; answers how many events it had, 0 when caught up."""
    with database.reading() as connection:
        before = position(connection, subscription)
    if before is None:
        raise Fenced(f"{subscription} was deleted")
    rows = loader.store.page(before, limit)
    if not rows:
        return 0
    produced = destination.produce(Page(rows, loader))
    until = getattr(produced, "until", rows[-1].position)
    moved = (
        update(subscriptions)
        .where(
            subscriptions.c.id == subscription,
            subscriptions.c.token == token,
            subscriptions.c.position == before,
        )
        .values(position=until, leased_until=now_micros() + LEASE)
    )
    with database.writing() as connection:
        if connection.execute(moved).rowcount != 1:
            raise Fenced(subscription)
        destination.store(connection, produced)
    return sum(row.position <= until for row in rows)


@dataclass(frozen=True, slots=True)
class Leased:
    """A subscription in somebody's hands: its lease's fencing token, and what it produces."""

    subscription: str
    token: int
    destination: Projection


def advance_batch(
    database: Database,
    loader: StreamLoader,
    leased: Sequence[Leased],
    before: int,
    until: int | None,
) -> tuple[int, set[str]]:
    """Take one page, no further than `until`, through several subscriptions that stand at `before`.

    The page is read and applied once, and what they produce is stored in one transaction; each is
    fenced by itself. Answers where they stand then, and the subscriptions that are somebody else's
    now.
    """
    rows = loader.store.page(before, PAGE if until is None else min(PAGE, until - before))
    if not rows:
        return before, set()
    page, after = Page(rows, loader), rows[-1].position
    produced = {one.subscription: one.destination.produce(page) for one in leased}
    tokens = {one.subscription: one.token for one in leased}
    with database.writing() as connection:
        ours = renew_many(connection, tokens, before)
        values = {"position": after, "leased_until": now_micros() + LEASE}
        connection.execute(
            update(subscriptions).where(subscriptions.c.id.in_(list(ours))).values(values)
        )
        for one in leased:
            if one.subscription in ours:
                one.destination.store(connection, produced[one.subscription])
    return after, tokens.keys() - ours


def renew_many(connection: Connection, tokens: Mapping[str, int], before: int) -> dict[str, int]:
    """The subscriptions that were not taken away meanwhile, and until where each is put back.

    Their rows are locked, in the order of their names.
    """
    query = (
        select(subscriptions.c.id, subscriptions.c.token, subscriptions.c.replay_until)
        .where(subscriptions.c.id.in_(list(tokens)), subscriptions.c.position == before)
        .order_by(subscriptions.c.id)
        .with_for_update()
    )
    found = connection.execute(query)
    return {row.id: row.replay_until for row in found if tokens[row.id] == row.token}


def run(
    database: Database, loader: StreamLoader, subscription: str, destination: Projection
) -> int:
    """Take the lease if it is free, advance to the head, give it back; the events passed.

    The head is looked at once more after the lease is given back, so a signal that came while
    the lease was held cannot get lost.
    """
    matched = 0
    while _is_behind(database, loader, subscription):
        token = acquire(database, subscription)
        if token is None:
            return matched
        try:
            while count := advance(database, loader, subscription, token, destination):
                matched += count
        except Fenced:
            return matched
        finally:
            release(database, subscription, token)
    return matched


def _is_behind(database: Database, loader: StreamLoader, subscription: str) -> bool:
    with database.reading() as connection:
        at = position(connection, subscription)
    return at is not None and at < loader.store.head()


def free(connection: Connection, names: Collection[str]) -> list[str]:
    """Those of the subscriptions whose lease nobody holds."""
    if not names:
        return []
    query = select(subscriptions.c.id).where(
        subscriptions.c.id.in_(list(names)), subscriptions.c.leased_until <= now_micros()
    )
    return list(connection.execute(query).scalars())


def acquire_many(database: Database, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The leases of those subscriptions that nobody holds: their fencing tokens and positions."""
    now = now_micros()
    free = subscriptions.c.id.in_(names) & (subscriptions.c.leased_until <= now)
    taken = (
        update(subscriptions)
        .where(free)
        .values(token=subscriptions.c.token + 1, leased_until=now + LEASE, holder=process_name())
    )
    returned = taken.returning(subscriptions.c.id, subscriptions.c.token, subscriptions.c.position)
    give_back(database)
    with database.writing() as connection:
        return {row.id: (row.token, row.position) for row in connection.execute(returned)}


def release_all(database: Database, tokens: Mapping[str, int]) -> None:
    """Give leases back; those that cannot be, because the database is away, later."""
    if not tokens:
        return
    try:
        with database.writing() as connection:
            for subscription, token in tokens.items():
                release_in(connection, subscription, token)
    except UNAVAILABLE:
        database.unreleased.update(tokens)
        raise


def give_back(database: Database) -> None:
    """Give back leases that were left held: nobody has to wait for them to run out."""
    while database.unreleased:
        release(database, *database.unreleased.popitem())


def behind(connection: Connection, head: int) -> list[str]:
    query = (
        select(subscriptions.c.id)
        .where(subscriptions.c.position < head)
        .order_by(subscriptions.c.id)
    )
    return list(connection.execute(query).scalars())


def renew(connection: Connection, subscription: str, token: int) -> None:
    """Renew the lease inside a transaction that stores by its right; `Fenced` when it is gone."""
    ours = (subscriptions.c.id == subscription, subscriptions.c.token == token)
    renewed = update(subscriptions).where(*ours).values(leased_until=now_micros() + LEASE)
    if connection.execute(renewed).rowcount != 1:
        raise Fenced(subscription)
