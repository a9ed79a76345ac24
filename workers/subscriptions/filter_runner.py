"""Judges new entries for feeds and hooks, an account's together, beside the telling of hooks.

An account whose filters are quick is done in a moment; while new entries keep coming, accounts take
turns. A filter that is slow, or far behind, goes on by itself in a lane of its own, slice by slice
and taking turns with its like, with rests, so that the quick ones and the courier's loop lose
nothing by it (G44). It stays there until it was quick for a while.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from oms_ledger.cell import Cell
from projections.notifications import feeds, hooks
from projections.notifications.hooks import HookDeliveries
from projections.subscriptions.batch import Run, run_together
from projections.subscriptions.kinds import Kind

TURN = 0.25
"""Seconds of an account's turn while new entries keep coming, and of a slow filter's."""

PROBATION = 50
"""Evaluations of a slow filter that have to be quick before it goes on with the others again."""

KINDS: dict[str, Kind] = {kind.name: kind for kind in (feeds.KIND, hooks.KIND)}

log = structlog.get_logger(__name__)


class Bench:
    """`tell` is called, from any thread, with the key of a hook that is owed something new."""

    def __init__(self, cell: Cell, tell: Callable[[str], None]) -> None:
        self._cell, self._tell = cell, tell
        self._quick, self._slow = (
            ThreadPoolExecutor(1, "bench"),
            ThreadPoolExecutor(1, "slow-bench"),
        )
        self._folds, self._slow_folds = cell.folds(), cell.folds()
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        # How many more evaluations of a filter that was slow have to be quick.
        self._slowed: dict[str, int] = {}
        self._at_work = 0
        self._closed = threading.Event()

    def judge(self, account: str) -> None:
        """Have the account's new entries judged soon; once, however often it is asked before."""
        self._submit(self._quick, self._judge_account, account)

    @property
    def idle(self) -> bool:
        with self._lock:
            return not self._waiting and not self._at_work

    def close(self) -> None:
        self._closed.set()
        for lane in (self._quick, self._slow):
            lane.shutdown(wait=True, cancel_futures=True)

    def _submit(self, lane: ThreadPoolExecutor, work: Callable[[str], None], name: str) -> None:
        with self._lock:
            if name in self._waiting or self._closed.is_set():
                return
            self._waiting.add(name)
            lane.submit(self._begin, work, name)

    def _begin(self, work: Callable[[str], None], name: str) -> None:
        with self._lock:
            self._waiting.discard(name)
            self._at_work += 1
        try:
            work(name)
        except Exception:  # the sweep asks again
            log.exception("judging broke off", of=name)
        finally:
            with self._lock:
                self._at_work -= 1

    def _judge_account(self, account: str) -> None:
        database = self._cell.database
        with database.reading() as connection:
            queues = feeds.destinations(connection, database, account)
            owed = hooks.destinations(connection, database, account)
        if not queues and not owed:
            return
        told = [*queues, *owed]
        quick = [one for one in told if one.cursor not in self._slowed]
        run = run_together(database, self._folds, quick, TURN, partial(self._tell_owed, owed))
        self._slowed.update(dict.fromkeys(run.slow, PROBATION))
        alone = {one.cursor for one in told if one.cursor in self._slowed}
        for cursor in sorted(alone | set(run.left)):
            self._submit(self._slow, self._judge_alone, cursor)
        if run.over:
            self._submit(self._quick, self._judge_account, account)

    def _judge_alone(self, cursor: str) -> None:
        began, database = time.monotonic(), self._cell.database
        name, _, app_key = cursor.partition(":")
        told = KINDS[name].destination(database, self._cell.vault, app_key)
        if told is None:
            return
        owed = [told] if isinstance(told, HookDeliveries) else []
        run = run_together(database, self._slow_folds, [told], TURN, partial(self._tell_owed, owed))
        self._watch(cursor, run)
        self._closed.wait(min(TURN, time.monotonic() - began))
        if run:
            self._submit(self._slow, self._judge_alone, cursor)

    def _watch(self, cursor: str, run: Run) -> None:
        """A filter that was slow comes back to the quick ones when it was quick for some time."""
        if cursor in run.slow:
            self._slowed[cursor] = PROBATION
        elif cursor in self._slowed:
            self._slowed[cursor] -= run.judged
            if self._slowed[cursor] <= 0:
                del self._slowed[cursor]

    def _tell_owed(self, owed: Sequence[HookDeliveries]) -> None:
        for one in owed:
            if one.owed_more:
                one.owed_more = False
                self._tell(one.app_key)
