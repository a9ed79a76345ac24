"""A subscription: a durable position in the ledger, read through by whoever holds its lease.

The one mechanism for everything that follows the ledger. What a page of events produces is
stored in the transaction that renews the lease and then moves the position, and only while the
lease's fencing token is still the runner's and the position is the one that it read: so producing
is exactly-once whoever crashes, and a stale runner stores nothing. A subscription's lease has its
name. `catch_up` steals a lease on need; the previous holder then finds itself fenced.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Page, StreamLoader
from oms_ledger.eventstore.tables import account_heads, events
from projections.subscriptions import leases
from projections.subscriptions.leases import Fenced
from projections.tables import subscriptions

PAGE = 500


class Projection(Protocol):
    """What a subscription produces: worked out outside the transaction, stored inside it.

    A product with a position `until` covers the page only up to there.
    """

    def produce(self, page: Page) -> object:
        """What the page comes to; nothing is written, since it may be worked out again."""
        ...

    def store(self, connection: Connection, produced: object) -> None:
        """Write what `produce` returned, in the transaction that moves the position."""
        ...


def create(connection: Connection, subscription: str, position: int, *, kind: str = "view") -> None:
    """A new subscription at a position, with its lease, which nobody holds."""
    connection.execute(insert(subscriptions).values(id=subscription, kind=kind, position=position))
    leases.create(connection, subscription)


def reset_if_outdated(connection: Connection, subscription: str, view_version: int) -> bool:
    """Send a view back to the first event when another version of the view left it.

    Its runner is fenced. Answers whether there was something to rebuild.
    """
    ours = (subscriptions.c.id == subscription, subscriptions.c.view_version != view_version)
    query = select(subscriptions.c.position).where(*ours)
    before = connection.execute(query).scalar_one_or_none()
    if before is None:
        return False
    leases.fence(connection, subscription)
    back = {"view_version": view_version, "position": 0}
    connection.execute(update(subscriptions).where(*ours).values(back))
    return bool(before)


def drop(connection: Connection, subscription: str) -> None:
    """Remove a subscription with its lease; what it has produced stays."""
    leases.drop(connection, subscription)
    connection.execute(delete(subscriptions).where(subscriptions.c.id == subscription))


def position(connection: Connection, subscription: str) -> int | None:
    """How far it is; None where there is no such subscription."""
    query = select(subscriptions.c.position).where(subscriptions.c.id == subscription)
    return connection.execute(query).scalar_one_or_none()


def positions(connection: Connection, names: Collection[str] | None = None) -> dict[str, int]:
    """Of these subscriptions, or of all there are."""
    query = select(subscriptions.c.id, subscriptions.c.position)
    if names is not None:
        query = query.where(subscriptions.c.id.in_(list(names)))
    return {row.id: row.position for row in connection.execute(query)}


def account_head(connection: Connection, account: str) -> int:
    """The position of the account's last event; 0 when it has none."""
    query = select(account_heads.c.position).where(account_heads.c.account == account)
    return connection.execute(query).scalar_one_or_none() or 0


