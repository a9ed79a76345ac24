"""Channels that are claimed by recipients: each recipient is sent what it has waiting, on its own.

One task a recipient holds the recipient's lease while there is something to send, and keeps many
messages in flight, at most one of an ordering key, so that an order's arrive in order. An unhealthy
recipient keeps only its own task waiting: how much is in flight to one grows as it accepts, those
that failed last take turns at a steady pace, one message a turn, however many they are, and what is
written goes into common transactions, fenced by the leases.
"""

import asyncio
import contextlib
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.services.outbox.outcomes import Delivered, Outcome, RetryLater
from projections.outbox import attempts
from projections.outbox.messages import StoredMessage
from projections.subscriptions import leases
from projections.subscriptions.leases import Fenced
from workers.outbox.rate_limiter import RateLimiter
from workers.outbox.recording import Sent, given_up, tried
from workers.outbox.waiting import Waiting
from workers.runtime.write_batcher import WriteBatcher

IN_FLIGHT = WEBHOOK.room.recipient
"""Messages on their way to one recipient, when it has accepted enough of them."""
AHEAD = 4
"""Times as many messages of a recipient are looked up as may be on their way to it."""
DEGRADED_RATE, NEW_RATE = 32, 128
"""Turns a second of recipients that failed last, and of those that accepted nothing yet."""
DEGRADED_AFTER = 3
"""Failures in a row with which a recipient that did accept before is degraded."""
FILES_LEFT, MOST_SOCKETS = 256, WEBHOOK.room.answering

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Target(Protocol):
    """A recipient as it is configured."""

    resumed_at: int

    def is_open(self, now: int) -> bool:
        """Whether it may be sent something."""


class Transport(Protocol):
    """What a channel is reached by. Everything but `send` and `close` is called in threads."""

    def lease_of(self, recipient: str) -> str:
        """The lease by which a recipient is claimed."""

    def open(self, recipient: str, limit: int) -> tuple[Any, list[StoredMessage]]:
        """A recipient, None when it is gone, and so much of what it may be sent now."""

    def more(self, recipient: str, limit: int) -> list[StoredMessage]:
        """What it may be sent now."""

    def is_due(self, recipient: str) -> bool:
        """Whether it has something waiting that may be sent now."""

    def due(self) -> list[str]:
        """All recipients of which that is so."""

    async def send(self, target: Any, message: StoredMessage) -> Outcome:
        """Send one message."""

    def pause(self, connection: Connection, recipient: str, reason: str) -> None:
        """It wants nothing any more, until a person resumes it."""

    async def close(self) -> None:
        """Let go of connections."""


