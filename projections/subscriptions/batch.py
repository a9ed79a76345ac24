"""Subscriptions of one account that stand at the same place go on together.

They share the page, the states and the documents that their filters look into; each keeps its
own position, its own lease and what it produced, and is fenced by itself. Whoever lags behind
the others, or whose filter is slow, is left to go on alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, func, literal, select, union

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.tables import events
from projections.subscriptions import checkpoints, leases, pauses, registry
from projections.subscriptions.checkpoints import PAGE
from projections.subscriptions.filtering import evaluate
from projections.subscriptions.sink import SubscriptionSink, store_batch
from projections.tables import subscriptions

SLICE = 2.0
"""Seconds after which a run ends, caught up or not, so that others have their turn."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Run:
    """How a run ended; false when everybody stands at the head.

    `left` are the subscriptions that lag, are slow or cannot be stored, and go on alone. `over`:
    the time was over before the others had come to the head.
    """

    left: list[str]
    over: bool = False
    slow: frozenset[str] = field(default=frozenset(), compare=False)
    """Those whose filters evaluated for longer than their budget on some page."""
    evaluated: int = field(default=0, compare=False)
    """Evaluations, by all filters together."""

    def __bool__(self) -> bool:
        return bool(self.left) or self.over


def run_batch(
    database: Database,
    loader: StreamLoader,
    sinks: Sequence[SubscriptionSink],
    seconds: float = SLICE,
    stored: Callable[[], None] = lambda: None,
) -> Run:
    """Bring the subscriptions of one account towards the head, for so many seconds at most.

    `stored` is called after each page: who has pending something need not wait until nothing new
    comes. The head is looked at once more after the leases are given back, so a signal that came
    while they were held cannot get lost.
    """
    until, left, slow, evaluated = time.monotonic() + seconds, set[str](), set[str](), 0
    while behind := _behind(database, loader, sinks, left):
        held = checkpoints.acquire_many(database, [one.subscription for one in behind])
        ours = [one for one in behind if one.subscription in held]
        if not ours:
            break
        try:
            went = _run(database, loader, ours, held, until, stored)
            left, slow, evaluated = (
                left | set(went.left),
                slow | went.slow,
                evaluated + went.evaluated,
            )
        finally:
            tokens = {subscription: token for subscription, (token, _) in held.items()}
            leases.release_all(database, tokens)
        if time.monotonic() > until:
            over = bool(_behind(database, loader, sinks, left))
            return Run(sorted(left), over, frozenset(slow), evaluated)
    return Run(sorted(left), False, frozenset(slow), evaluated)


def _behind(
    database: Database, loader: StreamLoader, sinks: Sequence[SubscriptionSink], left: set[str]
) -> list[SubscriptionSink]:
    head = loader.store.head()
    names = [one.subscription for one in sinks if one.subscription not in left]
    query = select(subscriptions.c.id).where(
        subscriptions.c.id.in_(names), subscriptions.c.position < head
    )
    with database.snapshot() as connection:
        behind = set(connection.execute(query).scalars())
        behind -= pauses.among(connection, sorted(behind)) if behind else set()
    return [one for one in sinks if one.subscription in behind]


def _run(
    database: Database,
    loader: StreamLoader,
    sinks: list[SubscriptionSink],
    held: dict[str, tuple[int, int]],
    deadline: float,
    stored: Callable[[], None],
) -> Run:
    """Page after page for those furthest ahead, at least one.

    A page has events of the account's orders alone: what others write costs it nothing.
    """
    held = _leveled(database, sinks, held)
    position = max(held[one.subscription][1] for one in sinks)
    left = {one.subscription for one in sinks if held[one.subscription][1] < position}
    sinks = [one for one in sinks if one.subscription not in left]
    slow, evaluated = set[str](), 0
    while sinks:
        head = loader.store.head()
        if head <= position:
            break
        rows = loader.store.orders_page(sinks[0].account, position, head, PAGE)
        until = rows[-1].position if len(rows) == PAGE else head
        results = evaluate(database, [one.filter_of for one in sinks], rows, loader, until=until)
        try:
            with database.writing() as connection:
                tokens = {one.subscription: held[one.subscription][0] for one in sinks}
                came = list(zip(sinks, results, strict=True))
                after = {one.subscription: result.until for one, result in came}
                ours = checkpoints.move(connection, tokens, position, after)
                came = [(one, result) for one, result in came if one.subscription in ours]
                store_batch(connection, came, ours)
        except Exception:
            if len(sinks) == 1:
                raise
            # Whose notifications could not be stored shows when each goes on by itself.
            log.exception(
                "subscription_batch_failed", subscriptions=[one.subscription for one in sinks]
            )
            return Run(sorted(left | {one.subscription for one in sinks}), False, frozenset(slow))
        stored()
        position = until
        evaluated += sum(j.evaluated for j in results)
        slow |= {o.subscription for o, j in zip(sinks, results, strict=True) if j.slow}
        left |= {
            o.subscription
            for o, j in zip(sinks, results, strict=True)
            if j.until < position and o.subscription in ours
        }
        sinks = [one for one in sinks if one.subscription in ours and one.subscription not in left]
        if time.monotonic() > deadline:
            break
    return Run(sorted(left), False, frozenset(slow), evaluated)


def _leveled(
    database: Database, sinks: Sequence[SubscriptionSink], held: dict[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    """Move those that missed nothing of their account to where the furthest stands.

    While an account is quiet nobody moves its subscriptions, and a new one begins at the head.
    """
    at = {one.subscription: held[one.subscription][1] for one in sinks}
    first = max(at.values())
    if min(at.values()) == first:
        return held
    last = select(func.max(events.c.position)).where(
        events.c.account == sinks[0].account, events.c.position <= first
    )
    with database.reading() as connection:
        floor = connection.execute(last).scalar_one() or 0
    quiet = {name: position for name, position in at.items() if floor <= position < first}
    moved = dict[str, tuple[int, int]]()
    if quiet:
        with database.writing() as connection:
            for before in sorted(set(quiet.values())):
                tokens = {name: held[name][0] for name in quiet if quiet[name] == before}
                ours = checkpoints.move(connection, tokens, before, dict.fromkeys(tokens, first))
                moved |= {name: (held[name][0], first) for name in ours}
    return held | moved


def signal_of_account(account: str) -> str:
    """Under this name the feeds and hooks of an account are signaled to evaluate what is new."""
    return f"account:{account}"


def signals_of_accounts(connection: Connection, accounts: Sequence[str]) -> set[str]:
    """What to signal when the accounts wrote something: those of them with a feed or a hook, and
    their outgoing streams.
    """
    parts = []
    for kind, name in registry.owners().items():
        account = name.table.c.account
        filtered = registry.KINDS[kind].of_keys is not None
        signal = (
            literal(signal_of_account("")) + account if filtered else literal(f"{kind}:") + name
        )
        parts.append(select(signal).where(account.in_(accounts)))
    return set(connection.execute(union(*parts)).scalars())
