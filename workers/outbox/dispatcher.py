"""The outbox dispatcher of a worker process: sends the messages of every channel.

A message that is to be tried again is tried later; one that failed for good, or was tried for as
long as its channel tries, is dead until a person resumes or skips it. What came of messages is
recorded in common transactions. Messages of most channels are claimed one by one; notifications to
hooks by recipients, in sessions of their own (`workers.outbox.sessions`).
"""

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.batch_writer import BatchWriter
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.notifications.channel import (
    BY_MESSAGE,
    CHANNELS,
    CONNECTOR,
    INTEGRATION,
    MAIL,
    TRIGGER,
    Channel,
    RetryCurve,
)
from oms_ledger.services.conversation import order_mails
from oms_ledger.services.marketplace import integration
from oms_ledger.services.masterdata import outbox as triggers
from oms_ledger.services.outbox.outcomes import (
    Besides,
    Outcome,
    PermanentFailure,
    RetryLater,
    Unanswered,
)
from projections.outbox import claims, messages
from projections.outbox.claims import ANSWERING, FAILING, RENEWAL, UNTRIED, renew
from projections.outbox.messages import StoredMessage
from projections.outbox.of_orders import OutboxProjection
from projections.subscriptions import checkpoints
from workers.outbox import of_orders
from workers.outbox.hooks import HookTransport
from workers.outbox.of_orders import HANDLERS as HANDLERS
from workers.outbox.recording import Sent, given_up, record_together
from workers.outbox.sessions import RecipientSessions

_LOOK_AGAIN = 0.05  # seconds between looks at the head while messages are in flight
_TOGETHER_WITHIN = 0.005  # seconds in which others may end that are recorded along with one
_TOGETHER = 64
_WHILE_UNAVAILABLE = RetryCurve(timedelta(seconds=5), 3, timedelta(hours=1))
"""Waits when the database failed while a message was sent, and not its recipient."""

T = TypeVar("T")
Place = tuple[str, str]  # a channel and the standing of a recipient

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sender:
    """How a channel's messages are sent.

    `conclude` gives the sender of a message what came of it, before that is recorded; what it
    returns is written with the record.
    """

    send: Callable[[Cell, StoredMessage], Awaitable[Outcome]]
    conclude: Callable[[Cell, StoredMessage, Outcome], Awaitable[Besides | None]] | None = None


SENDERS: Mapping[str, Sender] = {
    **dict.fromkeys(messages.OF_ORDERS, Sender(of_orders.send, of_orders.conclude)),
    MAIL.name: Sender(order_mails.send),
    TRIGGER.name: Sender(triggers.send, triggers.conclude),
    INTEGRATION.name: Sender(integration.process),
    CONNECTOR.name: Sender(integration.tell),
}


def now(cell: Cell) -> int:
    """Microseconds since 1970, as messages keep instants."""
    return cell.clock.micros()


def evaluate(cell: Cell, loader: StreamLoader) -> int:
    """Bring the subscription of the orders' messages to the head; the events passed.

    The states that it loads are remembered for sending the messages.
    """
    projection = OutboxProjection(partial(now, cell))
    passed = checkpoints.run(cell.database, loader, messages.SUBSCRIPTION, projection)
    for stream in projection.streams:
        if (loaded := loader.cached(stream)) is not None:
            cell.ledger.loader.remember_newer(stream, loaded)
    return passed


def claim(cell: Cell, limit: int) -> list[StoredMessage]:
    """Take up to so many messages that are due, of any channel."""
    return [message for _, message in take(cell, Counter(), limit)]


def take(cell: Cell, flying: Counter[Place], limit: int) -> list[tuple[Place, StoredMessage]]:
    """Take messages that are due, as many as each channel has room for beside those in flight."""
    at = now(cell)
    with cell.database.reading() as connection:
        due = claims.due(connection, at)
    if not due:
        return []
    taken: list[tuple[Place, StoredMessage]] = []
    with cell.database.writing() as connection:
        for channel in due:
            found = claims.claim(
                connection,
                channel,
                secrets.token_hex(8),
                at,
                _free(channel, flying),
                limit - len(taken),
            )
            taken += [((channel.name, standing), message) for standing, message in found]
    return taken


def _free(channel: Channel, flying: Counter[Place]) -> dict[str, int]:
    room = channel.room
    rooms = {ANSWERING: room.answering, UNTRIED: room.untried, FAILING: room.failing}
    return {standing: most - flying[channel.name, standing] for standing, most in rooms.items()}


async def dispatch(
    cell: Cell,
    message: StoredMessage,
    record: Callable[[Sent], Awaitable[object]] | None = None,
) -> None:
    """Send a claimed message and record what came of it: by `record`, or by itself.

    When the account has moved meanwhile nothing is recorded: the message went along, and the other
    cell sends it.
    """
    sender, began, besides = SENDERS[message.channel], now(cell), None
    try:
        outcome = given_up(message, await _sent(cell, message, sender), now(cell))
        if sender.conclude is not None:
            besides = await sender.conclude(cell, message, outcome)
    except AccountMoved:
        log.info("outbox_account_moved", outbox_message=message.id, account=message.account)
        return
    sent = Sent(message, outcome, began, max(began, now(cell)), besides)
    if record is None:
        await cell.write(record_together, [sent])
    else:
        await record(sent)
    if isinstance(outcome, PermanentFailure):
        log.error(
            "outbox_message_dead",
            outbox_message=message.id,
            kind=message.kind,
            recipient=message.recipient,
        )


