"""The process that notifications time: due times, subscriptions left behind, retention."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.anchors import UnusableSealKey
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import AccountMoved, ConcurrencyError
from oms_ledger.orders.changes.v1_payment import expire_preparation
from oms_ledger.orders.changes.v2 import expire_change
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.handling.deadlines import (
    escalate_cancellation,
    expire_authorization,
    expire_decision,
    expire_seller_answer,
)
from oms_ledger.orders.handling.decide import close_cancellation_window
from oms_ledger.orders.marketplace.change_seller import close_seller_window
from oms_ledger.orders.payments.decide import expire_payment, expire_placement
from oms_ledger.refusal import Refusal
from oms_ledger.services import signals
from oms_ledger.services.accounts.subscriptions import remove_unused
from oms_ledger.services.jobs import runner
from oms_ledger.services.metrics import FIRED
from oms_ledger.services.ops.anchoring import anchor_when_due
from projections.accounts import token_bounds
from projections.carts import store as carts
from projections.jobs import jobs
from projections.masterdata.search import expire_scrolls
from projections.outbox import attempts, claims, integration, messages
from projections.subscriptions import batch, checkpoints, leases, registry
from projections.subscriptions.lateness import Watch
from projections.timers import deadlines
from workers.runtime.reconnecting import surviving
from workers.runtime.stopping import Stop

LEASE = "scheduler"
CARTS_AT_ONCE = 200
STEP, BREATH = 0.25, 0.002
"""Seconds for which expired carts are deleted at a time, and between two transactions of that."""
TICK, RECONCILE, RETENTION = 0.5, 2.0, 60.0  # seconds
RENEWAL = 3.0  # seconds of the ten that the lease lasts
QUIET_AFTER = 5.0
"""Seconds without an event after which, with nothing pending, the next due time is waited for."""
QUIET_RECONCILE = 15.0
DAY = 24 * 60 * 60 * 1_000_000  # microseconds

DECISIONS: dict[str, Decision] = {
    "placement": expire_placement,
    "cancellation-window": close_cancellation_window,
    "seller-window": close_seller_window,
    "payment": expire_payment,
    "seller-answer": expire_seller_answer,
    "authorization": expire_authorization,
    "cancellation-decision": expire_decision,
    "seller-decision": escalate_cancellation,
    "change-request": expire_change,
    "prepared-change": expire_preparation,
}

log = structlog.get_logger(__name__)


async def run_scheduler(cell: Cell, stop: Stop) -> None:
    """Tick until stopped, however often the database goes away meanwhile."""
    while not stop.is_set():
        with surviving(cell.database, stop):
            await _tick(cell, stop)


class Quiet:
    """Whether nothing can be due but at a time that is known: then there is nothing to look for.

    A new event ends it, which is looked for every two seconds all the same.
    """

    def __init__(self, cell: Cell, clock: Callable[[], float]) -> None:
        self._cell, self._clock = cell, clock
        self._head, self._moved_at = -1, clock()
        self._pending = True
        self._next_timer: int | None = None

    def look(self) -> bool:
        """Look at the head; whether it has stood still for long with nothing left to do."""
        head = self._cell.store.head()
        if head != self._head:
            self._head, self._moved_at = head, self._clock()
        return not self._pending and self._clock() - self._moved_at >= QUIET_AFTER

    def reconciled(self, behind: bool) -> None:
        """Note what is to come, after it was looked whether anything is behind."""
        with self._cell.database.snapshot() as connection:
            self._next_timer = deadlines.next_due(connection)
            far = self._cell.clock.micros() + 365 * DAY
            self._pending = (
                behind
                or any(kind.due(connection, far) for kind in registry.KINDS.values())
                or bool(claims.due(connection, far))
            )

    def rest(self) -> float:
        """Seconds until the next timer, or the next look at the head."""
        if self._next_timer is None:
            return RECONCILE
        return min(RECONCILE, max(0.0, (self._next_timer - self._now()) / 1e6))

    @property
    def timer_due(self) -> bool:
        """Whether a timer has to fire now."""
        return self._next_timer is not None and self._next_timer <= self._now()

    def _now(self) -> int:
        return self._cell.clock.micros()


async def _tick(cell: Cell, stop: Stop) -> None:
    """Only the holder of the scheduler's lease acts, others are hot spares."""
    watch = Watch()
    reconciled = dead_lettered = renewed = 0.0
    loop = asyncio.get_running_loop()
    quiet = Quiet(cell, loop.time)
    carts_over, more = ExpiredCarts(cell, loop.time), False
    token: int | None = None
    try:
        while not stop.is_set():
            if token is None or loop.time() - renewed >= RENEWAL:
                renewed = loop.time()
                token = await asyncio.to_thread(_hold, cell, token)
            rest = TICK
            if token is not None:
                resting = await asyncio.to_thread(quiet.look)
                if not resting or quiet.timer_due:
                    resting = not await fire_due(cell) and resting
                if loop.time() - reconciled >= (QUIET_RECONCILE if resting else RECONCILE):
                    reconciled = loop.time()
                    late = await asyncio.to_thread(look_for_late, cell, watch)
                    await asyncio.to_thread(signal_late, cell, late)
                    await asyncio.to_thread(quiet.reconciled, any(late))
                if loop.time() - dead_lettered >= RETENTION:
                    dead_lettered = loop.time()
                    await asyncio.to_thread(apply_retention, cell)
                    await remove_unused(cell)
                    await asyncio.to_thread(_anchor, cell)
                    more = True
                if more:
                    more = await asyncio.to_thread(carts_over.step, stop.wait)
                rest = max(TICK, quiet.rest()) if resting and not more else TICK
            await asyncio.to_thread(stop.wait, rest)
    finally:
        if token is not None:
            await asyncio.to_thread(leases.release, cell.database, LEASE, token)