class RecipientSessions:
    """Runs on the loop of the outbox dispatcher; `signal` may be called from any thread."""

    def __init__(self, cell: Cell, loop: asyncio.AbstractEventLoop, transport: Transport) -> None:
        self._cell, self._loop, self.transport = cell, loop, transport
        self.clock = cell.clock
        self.write_batcher = WriteBatcher(cell.database)
        self._reading = ThreadPoolExecutor(2, "recipients")
        self._reading_known = ThreadPoolExecutor(2, "recipients-known")
        self._sessions: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[str, asyncio.Event] = {}
        self._windows: dict[str, int] = {}
        self._degraded: set[str] = set()
        self._degraded_limiter = RateLimiter(loop.time, DEGRADED_RATE)
        self._new = RateLimiter(loop.time, NEW_RATE)
        self.sockets = asyncio.Semaphore(_sockets())

    def signal(self, recipient: str) -> None:
        """The recipient has something waiting that may be due."""
        with contextlib.suppress(RuntimeError):  # closed: the next worker finds it
            self._loop.call_soon_threadsafe(self._begin, recipient)

    def signal_due(self) -> None:
        """Every recipient that has something waiting now."""
        for recipient in self.transport.due():
            self.signal(recipient)

    @property
    def idle(self) -> bool:
        """Whether nothing is sent just now."""
        return not self._sessions

    async def end(self) -> None:
        """Give up what is under way: its leases are released, what was accepted is recorded."""
        sessions = list(self._sessions.values())
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def close(self) -> None:
        """After the loop has ended."""
        for reading in (self._reading, self._reading_known):
            reading.shutdown(wait=True, cancel_futures=True)
        self.write_batcher.close()

    def _begin(self, recipient: str) -> None:
        self._pending.setdefault(recipient, asyncio.Event()).set()
        if recipient not in self._sessions:
            task = self._loop.create_task(self._serve(recipient))
            self._sessions[recipient] = task
            task.add_done_callback(lambda _: self._ended(recipient))

    def _ended(self, recipient: str) -> None:
        del self._sessions[recipient]
        if self._pending[recipient].is_set():
            self._begin(recipient)
        else:
            del self._pending[recipient]

    async def _serve(self, recipient: str) -> None:
        """Send what is due, and look once more after the lease was given back or lost.

        So news that came while somebody held the lease cannot get lost, whoever that was.
        """
        try:
            while await self._hold(recipient):
                pass
        except Exception:  # the reconciliation signals it again
            log.exception("outbox_session_failed", recipient=recipient)

    async def _hold(self, recipient: str) -> bool:
        """One hold of the lease; whether something is due after it.

        Recipients that are known to accept go first, with threads of their own to read and as the
        first to write. Others take turns, so that a thousand of them leave the time to those.
        """
        self._pending[recipient].clear()
        if recipient in self._degraded:
            if not await self.read(self.transport.is_due, recipient):
                return False
            await self._degraded_limiter.acquire()
        elif recipient not in self._windows:
            await self._new.acquire()
        try:
            if not await self._deliver(recipient):
                return False
        except Fenced:
            log.info("outbox_session_fenced", recipient=recipient)
        return await self.read(self.transport.is_due, recipient)

    async def _deliver(self, recipient: str) -> bool:
        """False when somebody else holds the lease, who looks once more after giving it back."""
        lease, database = self.transport.lease_of(recipient), self._cell.database
        if database.unreleased:
            await self._loop.run_in_executor(self._reading, leases.give_back, database)
        token = await self.write(recipient, lambda c: leases.acquire_in(c, lease))
        if token is None:
            return False
        try:
            window = self._windows.get(recipient, 1)
            target, found = await self.read(self.transport.open, recipient, AHEAD * window)
            if target is None:
                self._degraded.discard(recipient)
                self._windows.pop(recipient, None)
                return True
            if not target.is_open(self.clock.micros()):
                self._degraded.add(recipient)
                return True
            pending = self._pending[recipient]
            session = Session(self, self.transport, recipient, target, (lease, token), pending)
            session.begin(window)
            try:
                await session.run(found)
            finally:
                self._remember(recipient, session)
            if reason := session.refused:
                pause = self.transport.pause
                await self.write(recipient, lambda c: pause(c, recipient, reason))
            return True
        finally:
            await asyncio.shield(self._release(recipient, lease, token))

    async def _release(self, recipient: str, lease: str, token: int) -> None:
        try:
            await self.write(recipient, lambda c: leases.release_in(c, lease, token))
        except UNAVAILABLE:
            self._cell.database.unreleased[lease] = token
            raise

    def _remember(self, recipient: str, session: "Session") -> None:
        """How it did decides how the recipient goes on: at once, or in turn with its like."""
        if session.unhealthy:
            self._degraded.add(recipient)
            self._windows.pop(recipient, None)
        elif session.known:
            self._degraded.discard(recipient)
            self._windows[recipient] = session.window

    async def read(self, work: Callable[..., T], recipient: str, *arguments: object) -> T:
        """Read in a thread, of its own for those that are known to accept."""
        lane = self._reading_known if recipient in self._windows else self._reading
        return await self._loop.run_in_executor(lane, work, recipient, *arguments)

    async def write(self, recipient: str, write: Callable[[Connection], T]) -> T:
        """Write in a common transaction, those that are known to accept first."""
        urgent = recipient in self._windows
        return await self.write_batcher.write(recipient, write, urgent=urgent)