async def _sent(cell: Cell, message: StoredMessage, sender: Sender) -> Outcome:
    timeout = CHANNELS[message.channel].timeout.total_seconds()
    try:
        return await asyncio.wait_for(sender.send(cell, message), timeout)
    except TimeoutError:
        return Unanswered(f"took longer than {timeout:.0f} s")
    except AccountMoved:
        raise
    except UNAVAILABLE as error:
        # Soon again, whatever a trigger says: it is not its action that failed.
        wait = _WHILE_UNAVAILABLE.wait(message.attempts + 1, 0.5)
        return RetryLater(type(error).__name__, wait, answered=None)
    except Exception as error:
        log.exception(
            "outbox_dispatch_failed",
            outbox_message=message.id,
            kind=message.kind,
            order=message.order_id,
        )
        return RetryLater(f"{type(error).__name__}: {error}", answered=None)


def _report_end_of_holding(holding: asyncio.Task[None]) -> None:
    """It ends when it is cancelled, or by an error that nobody else sees."""
    if not holding.cancelled() and (error := holding.exception()):
        log.error("outbox_claims_not_held", exc_info=error)


class OutboxDispatcher:
    """Runs in a thread of its own; it may be signaled from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._folds = cell.loader()
        self._database = ThreadPoolExecutor(1, "outbox-database")
        self._outcomes: BatchWriter[Sent, bool] = BatchWriter(
            "outbox-outcomes", self._record, _TOGETHER, alone=True
        )
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_MOST, "outbox-work"))
        self._serving: asyncio.Task[None] | None = None
        self._again = False
        self.sessions = RecipientSessions(cell, self._loop, HookTransport(cell))
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def signal(self) -> None:
        """Have what is due sent soon."""
        self._loop.call_soon_threadsafe(self._begin)

    @property
    def idle(self) -> bool:
        """Whether nothing is sent just now."""
        return self.sessions.idle and (self._serving is None or self._serving.done())

    def close(self) -> None:
        """Stop sending; claims that are left run out."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._database.shutdown(wait=True, cancel_futures=True)
        self._outcomes.close()
        self.sessions.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._again = False
            if self._serving is not None:
                self._serving.cancel()
                self._loop.run_until_complete(asyncio.gather(self._serving, return_exceptions=True))
            self._loop.run_until_complete(self.sessions.end())
            rest = asyncio.all_tasks(self._loop)  # what is being recorded
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self._loop.run_until_complete(self._cell.partner_clients.close())
            self._loop.run_until_complete(self.sessions.transport.close())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _begin(self) -> None:
        if self._serving is not None and not self._serving.done():
            self._again = True
            return
        self._again = False
        self._serving = self._loop.create_task(self._serve())
        self._serving.add_done_callback(lambda _: self._begin() if self._again else None)

    async def _serve(self) -> None:
        """Until nothing is due: evaluate what is new, send what has pending."""
        flying: dict[asyncio.Task[None], tuple[Place, StoredMessage]] = {}
        holding = self._loop.create_task(self._hold(flying))
        holding.add_done_callback(_report_end_of_holding)
        try:
            while True:
                evaluated = await self._in_database(evaluate, self._cell, self._folds)
                count = Counter(place for place, _ in flying.values())
                taken = await self._in_database(take, self._cell, count, _MOST)
                for place, message in taken:
                    sending = dispatch(self._cell, message, self._recorded)
                    flying[self._loop.create_task(sending)] = place, message
                if not flying and not evaluated and not taken:
                    return
                if flying:
                    done, _ = await asyncio.wait(
                        flying, timeout=_LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
                    )
                    if done and len(done) < len(flying):  # what comes at once goes on together
                        done, _ = await asyncio.wait(flying, timeout=_TOGETHER_WITHIN)
                    for task in done:
                        del flying[task]
                        if error := task.exception():
                            log.error("outbox_record_failed", exc_info=error)
        except Exception:
            # The scheduler's reconciliation signals it again.
            log.exception("outbox_dispatcher_failed")
        finally:
            for task in (holding, *flying):
                task.cancel()
            await asyncio.gather(holding, *flying, return_exceptions=True)

    async def _hold(self, flying: Mapping[asyncio.Task[None], tuple[Place, StoredMessage]]) -> None:
        """Renew the claims of what is in flight for long, beside all that the dispatcher does."""
        known: set[asyncio.Task[None]] = set()
        while True:
            await asyncio.sleep(RENEWAL.total_seconds())
            long = [message for task, (_, message) in flying.items() if task in known]
            known = set(flying)
            if not long:
                continue
            try:
                await self._cell.write(renew, long, now(self._cell))
            except UNAVAILABLE:
                log.warning("outbox_claims_not_renewed", messages=len(long))

    async def _recorded(self, sent: Sent) -> None:
        """Who goes away meanwhile does not undo it."""
        await asyncio.shield(self._outcomes.put(sent))

    def _record(self, sent: Sequence[Sent]) -> list[bool]:
        with self._cell.database.writing() as connection:
            return record_together(connection, sent)

    async def _in_database(self, work: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._database, work, *arguments)


_MOST = sum(
    channel.room.answering + channel.room.untried + channel.room.failing for channel in BY_MESSAGE
)