def _hold(cell: Cell, token: int | None) -> int | None:
    if token is not None:
        try:
            with cell.database.writing() as connection:
                leases.renew(connection, LEASE, token)
        except leases.Fenced:
            return None
        return token
    return leases.acquire(cell.database, LEASE)


async def fire_due(cell: Cell) -> int:
    """Decide what is due now; how many. What is not true any more decides nothing."""
    due = await cell.read(deadlines.due, cell.clock.micros())
    await asyncio.gather(*(_decide(cell, *timer) for timer in due))
    return len(due)


async def _decide(cell: Cell, account: str, order_id: str, kind: str) -> None:
    try:
        await cell.ledger.change(
            CommandContext(account, f"timer:{kind}"), order_id, DECISIONS[kind]
        )
        FIRED.labels(kind).inc()
    except (Refusal, ConcurrencyError, AccountMoved) as error:
        log.warning("timer_failed", order=order_id, kind=kind, error=error)


def reconcile(cell: Cell, watch: Watch | None = None) -> int:
    """Signal every subscription that lags or has something pending; how many were not yet."""
    return signal_late(cell, look_for_late(cell, watch))


def signal_late(cell: Cell, late: tuple[set[str], Sequence[str]]) -> int:
    """Signal what `look_for_late` found; how many subscriptions were not signaled yet."""
    behind, unfinished = late
    runner.signal(cell, unfinished)
    return signals.signal(cell.redis, sorted(behind))


def look_for_late(cell: Cell, watch: Watch | None) -> tuple[set[str], Sequence[str]]:
    """Every subscription that lags or has something pending, and unfinished jobs, by their ids.

    Feeds and hooks go on by account: what is quiet is not looked at.
    """
    head, now = cell.store.head(), cell.clock.micros()
    with cell.database.snapshot() as connection:
        late = (watch or Watch()).late_accounts(connection)
        behind = set(map(batch.signal_of_account, late))
        at = checkpoints.position(connection, messages.SUBSCRIPTION)
        if at is not None and at < head:
            behind.add(messages.SUBSCRIPTION)
        for kind in registry.KINDS.values():
            behind |= set(kind.due(connection, now))
        if claims.due(connection, cell.clock.micros()):
            behind.add(messages.SUBSCRIPTION)
        return behind, jobs.due(connection)


def _anchor(cell: Cell) -> None:
    """Anchor the ledger when that is due; a key that cannot be used stops no timer."""
    try:
        anchor_when_due(cell)
    except (UnusableSealKey, OSError) as error:
        log.error("ledger_not_anchored", error=error)


class ExpiredCarts:
    """Deletes carts whose time is over, a few in each transaction, for a while at a time.

    Between transactions and between steps others write. A power cut may bring the last of them
    back, to be deleted again.
    """

    def __init__(self, cell: Cell, clock: Callable[[], float]) -> None:
        self._cell, self._clock = cell, clock
        self._since = 0
        self.removed = 0

    def step(self, rest: Callable[[float], object]) -> bool:
        """Delete some, for no longer than a step takes; whether there are more."""
        until = self._clock() + STEP
        while self._clock() < until:
            with self._cell.database.writing(outlives_power=False) as connection:
                now = self._cell.clock.micros()
                found, since = carts.remove_expired(connection, now, CARTS_AT_ONCE, self._since)
            self.removed += found
            if found < CARTS_AT_ONCE:
                self._since = 0
                return False
            self._since = since
            rest(BREATH)
        return True


def apply_retention(cell: Cell) -> None:
    """Dead-letter what is too old; forget old keys."""
    now, head = cell.clock.micros(), cell.store.head()
    if days := cell.settings.idempotency_days:
        cell.store.forget_claims(now - days * DAY)
    with cell.database.writing() as connection:
        for kind in registry.KINDS.values():
            expires = bool(getattr(cell.settings, f"{kind.name}_expiry", True))
            for app_key in kind.retain(connection, now, head, expires):
                log.warning("subscription_expired", kind=kind.name, app_key=app_key)
        runner.expire(connection, now)
        expire_scrolls(connection, now)
        attempts.forget_attempts(connection, now)
        integration.forget(connection, now)
        token_bounds.forget(connection, now)
