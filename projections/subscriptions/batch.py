"""Cursors of one account that stand at the same place go on together.

They share the page, the folds and the documents that their filters look into; each keeps its
own position, its own lease and what it produced, and is fenced by itself. Whoever lags behind
the others, or whose filter is slow, is left to go on alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Folds
from oms_ledger.eventstore.tables import events
from projections.subscriptions import pauses
from projections.subscriptions.checkpoints import (
    LEASE,
    PAGE,
    now_micros,
    release_all,
    still_ours,
    take_free,
)
from projections.subscriptions.filtering import Judged, judge
from projections.subscriptions.sink import Told, store_together
from projections.tables import cursors, feeds, hooks

SLICE = 2.0
"""Seconds after which a run ends, caught up or not, so that others have their turn."""

OWNERS = (("feed:", feeds), ("hook:", hooks))
"""How the names of their cursors begin, and the tables that say which account they are of."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Run:
    """How a run ended; false when everybody stands at the head.

    `left` are the cursors that lag, are slow or cannot be stored, and go on alone. `over`: the time
    was over before the others had come to the head.
    """

    left: list[str]
    over: bool = False
    slow: frozenset[str] = field(default=frozenset(), compare=False)
    """Those whose filters evaluated for longer than their budget on some page."""
    judged: int = field(default=0, compare=False)
    """Evaluations, by all filters together."""

    def __bool__(self) -> bool:
        return bool(self.left) or self.over


def run_together(
    database: Database,
    folds: Folds,
    told: Sequence[Told],
    seconds: float = SLICE,
    stored: Callable[[], None] = lambda: None,
) -> Run:
    """Bring the cursors of one account towards the head, for so many seconds at most.

    `stored` is called after each page: who is owed something need not wait until nothing new comes.
    The head is looked at once more after the leases are given back, so a wake-up that came while
    they were held cannot get lost.
    """
    until, left, slow, judged = time.monotonic() + seconds, set[str](), set[str](), 0
    while behind := _behind(database, folds, told, left):
        leases = take_free(database, [one.cursor for one in behind])
        ours = [one for one in behind if one.cursor in leases]
        if not ours:
            break
        try:
            went = _run(database, folds, ours, leases, until, stored)
            left, slow, judged = left | set(went.left), slow | went.slow, judged + went.judged
        finally:
            release_all(database, {cursor: token for cursor, (token, _) in leases.items()})
        if time.monotonic() > until:
            over = bool(_behind(database, folds, told, left))
            return Run(sorted(left), over, frozenset(slow), judged)
    return Run(sorted(left), False, frozenset(slow), judged)


def _behind(database: Database, folds: Folds, told: Sequence[Told], left: set[str]) -> list[Told]:
    head = folds.store.head()
    names = [one.cursor for one in told if one.cursor not in left]
    query = select(cursors.c.id).where(cursors.c.id.in_(names), cursors.c.position < head)
    with database.reading() as connection:
        behind = set(connection.execute(query).scalars())
        behind -= pauses.among(connection, sorted(behind)) if behind else set()
    return [one for one in told if one.cursor in behind]


def _run(
    database: Database,
    folds: Folds,
    told: list[Told],
    leases: dict[str, tuple[int, int]],
    deadline: float,
    stored: Callable[[], None],
) -> Run:
    """Page after page for those furthest ahead, at least one.

    A page has entries of the account's orders alone: what others write costs it nothing.
    """
    position = max(leases[one.cursor][1] for one in told)
    left = {one.cursor for one in told if leases[one.cursor][1] < position}
    told = [one for one in told if one.cursor not in left]
    slow, evaluated = set[str](), 0
    while told:
        head = folds.store.head()
        if head <= position:
            break
        rows = folds.store.orders_page(told[0].account, position, head, PAGE)
        until = rows[-1].position if len(rows) == PAGE else head
        judged = judge(database, [one.asking for one in told], rows, folds, until=until)
        try:
            with database.writing() as connection:
                tokens = {one.cursor: leases[one.cursor][0] for one in told}
                ours = still_ours(connection, tokens, position)
                _move(
                    connection,
                    [(o, j) for o, j in zip(told, judged, strict=True) if o.cursor in ours],
                    ours,
                )
        except Exception:
            if len(told) == 1:
                raise
            # Whose notices could not be stored shows when each goes on by itself.
            log.exception("cursors could not go on together", cursors=[one.cursor for one in told])
            return Run(sorted(left | {one.cursor for one in told}), False, frozenset(slow))
        stored()
        position = until
        evaluated += sum(j.judged for j in judged)
        slow |= {o.cursor for o, j in zip(told, judged, strict=True) if j.slow}
        left |= {
            o.cursor
            for o, j in zip(told, judged, strict=True)
            if j.until < position and o.cursor in ours
        }
        told = [one for one in told if one.cursor in ours and one.cursor not in left]
        if time.monotonic() > deadline:
            break
    return Run(sorted(left), False, frozenset(slow), evaluated)


def wake_name(account: str) -> str:
    """Under this name the feeds and hooks of an account are woken to judge what is new."""
    return f"told:{account}"


def names_of_accounts(connection: Connection, accounts: Sequence[str]) -> set[str]:
    """What to wake when the accounts wrote something: those of them with a feed or a hook."""
    found = set[str]()
    for _, owners in OWNERS:
        query = select(owners.c.account).where(owners.c.account.in_(accounts)).distinct()
        found |= set(map(wake_name, connection.execute(query).scalars()))
    return found


def names_of_cursors(connection: Connection, names: Sequence[str]) -> set[str]:
    """What to wake to have these cursors go on, as far as they are feeds or hooks."""
    found = set[str]()
    for prefix, owners in OWNERS:
        keys = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        query = select(owners.c.account).where(owners.c.app_key.in_(keys)).distinct()
        found |= set(map(wake_name, connection.execute(query).scalars()))
    return found


def pass_over(connection: Connection, head: int) -> None:
    """Feeds and hooks whose accounts wrote nothing since go to the head, all in one statement.

    Whoever holds a lease is left alone, and who lost one finds the position moved.
    """
    for prefix, owners in OWNERS:
        written = (
            select(events.c.position)
            .where(
                events.c.account == owners.c.account,
                events.c.position > cursors.c.position,
                events.c.position <= head,
            )
            .exists()
        )
        quiet = (
            select(owners.c.app_key)
            .where(cursors.c.id == prefix + owners.c.app_key, ~written)
            .exists()
        )
        free = (cursors.c.position < head) & (cursors.c.leased_until <= now_micros())
        connection.execute(update(cursors).where(free, quiet).values(position=head))


def _move(
    connection: Connection, moved: Sequence[tuple[Told, Judged]], ours: dict[str, int]
) -> None:
    for until in {judged.until for _, judged in moved}:
        names = [one.cursor for one, judged in moved if judged.until == until]
        values = {"position": until, "leased_until": now_micros() + LEASE}
        connection.execute(update(cursors).where(cursors.c.id.in_(names)).values(values))
    store_together(connection, moved, ours)