def _sockets() -> int:
    """How many sockets this process may hold at a time, once it may have all it could have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_SOCKETS + FILES_LEFT
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(FILES_LEFT, min(MOST_SOCKETS, soft - FILES_LEFT))


class Session:
    """What is sent during one hold of one recipient's lease."""

    def __init__(
        self,
        sessions: RecipientSessions,
        transport: Transport,
        recipient: str,
        target: Target,
        lease: tuple[str, int],
        pending: asyncio.Event,
    ) -> None:
        self._sessions, self._transport = sessions, transport
        self._recipient, self._target, self._lease = recipient, target, lease
        self._pending = pending
        self._waiting = Waiting()
        self._flying: set[asyncio.Task[Sent]] = set()
        self._backing_off, self._more = False, False
        self.refused: str | None = None
        """What the recipient said that wants no more for good."""
        self._failed = 0  # in a row
        self.unhealthy = False
        self.begin(1)

    def begin(self, window: int) -> None:
        """Begin with so many messages in flight; more than one where it is known to accept."""
        self.window, self.known = window, window > 1

    async def run(self, found: list[StoredMessage]) -> None:
        """Until nothing is on its way any more. Outcomes are written while others are awaited."""
        self._found(found, self._waiting.looking(AHEAD * self.window))
        pending = asyncio.create_task(self._pending.wait())
        made: list[Sent] = []
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

        An unhealthy recipient, and one whose circuit was open, gets one message and waits for its
        next turn when that fails.
        """
        free = self.window - len(self._flying)
        if not (self._backing_off or self.unhealthy) and free > 0:
            if self._more and self._waiting.idle:
                await self._look()
            for message in self._waiting.start(free):
                self._flying.add(asyncio.create_task(self._attempt(message)))
        return bool(self._flying)

    async def _look(self) -> None:
        self._more = False
        limit = self._waiting.looking(AHEAD * self.window)
        found = await self._sessions.read(self._transport.more, self._recipient, limit)
        self._found(found, limit)

    def _found(self, found: list[StoredMessage], limit: int) -> None:
        self._more = self._more or len(found) == limit
        self._waiting.take_in(found)

    async def _record(self, made: list[Sent]) -> None:
        lease = self._lease

        def record(connection: Connection) -> None:
            leases.renew(connection, *lease)
            attempts.record(connection, [tried(one) for one in made])

        await self._sessions.write(self._recipient, record)
        self._waiting.settle((one.message, _accepted(one)) for one in made)
        # What waited behind a message that failed before may be due now.
        again = (one.message.attempts or not _accepted(one) for one in made)
        self._more = self._more or any(again)

    def _adjust_window(self, landed: list[Sent]) -> None:
        """What came back decides how much more is sent, before it is recorded."""
        accepted = sum(_accepted(one) for one in landed)
        self.known = self.known or accepted > 0
        self._failed = 0 if accepted else self._failed + len(landed)
        # As long as more is accepted than not, more is sent at a time: who fails now and then
        # would otherwise be given its messages one by one.
        self.window = max(1, min(IN_FLIGHT, self.window + 2 * accepted - len(landed)))
        self.unhealthy = self._failed >= (DEGRADED_AFTER if self.known else 1) and self.window == 1
        for outcome in (one.outcome for one in landed):
            if isinstance(outcome, RetryLater):
                self.refused = str(outcome) if outcome.needs_person else self.refused
                self._backing_off = self._backing_off or outcome.quiets
        self._backing_off = self._backing_off or self.refused is not None

    async def _attempt(self, message: StoredMessage) -> Sent:
        async with self._sessions.sockets:
            began = self._sessions.clock.micros()
            outcome = await self._transport.send(self._target, message)
            ended = max(began, self._sessions.clock.micros())
        outcome = given_up(message, outcome, began, self._target.resumed_at)
        return Sent(message, outcome, began, ended)


def _accepted(sent: Sent) -> bool:
    return isinstance(sent.outcome, Delivered)
