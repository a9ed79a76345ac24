"""The courier of a worker process: tells every hook what it is owed, each on its own.

One task a hook holds the hook's lease while there is something to tell, and keeps many notices in
flight, at most one an order, so that an order's notices arrive in order. A sick endpoint keeps
only its own task waiting: how much is in flight to an endpoint grows as it accepts, hooks that
fail share a narrow gate, and what is written goes into common transactions, fenced by the leases.
"""

import asyncio
import contextlib
import random
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from oms_ledger.integrations.notices import signature_headers, wait_after
from oms_ledger.wiring import Cell
from projections import cursors, hooks, pushes
from projections.cursors import Fenced, now_micros
from projections.feeds import SECOND
from projections.hooks import Hook
from projections.pushes import Attempt, Delivery, Waiting, courier_cursor
from workers.bench import Bench
from workers.clerk import Clerk
from workers.reporting import PUSH_SECONDS, PUSHES, outcome_of
from workers.sending import Sender

IN_FLIGHT = 64
"""Notices on their way to one hook, when it has accepted enough of them."""
LOADED = 256
"""Notices of a hook that are looked up at a time."""
SICK, SICK_AT_ONCE = 3, 32
"""Failures in a row that make a hook sick, and how many sick ones are told at a time."""
FILES_LEFT, MOST_SOCKETS = 256, 4_096

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Courier:
    """Runs in a thread of its own; `judge` and `wake` may be called from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.clerk = Clerk(cell.database)
        self._bench = Bench(cell, self.wake)
        self._reading = ThreadPoolExecutor(4, "courier")
        self._loop = asyncio.new_event_loop()
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._windows: dict[str, int] = {}
        self._sender: Sender | None = None
        self._sick = asyncio.Semaphore(SICK_AT_ONCE)
        self.sockets = asyncio.Semaphore(_sockets())
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def judge(self, account: str) -> None:
        """New entries of the account: judge them for its hooks, and tell what comes of it."""
        self._bench.judge(account)

    def wake(self, app_key: str) -> None:
        """The hook is owed something that may be due."""
        with contextlib.suppress(RuntimeError):  # closed: the next worker finds it
            self._loop.call_soon_threadsafe(self._begin, app_key)

    @property
    def idle(self) -> bool:
        """Whether nothing is judged or told just now."""
        return self._bench.idle and not self._rounds

    def close(self) -> None:
        self._bench.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._reading.shutdown(wait=True, cancel_futures=True)
        self.clerk.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            rounds = list(self._rounds.values())
            for task in rounds:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*rounds, return_exceptions=True))
            rest = asyncio.all_tasks(self._loop)
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            if self._sender is not None:
                self._loop.run_until_complete(self._sender.close())
            self._loop.close()

    def _begin(self, app_key: str) -> None:
        if self._sender is None:
            self._sender = Sender(self._cell.settings.hook_allowed_networks)
        self._news.setdefault(app_key, asyncio.Event()).set()
        if app_key not in self._rounds:
            task = self._loop.create_task(self._serve(app_key))
            self._rounds[app_key] = task
            task.add_done_callback(lambda _: self._ended(app_key))

    def _ended(self, app_key: str) -> None:
        del self._rounds[app_key]
        if self._news[app_key].is_set():
            self._begin(app_key)
        else:
            del self._news[app_key]

    async def _serve(self, app_key: str) -> None:
        """Tell the hook what is due, and look once more after the lease was given back.

        So news that came while somebody held the lease cannot get lost, whoever that was.
        """
        try:
            while await self._hold(app_key):
                pass
        except Fenced:
            log.info("the hook was changed, or another worker serves it", hook=app_key)
        except Exception:  # the sweep wakes it again
            log.exception("serving the hook broke off", hook=app_key)

    async def _hold(self, app_key: str) -> bool:
        """One hold of the lease; whether something is due after it."""
        self._news[app_key].clear()
        hook = await self.read(self._hook, app_key)
        if hook is None or not hook.may_be_told(now_micros()):
            return False
        async with self._sick if hook.failures >= SICK else contextlib.nullcontext():
            await self._tell(app_key)
        return await self.read(self._is_due, app_key)

    async def _tell(self, app_key: str) -> None:
        cursor, read = courier_cursor(app_key), self.read
        token = await self.clerk.write(app_key, lambda c: cursors.take_in(c, cursor))
        if token is None:
            raise Fenced(cursor)  # its holder looks once more after giving the lease back
        try:
            hook = await read(self._hook, app_key)
            if hook is not None and hook.may_be_told(now_micros()):
                assert self._sender is not None
                window = self._windows.get(app_key, 1)
                told = Round(self, self._sender, hook, token, self._news[app_key], window)
                await told.run()
                self._windows[app_key] = told.window
        finally:
            release = self.clerk.write(app_key, lambda c: cursors.release_in(c, cursor, token))
            await asyncio.shield(release)

    async def read(self, work: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._reading, work, *arguments)

    # Work of the threads

    def _hook(self, app_key: str) -> Hook | None:
        with self._cell.database.reading() as connection:
            return hooks.get(connection, app_key, self._cell.vault)

    def _is_due(self, app_key: str) -> bool:
        with self._cell.database.reading() as connection:
            return bool(pushes.with_due(connection, now_micros(), app_key))

    def startable(self, app_key: str, limit: int) -> list[Delivery]:
        with self._cell.database.reading() as connection:
            return pushes.startable(connection, app_key, now_micros(), limit)


def _sockets() -> int:
    """How many sockets this process may hold at a time, once it may have all it could have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_SOCKETS + FILES_LEFT
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(FILES_LEFT, min(MOST_SOCKETS, soft - FILES_LEFT))


