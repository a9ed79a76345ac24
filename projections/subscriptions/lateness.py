"""Which subscriptions have something to do: the cost follows what happened, not how many there are.

A view has to pass every event. A feed or a hook has to pass those of its account, so it is late
while it stands before the account's last one (`account_heads`), wherever the ledger's head is. One
whose account is quiet stays where it is, and costs nothing.
"""

import time
from collections.abc import Callable, Collection

from sqlalchemy import ColumnElement, Connection, Select, Table, literal, select

from oms_ledger.eventstore.tables import account_heads
from projections.subscriptions import registry
from projections.tables import subscriptions

WHOLE = 60.0
"""Seconds between two looks at all: a subscription that was put back is signaled when that is done,
and found here if the signal was lost."""
PIECES = 1_000
"""Accounts that are looked at one by one; where more wrote something, all are looked at."""


def behind(connection: Connection, head: int) -> list[str]:
    """The subscriptions that have something to pass, by name."""
    of_keys = [kind.name for kind, _ in registry.of_keys()]
    views = (subscriptions.c.kind.not_in(of_keys), subscriptions.c.position < head)
    found = set(connection.execute(select(subscriptions.c.id).where(*views)).scalars())
    for prefix, owners in registry.owners():
        found |= set(connection.execute(_late(prefix, owners, subscriptions.c.id)).scalars())
    return sorted(found)


def late_accounts(connection: Connection, among: Collection[str] | None = None) -> set[str]:
    """The accounts, all or of some, that have a feed or a hook with something to pass."""
    found = set[str]()
    if among is not None and not among:
        return found
    for prefix, owners in registry.owners():
        query = _late(prefix, owners, owners.c.account).distinct()
        if among is not None:
            query = query.where(owners.c.account.in_(list(among)))
        found |= set(connection.execute(query).scalars())
    return found


def _late(prefix: str, owners: Table, wanted: ColumnElement[str]) -> Select[str]:
    return (
        select(wanted)
        .select_from(subscriptions)
        .where(
            subscriptions.c.id == literal(prefix) + owners.c.app_key,
            account_heads.c.account == owners.c.account,
            subscriptions.c.position < account_heads.c.position,
        )
    )


class Watch:
    """What a sweep has seen: the next one looks at who wrote since, and at who was late then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen, self._late = 0, set[str]()
        self._whole: float | None = None

    def late_accounts(self, connection: Connection) -> set[str]:
        """The accounts that have a feed or a hook with something to pass."""
        wrote = (
            select(account_heads.c.account, account_heads.c.position)
            .where(account_heads.c.position > self._seen)
            .order_by(account_heads.c.position)
        )
        now = self._clock()
        whole = self._whole is None or now - self._whole >= WHOLE
        rows = connection.execute(wrote.limit(PIECES + 1)).all()
        if whole or len(rows) > PIECES:
            last = select(account_heads.c.position).order_by(account_heads.c.position.desc())
            self._seen = connection.execute(last.limit(1)).scalar_one_or_none() or 0
            self._late = late_accounts(connection)
            self._whole = now
        else:
            self._seen = max((row.position for row in rows), default=self._seen)
            among = self._late | {row.account for row in rows}
            self._late = late_accounts(connection, among)
        return set(self._late)
