"""Judges new entries for the hooks of a worker, an account's together, beside the telling.

An account whose filters are quick is done in a moment. A filter that is slow, or far behind, goes
on by itself in a lane of its own, slice by slice and taking turns with its like, with rests, so
that the quick ones and the courier's loop lose nothing by it (G44).
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from oms_ledger.wiring import Cell
from projections import hooks
from projections.pushes import hook_cursor
from projections.together import run_together

SLICE = 0.25
"""Seconds of a slow filter's turn."""

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
        kept = set[str]()
        database = self._cell.database
        with database.reading() as connection:
            told = hooks.destinations(connection, database, account, kept)
        if not told:
            return
        left = run_together(database, self._folds, told, stored=partial(self._tell_all, kept))
        for cursor in left:
            self._submit(self._slow, self._judge_alone, cursor)

    def _judge_alone(self, cursor: str) -> None:
        began, kept = time.monotonic(), set[str]()
        database = self._cell.database
        with database.reading() as connection:
            hook = hooks.get(connection, cursor.removeprefix("hook:"), self._cell.vault)
        if hook is None:
            return
        told = hooks.HookDeliveries(database, hook.app_key, hook.account, hook.filter, kept)
        left = run_together(
            database, self._slow_folds, [told], SLICE, partial(self._tell_all, kept)
        )
        self._closed.wait(min(SLICE, time.monotonic() - began))
        if left:
            self._submit(self._slow, self._judge_alone, hook_cursor(hook.app_key))

    def _tell_all(self, kept: set[str]) -> None:
        for key in sorted(kept):
            self._tell(key)
        kept.clear()