class Round:
    """What is told during one hold of one hook's lease."""

    def __init__(
        self,
        courier: Courier,
        sender: Sender,
        hook: Hook,
        token: int,
        news: asyncio.Event,
        window: int,
    ) -> None:
        self.window = window
        self._courier, self._sender, self._hook, self._token = courier, sender, hook, token
        self._news = news
        self._waiting = Waiting()
        self._flying: set[asyncio.Task[Attempt]] = set()
        self._failed = hook.failures
        self._quiet, self._more = False, True

    async def run(self) -> None:
        """Until nothing is on its way any more. Outcomes are written while others are awaited."""
        news = asyncio.create_task(self._news.wait())
        made: list[Attempt] = []
        recording: asyncio.Task[None] | None = None
        try:
            while await self._start() or recording:
                awaited = {*self._flying, news} | ({recording} if recording else set())
                done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                if landed := [task.result() for task in self._flying & done]:
                    self._heed(landed)
                    made += landed
                self._flying -= done
                if recording is not None and recording in done:
                    await recording  # Fenced comes out here
                    recording = None
                if news in done:
                    self._news.clear()
                    news = asyncio.create_task(self._news.wait())
                    self._more = True
                if made and recording is None:
                    recording = asyncio.create_task(self._record(made))
                    made = []
        finally:
            for task in (news, recording, *self._flying):
                if task is not None:
                    task.cancel()

    async def _start(self) -> bool:
        """Send what may be sent; False when nothing is on its way.

        While the circuit is open, one notice probes whether the endpoint is well again.
        """
        open_circuit = self._failed >= pushes.CIRCUIT_FAILURES
        probed = open_circuit and self._failed > self._hook.failures
        fell_ill = self._failed >= SICK > self._hook.failures  # go on through the narrow gate
        free = (1 if open_circuit else self.window) - len(self._flying)
        if not (self._quiet or probed or fell_ill) and free > 0:
            if self._more and self._waiting.idle:
                await self._look()
            for delivery in self._waiting.start(free):
                self._flying.add(asyncio.create_task(self._attempt(delivery)))
        return bool(self._flying)

    async def _look(self) -> None:
        self._more, courier = False, self._courier
        limit = self._waiting.looking(LOADED)
        found = await courier.read(courier.startable, self._hook.app_key, limit)
        self._more = self._more or len(found) == limit
        self._waiting.take_in(found)

    async def _record(self, made: list[Attempt]) -> None:
        app_key, token = self._hook.app_key, self._token

        def record(connection: Connection) -> None:
            cursors.hold(connection, courier_cursor(app_key), token)
            pushes.record(connection, app_key, made)

        await self._courier.clerk.write(app_key, record)
        self._waiting.settle(made)
        # What waited behind a notice that failed before may be due now.
        self._more = self._more or any(one.delivery.attempts or not one.accepted for one in made)

    def _heed(self, landed: list[Attempt]) -> None:
        """What came back decides how much more is sent, before it is recorded."""
        accepted = sum(attempt.accepted for attempt in landed)
        self._failed = 0 if accepted else self._failed + len(landed)
        if accepted == len(landed):
            self.window = min(IN_FLIGHT, self.window + accepted)
        else:
            self.window = max(1, self.window // 2)
        self._quiet = self._quiet or any(attempt.quiet_until for attempt in landed)

    async def _attempt(self, delivery: Delivery) -> Attempt:
        hook = self._hook
        async with self._courier.sockets:
            at, began = now_micros(), time.perf_counter()
            secrets, second = hook.signing(at), at // SECOND
            signed = signature_headers(secrets, delivery.event_id, second, delivery.body)
            again = {"X-Hook-Replayed": "true"} if delivery.replayed else {}
            headers = {**signed, **again, **hook.headers}
            answer = await self._sender.post(hook.url, delivery.body, headers)
            taken = time.perf_counter() - began
        PUSHES.labels(outcome_of(answer.status, answer.seen)).inc()
        PUSH_SECONDS.observe(taken)
        wait = wait_after(delivery.attempts + 1, random.random()).total_seconds()
        asked = answer.retry_after if answer.status in (429, 503) else None
        now = now_micros()
        return Attempt(
            delivery,
            at=at,
            duration=int(taken * SECOND),
            outcome=answer.seen,
            accepted=answer.status == 200,
            next_at=now + int(max(wait, asked or 0.0) * SECOND),
            quiet_until=now + int(asked * SECOND) if asked else 0,
        )
