"""Which subscriptions have something to do: the cost follows what happened, not how many there are.

A view has to pass every event. A feed or a hook has to pass those of its account, so it is late
while it stands before the account's last one (`account_heads`), wherever the ledger's head is. One
whose account is quiet stays where it is, and costs nothing.
"""

import time
from collections.abc import Callable, Collection

from sqlalchemy import Column, ColumnElement, Connection, Select, literal, select, union

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
    owned = registry.owners()
    views = select(subscriptions.c.id).where(
        subscriptions.c.kind.not_in(owned), subscriptions.c.position < head
    )
    of_accounts = [_late(kind, name, subscriptions.c.id) for kind, name in owned.items()]
    return sorted(connection.execute(union(views, *of_accounts)).scalars())


def late_accounts(connection: Connection, among: Collection[str] | None = None) -> set[str]:
    """The accounts, all or of some, that have a feed or a hook with something to pass."""
    if among is not None and not among:
        return set()
    parts = []
    for kind, keys in registry.of_keys():
        account = keys.owners.c.account
        query = _late(kind.name, keys.owners.c.app_key, account)
        parts.append(query if among is None else query.where(account.in_(list(among))))
    return set(connection.execute(union(*parts)).scalars())


def _late(kind: str, name: Column[str], wanted: ColumnElement[str]) -> Select[str]:
    return (
        select(wanted)
        .select_from(subscriptions)
        .where(
            subscriptions.c.id == literal(f"{kind}:") + name,
            account_heads.c.account == name.table.c.account,
            subscriptions.c.position < account_heads.c.position,
        )
    )


class Watch:
    """What a round has seen: the next one looks at who wrote since, and at who was late then."""

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