def acquire_many(database: Database, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The leases of those subscriptions that nobody holds: their fencing tokens and positions."""
    leases.give_back(database)
    with database.writing() as connection:
        tokens = leases.acquire_many(connection, names)
        at = positions(connection, tokens) if tokens else {}
    return {name: (token, at[name]) for name, token in tokens.items() if name in at}


def move(
    connection: Connection, tokens: Mapping[str, int], before: int, after: Mapping[str, int]
) -> dict[str, int]:
    """Move those subscriptions that are still ours from `before`; until where each is put back.

    Begins the transaction that stores by right of their leases. What is not in the answer belongs
    to somebody else now, and nothing is to be stored for it.
    """
    ours = leases.renew_many(connection, tokens)
    moved = dict[str, int]()
    for until in sorted({after[name] for name in ours}):
        its = sorted(name for name in ours if after[name] == until)
        moving = update(subscriptions).where(
            subscriptions.c.id.in_(its), subscriptions.c.position == before
        )
        returned = moving.values(position=until).returning(
            subscriptions.c.id, subscriptions.c.replay_until
        )
        moved |= {row.id: row.replay_until for row in connection.execute(returned)}
    return moved


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
    until: int | None = None,
    limit: int = PAGE,
) -> tuple[int, set[str]]:
    """Take one page, no further than `until`, through several subscriptions that stand at `before`.

    The page is read and applied once, and what they produce is stored in one transaction; each is
    fenced by itself. Answers where the page ends, and the subscriptions that are somebody else's
    now.
    """
    rows = loader.store.page(before, limit if until is None else min(limit, until - before))
    if not rows:
        return before, set()
    page = Page(rows, loader)
    produced = {one.subscription: one.destination.produce(page) for one in leased}
    after = {
        name: getattr(product, "until", rows[-1].position) for name, product in produced.items()
    }
    tokens = {one.subscription: one.token for one in leased}
    with database.writing() as connection:
        ours = move(connection, tokens, before, after)
        for one in leased:
            if one.subscription in ours:
                one.destination.store(connection, produced[one.subscription])
    return max(after.values()), tokens.keys() - ours


def advance(
    database: Database,
    loader: StreamLoader,
    subscription: str,
    token: int,
    destination: Projection,
    limit: int = PAGE,
) -> int:
    """Take one page through the destination; by how many positions, 0 when caught up."""
    with database.reading() as connection:
        before = position(connection, subscription)
    if before is None:
        raise Fenced(f"{subscription} was deleted")
    leased = Leased(subscription, token, destination)
    after, lost = advance_batch(database, loader, [leased], before, limit=limit)
    if lost:
        raise Fenced(subscription)
    return after - before


def run(
    database: Database, loader: StreamLoader, subscription: str, destination: Projection
) -> int:
    """Take the lease if it is free, advance to the head, give it back; the events passed.

    The head is looked at once more after the lease is given back, so a signal that came while
    the lease was held cannot get lost.
    """
    passed = 0
    while missing(database, subscription, loader.store.head()):
        token = leases.acquire(database, subscription)
        if token is None:
            return passed
        try:
            while count := advance(database, loader, subscription, token, destination):
                passed += count
        except Fenced:
            return passed
        finally:
            leases.release(database, subscription, token)
    return passed


def catch_up(
    database: Database,
    loader: StreamLoader,
    subscription: str,
    destination: Projection,
    head: int,
    enough: Callable[[], bool] = lambda: False,
) -> int:
    """Take a subscription over, whoever holds it, and bring it to the head; the events missing.

    Who wants no more than `enough` leaves it earlier. A holder that takes its lease back meanwhile
    goes on from where it is then.
    """
    while (left := missing(database, subscription, head)) and not enough():
        token = leases.acquire(database, subscription, steal=True)
        assert token is not None, "a lease can always be stolen"
        try:
            while missing(database, subscription, head) and not enough():
                if not advance(database, loader, subscription, token, destination):
                    break
        except Fenced:
            continue
        finally:
            leases.release(database, subscription, token)
    return left


_LAG = select(
    select(func.coalesce(func.max(events.c.position), 0)).scalar_subquery(),
    select(subscriptions.c.position)
    .where(subscriptions.c.id == bindparam("subscription"))
    .scalar_subquery(),
)


def lag(connection: Connection, subscription: str) -> tuple[int, int]:
    """The ledger's head, and how many positions before it the subscription has not passed.

    A subscription that there is not lacks none.
    """
    head, at = connection.execute(_LAG, {"subscription": subscription}).one()
    return head, 0 if at is None else max(0, head - at)


def missing(database: Database, subscription: str, head: int) -> int:
    """How many positions the subscription has not passed; 0 also where there is none."""
    with database.reading() as connection:
        at = position(connection, subscription)
    return 0 if at is None else max(0, head - at)
