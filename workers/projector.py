"""The process that follows the ledger: keeps the views, and signals the subscriptions behind it."""

import time

import structlog
from sqlalchemy import Connection, func, select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.head_watcher import AT_LEAST, listening
from oms_ledger.eventstore.tables import events
from oms_ledger.services import signals
from projections.outbox import messages
from projections.outbox.of_orders import OutboxProjection
from projections.subscriptions import batch, checkpoints, leases, registry
from projections.subscriptions.checkpoints import Leased, Projection
from projections.subscriptions.kinds import Follower
from projections.subscriptions.views import VIEWS
from workers.runtime.reconnecting import surviving
from workers.runtime.stopping import Stop

LOOK_ROUND = 4.0
"""Seconds after which the subscriptions are looked at though no event is new: one may be free."""

log = structlog.get_logger(__name__)


def database_head(connection: Connection) -> int:
    """The last position handed out."""
    return int(
        connection.execute(select(func.coalesce(func.max(events.c.position), 0))).scalar_one()
    )


def ensure_subscriptions(database: Database) -> None:
    """The views' subscriptions exist from the first start on.

    A release that builds a view otherwise raises its `view_version`: the subscription then goes
    back to the first event, and the view is rebuilt while the old one is served.
    """
    with database.writing() as connection:
        known = checkpoints.positions(connection)
        for subscription, destination in VIEWS.items():
            if subscription not in known:
                checkpoints.create(connection, subscription, 0)
            if checkpoints.reset_if_outdated(connection, subscription, destination.view_version):
                log.info("view_rebuild_started", subscription=subscription)
        for kind in registry.KINDS.values():
            if kind.follower is not None and kind.subscription not in known:
                at = database_head(connection)  # what was recorded before fires nothing
                checkpoints.create(connection, kind.subscription, at, kind=kind.name)


class Following:
    """The subscriptions that this projector holds, for as long as nobody takes them over.

    Those that stand furthest ahead go on together. Who lags, because the view is rebuilt or a
    reader moved it, comes after by itself, a page at a time, so that the others do not wait.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._folds, self._folds_behind = cell.loader(), cell.loader()
        self._tokens: dict[str, int] = {}

        def now() -> int:
            return cell.clock.micros()

        self._followers: list[tuple[str | None, Follower]] = [("outbox", OutboxProjection(now))]
        self._followed: dict[str, Projection] = {
            **{subscription: view() for subscription, view in VIEWS.items()},
            messages.SUBSCRIPTION: self._followers[0][1],
        }
        for kind in registry.KINDS.values():
            if kind.follower is not None:
                follower = kind.follower(now)
                self._followed[kind.subscription] = follower
                self._followers.append((kind.dispatcher, follower))

    def round(self) -> bool:
        """One page further, together and for each that lags; whether there may be more."""
        at = self._positions()
        if not at:
            return False
        first = max(at.values())
        moved = self._advance(
            [subscription for subscription in at if at[subscription] == first], first, None
        )
        for subscription, before in at.items():
            if before < first:
                self._advance([subscription], before, first)
                moved = True
        news = {dispatcher for dispatcher, follower in self._followers if follower.found}
        for _, follower in self._followers:
            follower.found = False
        if "outbox" in news:
            signals.signal(self._cell.redis, [messages.SUBSCRIPTION])
        return moved

    def release(self) -> None:
        """Give the leases back."""
        leases.release_all(self._cell.database, self._tokens)

    def _positions(self) -> dict[str, int]:
        """Where the subscriptions stand that are ours, with those that have become free."""
        database, names = self._cell.database, self._followed.keys()
        leases.give_back(database)
        with database.reading() as connection:
            free = leases.free(connection, names - self._tokens.keys())
        if free:
            taken = checkpoints.acquire_many(database, free)
            self._tokens |= {subscription: token for subscription, (token, _) in taken.items()}
        with database.reading() as connection:
            return checkpoints.positions(connection, self._tokens)

    def _advance(self, abreast: list[str], before: int, until: int | None) -> bool:
        loader = self._folds if until is None else self._folds_behind
        leased = [Leased(one, self._tokens[one], self._followed[one]) for one in abreast]
        after, lost = checkpoints.advance_batch(self._cell.database, loader, leased, before, until)
        for subscription in lost:  # a reader, or a spare projector, took it over: ask again
            del self._tokens[subscription]
            log.info("lease_lost", subscription=subscription)
        return after > before


def project(cell: Cell, stop: Stop) -> None:
    """Follow the ledger until stopped, however often the database goes away meanwhile.

    A second projector is a hot spare.
    """
    while not stop.is_set():
        with surviving(cell.database, stop):
            _follow(cell, stop)


def _follow(cell: Cell, stop: Stop) -> None:
    """Whoever waits for new events is signaled before the views are brought up."""
    following = Following(cell)
    seen = cell.store.head()  # what was missed before, the clock finds
    looked = -LOOK_ROUND
    with listening(cell.database) as news:
        try:
            while not stop.is_set():
                before = seen
                seen, accounts = cell.store.accounts_after(seen)
                if seen == before and time.monotonic() - looked < LOOK_ROUND:
                    news.wait(AT_LEAST)  # it was no event that was written
                    continue
                if accounts:
                    with cell.database.snapshot() as connection:
                        names = batch.signals_of_accounts(connection, accounts)
                    signals.signal(cell.redis, sorted(names))
                looked = -LOOK_ROUND
                if not following.round() and not stop.is_set():
                    looked = time.monotonic()
                    news.wait(AT_LEAST)
        finally:
            following.release()
