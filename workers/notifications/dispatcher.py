"""The webhook dispatcher of a worker process: send every hook what is pending, each on its own.

One task a hook holds the hook's lease while there is something to send, and keeps many
notifications in flight, at most one an order, so that an order's notifications arrive in order. An
unhealthy endpoint keeps only its own task waiting: how much is in flight to an endpoint grows as it
accepts, hooks that failed last take turns at a steady pace, one notification a turn, however many
they are, and what is written goes into common transactions, fenced by the leases.
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

from oms_ledger.cell import Cell
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.http_client.webhook_client import Sender
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.notifications.webhook import is_reserved, signature_headers
from oms_ledger.services.metrics import PUSH_SECONDS, PUSHES, outcome_of
from oms_ledger.settings import AllowedNetwork
from projections.notifications import deliveries, hooks
from projections.notifications.deliveries import (
    Attempt,
    Delivery,
    Waiting,
    delivery_lease,
)
from projections.notifications.feeds import SECOND
from projections.notifications.hooks import Hook
from projections.subscriptions import leases
from projections.subscriptions.leases import Fenced
from workers.notifications.rate_limiter import RateLimiter
from workers.runtime.write_batcher import WriteBatcher

IN_FLIGHT = WEBHOOK.room.recipient
"""Notifications on their way to one hook, when it has accepted enough of them."""
AHEAD = 4
"""Times as many notifications of a hook are looked up as may be on their way to it."""
DEGRADED_RATE, NEW_RATE = 32, 128
"""Turns a second of hooks that failed last, and of those that accepted nothing yet."""
DEGRADED_AFTER = 3
"""Failures in a row with which an endpoint that did accept before is degraded."""
FILES_LEFT, MOST_SOCKETS = 256, WEBHOOK.room.answering

T = TypeVar("T")
GONE = "HTTP 410"
"""What an endpoint answers that wants no more: Standard Webhooks has it disabled then."""

log = structlog.get_logger(__name__)


class WebhookDispatcher:
    """Runs in a thread of its own; `signal` may be called from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell, self.clock = cell, cell.clock
        self.write_batcher = WriteBatcher(cell.database)
        self._reading = ThreadPoolExecutor(2, "webhooks")
        self._reading_known = ThreadPoolExecutor(2, "webhooks-known")
        self._loop = asyncio.new_event_loop()
        self._sessions: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[str, asyncio.Event] = {}
        self._windows: dict[str, int] = {}
        self._degraded: set[str] = set()
        self._senders: dict[tuple[AllowedNetwork, ...], Sender] = {}
        self._degraded_limiter = RateLimiter(self._loop.time, DEGRADED_RATE)
        self._new = RateLimiter(self._loop.time, NEW_RATE)
        self.sockets = asyncio.Semaphore(_sockets())
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def signal(self, app_key: str) -> None:
        """The hook has pending something that may be due."""
        with contextlib.suppress(RuntimeError):  # closed: the next worker finds it
            self._loop.call_soon_threadsafe(self._begin, app_key)

    def signal_due(self) -> None:
        """Every hook that has pending something now."""
        with self._cell.database.reading() as connection:
            due = deliveries.with_due(connection, self._cell.clock.micros())
        for app_key in due:
            self.signal(app_key)

    @property
    def idle(self) -> bool:
        """Whether nothing gets just now."""
        return not self._sessions

    def close(self) -> None:
        """Stop delivering; what is being recorded is finished."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        for reading in (self._reading, self._reading_known):
            reading.shutdown(wait=True, cancel_futures=True)
        self.write_batcher.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            sessions = list(self._sessions.values())
            for task in sessions:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*sessions, return_exceptions=True))
            rest = asyncio.all_tasks(self._loop)
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            for sender in self._senders.values():
                self._loop.run_until_complete(sender.close())
            # The last turn of the loop: what was just closed lets go of its sockets in it.
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _begin(self, app_key: str) -> None:
        self._pending.setdefault(app_key, asyncio.Event()).set()
        if app_key not in self._sessions:
            task = self._loop.create_task(self._serve(app_key))
            self._sessions[app_key] = task
            task.add_done_callback(lambda _: self._ended(app_key))

    def _sender(self, account: str) -> Sender:
        """What posts for the account: connections are shared by who may reach the same networks."""
        networks = self._cell.settings.networks_of(account)
        if networks not in self._senders:
            self._senders[networks] = Sender(networks, self._cell.clock)
        return self._senders[networks]

    def _ended(self, app_key: str) -> None:
        del self._sessions[app_key]
        if self._pending[app_key].is_set():
            self._begin(app_key)
        else:
            del self._pending[app_key]

    async def _serve(self, app_key: str) -> None:
        """Send the hook what is due, and look once more after the lease was given back or lost.

        So notifications that came while somebody held the lease cannot get lost, whoever that was.
        """
        try:
            while await self._hold(app_key):
                pass
        except Exception:  # the reconciliation signals it again
            log.exception("webhook_session_failed", hook=app_key)

    async def _hold(self, app_key: str) -> bool:
        """One hold of the lease; whether something is due after it.

        Hooks that are known to accept go first, with threads of their own to read and as the
        first to write. Others take turns, so that a thousand of them leave the time to those.
        """
        self._pending[app_key].clear()
        if app_key in self._degraded:
            if not await self.read(self._is_due, app_key):
                return False
            await self._degraded_limiter.acquire()
        elif app_key not in self._windows:
            await self._new.acquire()
        try:
            if not await self._deliver(app_key):
                return False
        except Fenced:
            log.info("webhook_session_fenced", hook=app_key)
        return await self.read(self._is_due, app_key)

    async def _deliver(self, app_key: str) -> bool:
        """False when somebody else holds the lease, who looks once more after giving it back."""
        lease = delivery_lease(app_key)
        if self._cell.database.unreleased:
            await self._loop.run_in_executor(self._reading, leases.give_back, self._cell.database)
        token = await self.write(app_key, lambda c: leases.acquire_in(c, lease))
        if token is None:
            return False
        try:
            window = self._windows.get(app_key, 1)
            hook, found = await self.read(self._opened, app_key, AHEAD * window)
            if hook is None:
                self._degraded.discard(app_key)
                self._windows.pop(app_key, None)
                return True
            if not hook.is_open(self._cell.clock.micros()):
                self._degraded.add(app_key)
                return True
            session = DeliverySession(
                self, self._sender(hook.account), hook, token, self._pending[app_key], window
            )
            try:
                await session.run(found)
            finally:
                self._remember(app_key, session)
            if session.gone:
                await self.write(
                    app_key, lambda c: hooks.hold(c, app_key, GONE, self._cell.clock.micros())
                )
                log.warning("hook_paused", hook=app_key, reason=GONE)
            return True
        finally:
            await asyncio.shield(self._release(app_key, lease, token))

    async def _release(self, app_key: str, lease: str, token: int) -> None:
        try:
            await self.write(app_key, lambda c: leases.release_in(c, lease, token))
        except UNAVAILABLE:
            self._cell.database.unreleased[lease] = token
            raise

    def _remember(self, app_key: str, session: "DeliverySession") -> None:
        """How its endpoint did decides how the hook goes on: at once, or in turn with its like."""
        if session.unhealthy:
            self._degraded.add(app_key)
            self._windows.pop(app_key, None)
        elif session.known:
            self._degraded.discard(app_key)
            self._windows[app_key] = session.window

    async def read(self, work: Callable[..., T], app_key: str, *arguments: object) -> T:
        """Read for a hook in a thread; hooks that are being served have threads of their own."""
        lane = self._reading_known if app_key in self._windows else self._reading
        return await self._loop.run_in_executor(lane, work, app_key, *arguments)

    async def write(self, app_key: str, write: Callable[[Connection], T]) -> T:
        """Write for a hook in a common transaction."""
        return await self.write_batcher.write(app_key, write, urgent=app_key in self._windows)

    # Work of the threads

    def _opened(self, app_key: str, limit: int) -> tuple[Hook | None, list[Delivery]]:
        with self._cell.database.snapshot() as connection:
            hook = hooks.get(connection, app_key, self._cell.encryption)
            return hook, deliveries.startable(connection, app_key, self._cell.clock.micros(), limit)

    def _is_due(self, app_key: str) -> bool:
        with self._cell.database.reading() as connection:
            return bool(deliveries.with_due(connection, self._cell.clock.micros(), app_key))

    def startable(self, app_key: str, limit: int) -> list[Delivery]:
        """What the hook may be given now, up to so many deliveries."""
        with self._cell.database.reading() as connection:
            return deliveries.startable(connection, app_key, self._cell.clock.micros(), limit)


def _sockets() -> int:
    """How many sockets this process may hold at a time, once it may have all it could have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_SOCKETS + FILES_LEFT
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(FILES_LEFT, min(MOST_SOCKETS, soft - FILES_LEFT))


