"""The courier of a worker process: tells every hook what it is owed, each on its own.

One task a hook holds the lease of the hook's cursor, judges new entries, and keeps many
notices in flight, at most one an order, so that an order's notices arrive in order. A sick
endpoint keeps only its own task waiting. Outcomes are recorded in batches, fenced by the lease.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from oms_ledger.integrations.notices import signature_headers, wait_after
from oms_ledger.wiring import Cell
from projections import cursors, hooks
from projections.cursors import Fenced, now_micros
from projections.feeds import SECOND
from projections.hooks import Attempt, Delivery, Hook, HookDeliveries
from workers.sending import Sender

IN_FLIGHT = 64
_SHORT_PAGE, _LONG = 25, 0.25  # entries of a hook's first page; seconds that a page may take
_LOOK_AGAIN = 0.05  # seconds between looks at the head while notices are in flight

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Courier:
    """Runs in a thread of its own; `wake` may be called from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._folds = cell.folds()
        self._work = ThreadPoolExecutor(4, "courier")
        self._judging = threading.Lock()
        self._pages: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._sender: Sender | None = None
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def wake(self, app_key: str) -> None:
        self._loop.call_soon_threadsafe(self._begin, app_key)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._work.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            if self._sender is not None:
                self._loop.run_until_complete(self._sender.close())
            self._loop.close()

    def _begin(self, app_key: str) -> None:
        if self._sender is None:
            self._sender = Sender(self._cell.settings.hook_allowed_networks)
        if app_key in self._tasks:
            self._again.add(app_key)
            return
        task = self._loop.create_task(self._serve(app_key))
        self._tasks[app_key] = task
        task.add_done_callback(lambda _: self._ended(app_key))

    def _ended(self, app_key: str) -> None:
        self._tasks.pop(app_key, None)
        if app_key in self._again:
            self._again.discard(app_key)
            self._begin(app_key)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._work, work, *arguments)

    async def _serve(self, app_key: str) -> None:
        """Hold the hook's lease for as long as there is something to do."""
        database, cursor = self._cell.database, hooks.cursor_of(app_key)
        token = await self._in_thread(cursors.take, database, cursor)
        if token is None:
            return
        assert self._sender is not None
        try:
            hook = await self._in_thread(self._hook, app_key)
            if hook is not None:
                await _Round(self, self._sender, hook, token).run()
        except Fenced:
            log.info("another worker serves the hook", hook=app_key)
        except Exception:
            log.exception("serving the hook broke off", hook=app_key)
        finally:
            await asyncio.shield(self._in_thread(cursors.release, database, cursor, token))

    def _hook(self, app_key: str) -> Hook | None:
        with self._cell.database.reading() as connection:
            return hooks.get(connection, app_key, self._cell.vault)

    # Work of the threads

    def advance(self, hook: Hook, token: int) -> int:
        """Judge the next entries; how many. A page is as long as the filter is quick (G44)."""
        database, cursor = self._cell.database, hooks.cursor_of(hook.app_key)
        destination = HookDeliveries(database, hook)
        limit = self._pages.get(hook.app_key, _SHORT_PAGE)
        with self._judging:  # the folds are shared by this worker's hooks
            began = time.perf_counter()
            count = cursors.advance(database, self._folds, cursor, token, destination, limit)
            taken = time.perf_counter() - began
        if count == limit or taken > _LONG:
            longer = limit * 2 if taken < _LONG / 2 else max(1, limit // 2)
            self._pages[hook.app_key] = min(longer, cursors.PAGE)
        return count

    def due(self, hook: Hook, busy: frozenset[str], limit: int) -> list[Delivery]:
        with self._cell.database.reading() as connection:
            return hooks.due(connection, hook.app_key, now_micros(), busy, limit)

    def record(self, hook: Hook, token: int, made: list[Attempt]) -> None:
        with self._cell.database.writing() as connection:
            cursors.hold(connection, hooks.cursor_of(hook.app_key), token)
            hooks.record(connection, hook.app_key, made)


@dataclass
class _Round:
    """One hold of one hook's lease."""

    courier: Courier
    sender: Sender
    hook: Hook
    token: int
    flying: dict[asyncio.Task[Attempt], str] = field(default_factory=dict)
    failures: int = 0

    async def run(self) -> None:
        work = self.courier._in_thread
        failed = self.hook.failures
        made: list[Attempt] = []
        try:
            while True:
                judged = await work(self.courier.advance, self.hook, self.token)
                if made:
                    await work(self.courier.record, self.hook, self.token, made)
                    accepted = any(attempt.accepted for attempt in made)
                    failed = 0 if accepted else failed + len(made)
                    made = []
                started = 0
                if failed < hooks.CIRCUIT_FAILURES or not self.flying:
                    started = await self._start(
                        1 if failed >= hooks.CIRCUIT_FAILURES else IN_FLIGHT
                    )
                if not self.flying and not judged and not started:
                    return
                if self.flying:
                    done, _ = await asyncio.wait(
                        self.flying, timeout=_LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        del self.flying[task]
                        made.append(task.result())
                if failed >= hooks.CIRCUIT_FAILURES and not self.flying:
                    if made:
                        await work(self.courier.record, self.hook, self.token, made)
                    return  # the circuit is open: the clock wakes this hook for the next probe
        finally:
            for task in self.flying:
                task.cancel()

    async def _start(self, most: int) -> int:
        free = most - len(self.flying)
        if free <= 0:
            return 0
        busy = frozenset(self.flying.values())
        owed = await self.courier._in_thread(self.courier.due, self.hook, busy, free)
        for delivery in owed:
            self.flying[asyncio.create_task(self._attempt(delivery))] = delivery.order_id
        return len(owed)

    async def _attempt(self, delivery: Delivery) -> Attempt:
        hook, at, began = self.hook, now_micros(), time.perf_counter()
        signed = signature_headers((hook.secret,), delivery.event_id, at // SECOND, delivery.body)
        headers = {**signed, **hook.headers}
        answer = await self.sender.post(hook.url, delivery.body, headers)
        wait = wait_after(delivery.attempts + 1, random.random()).total_seconds()
        if answer.status in (429, 503) and answer.retry_after is not None:
            wait = max(wait, answer.retry_after)
        return Attempt(
            delivery,
            at=at,
            duration=int((time.perf_counter() - began) * SECOND),
            outcome=answer.seen,
            accepted=answer.status == 200,
            next_at=now_micros() + int(wait * SECOND),
        )
