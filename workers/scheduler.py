"""The process that notices time: due times, cursors left behind, retention."""

import asyncio

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.ledger import Contended
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.changes.v1_payment import expire_preparation
from oms_ledger.orders.changes.v2 import expire_change
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.handling.deadlines import (
    give_up_authorization,
    give_up_decision,
    insist_on_cancellation,
)
from oms_ledger.orders.handling.decide import close_cancellation_window
from oms_ledger.orders.marketplace.change_seller import close_seller_window
from oms_ledger.orders.payments.decide import expire_payment, expire_placement
from oms_ledger.refusal import Refusal
from oms_ledger.services import signals as wakeups
from oms_ledger.services.metrics import FIRED
from projections.carts import store as carts
from projections.exports import jobs as exports
from projections.masterdata import triggers
from projections.masterdata.search import expire_scrolls
from projections.notifications import deliveries as pushes
from projections.notifications import feeds, hooks
from projections.operators import runs
from projections.outbox import messages as calls
from projections.subscriptions import batch as together
from projections.subscriptions import checkpoints as cursors
from projections.subscriptions.checkpoints import now_micros
from projections.timers import deadlines as due_times
from workers.masterdata import revalidation
from workers.runtime.stopping import Stop

CURSOR = "clock"
CARTS_AT_ONCE = 500
TICK, SWEEP, RETENTION = 0.5, 2.0, 60.0  # seconds
DAY = 24 * 60 * 60 * 1_000_000  # microseconds

DECISIONS: dict[str, Decision] = {
    "placement": expire_placement,
    "cancellation-window": close_cancellation_window,
    "seller-window": close_seller_window,
    "payment": expire_payment,
    "authorization": give_up_authorization,
    "cancellation-decision": give_up_decision,
    "seller-decision": insist_on_cancellation,
    "change-request": expire_change,
    "prepared-change": expire_preparation,
}

log = structlog.get_logger(__name__)


def ensure_cursor(cell: Cell) -> None:
    with cell.database.writing() as connection:
        if cursors.position(connection, CURSOR) is None:
            cursors.create(connection, CURSOR, 0)


async def keep_time(cell: Cell, stop: Stop) -> None:
    """Tick until stopped; only the holder of the clock's lease acts, others are hot spares."""
    ensure_cursor(cell)
    swept = buried = 0.0
    loop = asyncio.get_running_loop()
    token: int | None = None
    while not stop.is_set():
        token = _hold(cell, token)
        if token is not None:
            await fire(cell)
            if loop.time() - swept >= SWEEP:
                swept = loop.time()
                sweep(cell)
            if loop.time() - buried >= RETENTION:
                buried = loop.time()
                retain(cell)
        await asyncio.to_thread(stop.wait, TICK)
    if token is not None:
        cursors.release(cell.database, CURSOR, token)


def _hold(cell: Cell, token: int | None) -> int | None:
    if token is not None:
        try:
            with cell.database.writing() as connection:
                cursors.hold(connection, CURSOR, token)
        except cursors.Fenced:
            return None
        return token
    return cursors.take(cell.database, CURSOR)


async def fire(cell: Cell) -> int:
    """Decide what is due now; how many. What is not true any more decides nothing."""
    with cell.database.reading() as connection:
        due = due_times.due(connection, micros(cell.ledger.now()))
    await asyncio.gather(*(_decide(cell, *timer) for timer in due))
    return len(due)


async def _decide(cell: Cell, account: str, order_id: str, what: str) -> None:
    try:
        await cell.ledger.change(account, order_id, DECISIONS[what], by=f"timer:{what}")
        FIRED.labels(what).inc()
    except (Refusal, Contended) as error:
        log.warning("a timer could not fire", order=order_id, what=what, error=error)


def sweep(cell: Cell) -> int:
    """Wake every feed and hook, and the calls, that are behind or owe something; how many.

    Those whose accounts wrote nothing are passed on at once. Hooks that are owed something are
    woken by one job for all, so that a thousand dead ones leave room in the queue.
    """
    head, now = cell.store.head(), now_micros()
    with cell.database.reading() as connection:
        late = cursors.behind(connection, head)
    if any(map(cursors.follows, late)):
        with cell.database.writing() as connection:
            together.pass_over(connection, head)
            late = cursors.behind(connection, head)
    with cell.database.reading() as connection:
        behind = {cursor for cursor in late if cursor == calls.CURSOR}
        behind |= together.names_of_cursors(connection, late)
        if pushes.with_due(connection, now):
            behind.add(pushes.DUE)
        if calls.any_due(connection, now):
            behind.add(calls.CURSOR)
        if triggers.any_due(connection, micros(cell.ledger.now())):
            behind.add(triggers.CURSOR)
        running = [f"export:{export}" for export in exports.unfinished(connection)]
        running += revalidation.unfinished(connection)
        running += [f"run:{run}" for run in runs.unfinished(connection)]
    wakeups.wake(cell.redis, running, wakeups.SLOW)
    return wakeups.wake(cell.redis, sorted(behind))


def remove_expired_carts(cell: Cell) -> int:
    """Delete carts whose time is over, a few in each transaction; how many."""
    removed = 0
    while True:
        with cell.database.writing() as connection:
            found = carts.remove_expired(connection, now_micros(), CARTS_AT_ONCE)
        removed += found
        if found < CARTS_AT_ONCE:
            return removed


def retain(cell: Cell) -> None:
    """Bury what is too old; take away feeds and hooks that nobody used, and keys of long ago."""
    remove_expired_carts(cell)
    now, head = now_micros(), cell.store.head()
    if days := cell.settings.idempotency_days:
        cell.store.forget_claims(now - days * DAY)
    with cell.database.writing() as connection:
        if buried := feeds.bury(connection, now):
            log.warning("feed items went to the dead letters", items=buried)
        exports.expire(connection, now)
        expire_scrolls(connection, now)
        gone = []
        if cell.settings.feed_expiry:
            for key in feeds.unused(connection, now):
                feeds.remove(connection, key)
                gone.append(("feed", key))
        if cell.settings.hook_expiry:
            unused = hooks.remove_unused(connection, now, head)
            gone += [("hook", key) for key in unused]
        for kind, key in gone:
            log.warning("removed after its time without news", kind=kind, app_key=key)
        pushes.forget_attempts(connection, now)