class DeliverySession:
    """What gets during one hold of one hook's lease."""

    def __init__(
        self,
        dispatcher: WebhookDispatcher,
        sender: Sender,
        hook: Hook,
        token: int,
        pending: asyncio.Event,
        window: int,
    ) -> None:
        self.window = window
        self._dispatcher, self._sender, self._hook, self._token = dispatcher, sender, hook, token
        self._pending = pending
        self._waiting = Waiting()
        self._flying: set[asyncio.Task[Attempt]] = set()
        self._backing_off, self._more = False, False
        self.gone = False
        """Whether the endpoint said that it is gone for good (410)."""
        self._failed = 0  # in a row
        self.known = window > 1
        """Whether the endpoint is one that accepts."""
        self.unhealthy = False

    async def run(self, found: list[Delivery]) -> None:
        """Until nothing is on its way any more. Outcomes are written while others are awaited."""
        self._found(found, self._waiting.looking(AHEAD * self.window))
        pending = asyncio.create_task(self._pending.wait())
        made: list[Attempt] = []
        recording: asyncio.Task[None] | None = None
        try:
            while await self._start() or recording:
                awaited = {*self._flying, pending} | ({recording} if recording else set())
                done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                if landed := [task.result() for task in self._flying & done]:
                    self._adjust_window(landed)
                    made += landed
                self._flying -= done
                if recording is not None and recording in done:
                    await recording  # Fenced comes out here
                    recording = None
                if pending in done:
                    self._pending.clear()
                    pending = asyncio.create_task(self._pending.wait())
                    self._more = True
                if made and recording is None:
                    recording = asyncio.create_task(self._record(made))
                    made = []
        finally:
            for task in (pending, recording, *self._flying):
                if task is not None:
                    task.cancel()

    async def _start(self) -> bool:
        """Send what may be sent; False when nothing is on its way.

        An unhealthy endpoint, and one whose circuit was open, gets one notification and waits for
        its next turn when that fails.
        """
        free = self.window - len(self._flying)
        if not (self._backing_off or self.unhealthy) and free > 0:
            if self._more and self._waiting.idle:
                await self._look()
            for delivery in self._waiting.start(free):
                self._flying.add(asyncio.create_task(self._attempt(delivery)))
        return bool(self._flying)

    async def _look(self) -> None:
        self._more, dispatcher = False, self._dispatcher
        limit = self._waiting.looking(AHEAD * self.window)
        self._found(await dispatcher.read(dispatcher.startable, self._hook.app_key, limit), limit)

    def _found(self, found: list[Delivery], limit: int) -> None:
        self._more = self._more or len(found) == limit
        self._waiting.acquire_in(found)

    async def _record(self, made: list[Attempt]) -> None:
        app_key, token = self._hook.app_key, self._token

        def record(connection: Connection) -> None:
            leases.renew(connection, delivery_lease(app_key), token)
            deliveries.record(connection, app_key, made)

        await self._dispatcher.write(app_key, record)
        self._waiting.settle(made)
        # What waited behind a notification that failed before may be due now.
        self._more = self._more or any(one.delivery.attempts or not one.accepted for one in made)

    def _adjust_window(self, landed: list[Attempt]) -> None:
        """What came back decides how much more is sent, before it is recorded."""
        accepted = sum(attempt.accepted for attempt in landed)
        self.known = self.known or accepted > 0
        self._failed = 0 if accepted else self._failed + len(landed)
        # As long as more is accepted than not, more is sent at a time: who fails now and then
        # would otherwise be given its notifications one by one.
        self.window = max(1, min(IN_FLIGHT, self.window + 2 * accepted - len(landed)))
        self.unhealthy = self._failed >= (DEGRADED_AFTER if self.known else 1) and self.window == 1
        self.gone = self.gone or any(attempt.outcome == GONE for attempt in landed)
        self._backing_off = (
            self._backing_off or self.gone or any(attempt.retry_not_before for attempt in landed)
        )

    async def _attempt(self, delivery: Delivery) -> Attempt:
        hook = self._hook
        async with self._dispatcher.sockets:
            at, began = self._dispatcher.clock.micros(), time.perf_counter()
            secrets, second = hook.signing(at), at // SECOND
            signed = signature_headers(secrets, delivery.event_id, second, delivery.body)
            again = {"X-Hook-Replayed": "true"} if delivery.replayed else {}
            own = {name: v for name, v in hook.headers.items() if not is_reserved(name)}
            headers = {**own, **signed, **again}
            answer = await self._sender.post(hook.url, delivery.body, headers)
            taken = time.perf_counter() - began
        PUSHES.labels(outcome_of(answer.status, answer.seen)).inc()
        PUSH_SECONDS.observe(taken)
        wait = WEBHOOK.retry.wait(delivery.attempts + 1, random.random()).total_seconds()  # noqa: S311 - jitter
        requested = answer.retry_after if answer.status in (429, 503) else None
        now = self._dispatcher.clock.micros()
        return Attempt(
            delivery,
            at=at,
            duration=int(taken * SECOND),
            outcome=answer.seen,
            accepted=answer.status == 200,
            next_at=now + int(max(wait, requested or 0.0) * SECOND),
            retry_not_before=now + int(requested * SECOND) if requested else 0,
        )
