"""Evaluates new events for the subscriptions of app keys, an account's together.

An account whose filters are quick is done in a moment; while new events keep coming, accounts take
turns. A filter that is slow, or far behind, goes on by itself in a queue of its own, slice by slice
and taking turns with its like, with rests, so that the quick ones and the outbox dispatcher's loop
lose nothing by it (G44). It stays there until it was quick for a while. A filter that a child
evaluates is always there: whoever goes on with it may wait for two children that it ends.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from oms_ledger.cell import Cell
from projections.subscriptions import registry
from projections.subscriptions.batch import Run, run_batch
from projections.subscriptions.kinds import SubscriptionKind
from projections.subscriptions.sink import SubscriptionSink

TURN = 0.25
"""Seconds of an account's turn while new events keep coming, and of a slow filter's."""

PROBATION = 50
"""Evaluations of a slow filter that have to be quick before it goes on with the others again."""

log = structlog.get_logger(__name__)


class FilterRunner:
    """`stored` is called, from any thread, with the kind and the key that something is new for."""

    def __init__(self, cell: Cell, stored: Callable[[SubscriptionKind, str], None]) -> None:
        self._cell, self._stored = cell, stored
        self._fast, self._slow = (
            ThreadPoolExecutor(1, "filters"),
            ThreadPoolExecutor(1, "slow-filters"),
        )
        self._folds, self._slow_folds = cell.loader(), cell.loader()
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        # How many more evaluations of a filter that was slow have to be quick.
        self._slowed: dict[str, int] = {}
        self._active = 0
        self._closed = threading.Event()

    def evaluate(self, account: str) -> None:
        """Have the account's new events evaluated soon; once, however often it is called before."""
        self._submit(self._fast, self._evaluate_account, account)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        with self._lock:
            return not self._waiting and not self._active

    def close(self) -> None:
        """Stop evaluating, after the slices that run."""
        self._closed.set()
        for queue in (self._fast, self._slow):
            queue.shutdown(wait=True, cancel_futures=True)

    def _submit(self, queue: ThreadPoolExecutor, work: Callable[[str], None], name: str) -> None:
        with self._lock:
            if name in self._waiting or self._closed.is_set():
                return
            self._waiting.add(name)
            queue.submit(self._begin, work, name)

    def _begin(self, work: Callable[[str], None], name: str) -> None:
        with self._lock:
            self._waiting.discard(name)
            self._active += 1
        try:
            work(name)
        except Exception:  # the reconciliation asks again
            log.exception("filter_run_failed", of=name)
        finally:
            with self._lock:
                self._active -= 1

    def _evaluate_account(self, account: str) -> None:
        database = self._cell.database
        with database.snapshot() as connection:
            sinks = [
                sink
                for _, keys in registry.of_keys()
                for sink in keys.sinks(connection, database, account)
            ]
        if not sinks:
            return
        isolated = {one.subscription for one in sinks if one.filter_of.isolated}
        apart = isolated | self._slowed.keys()
        quick = [one for one in sinks if one.subscription not in apart]
        run = run_batch(database, self._folds, quick, TURN, partial(self._signal_new, quick))
        self._slowed.update(dict.fromkeys(run.slow, PROBATION))
        apart |= run.slow
        alone = {one.subscription for one in sinks if one.subscription in apart}
        for subscription in sorted(alone | set(run.left)):
            self._submit(self._slow, self._evaluate_alone, subscription)
        if run.over:
            self._submit(self._fast, self._evaluate_account, account)

    def _evaluate_alone(self, subscription: str) -> None:
        began, database = time.monotonic(), self._cell.database
        name, _, app_key = subscription.partition(":")
        keys = registry.KINDS[name].of_keys
        sink = keys.open(database, self._cell.encryption, app_key) if keys else None
        if sink is None:
            return
        new = partial(self._signal_new, [sink])
        run = run_batch(database, self._slow_folds, [sink], TURN, new)
        self._watch(subscription, run)
        self._closed.wait(min(TURN, time.monotonic() - began))
        if run:
            self._submit(self._slow, self._evaluate_alone, subscription)

    def _watch(self, subscription: str, run: Run) -> None:
        """A filter that was slow comes back to the quick ones when it was quick for some time."""
        if subscription in run.slow:
            self._slowed[subscription] = PROBATION
        elif subscription in self._slowed:
            self._slowed[subscription] -= run.evaluated
            if self._slowed[subscription] <= 0:
                del self._slowed[subscription]

    def _signal_new(self, sinks: Sequence[SubscriptionSink]) -> None:
        for one in sinks:
            if one.has_new:
                one.has_new = False
                name, _, app_key = one.subscription.partition(":")
                self._stored(registry.KINDS[name], app_key)
