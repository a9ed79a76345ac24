"""The outbox dispatcher of a worker process: delivers messages to partners and gateways.

A handler carries a call out and records what came of it on the calling order; by the order's
state and the call's key it changes nothing the second time. So whoever dies between the effect,
the record on the order and the record of the call costs a repetition, never more. A call whose
handler says `TryAgain`, or breaks, is made again later; one that `Failed`, or that was tried for
three days, is dead: the order says so until a person resumes or skips it.
"""

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.outbox.decide import record_failure_for_good, record_resumption
from oms_ledger.services.changes import (
    agreements,
    external_agreements,
    outbox,
    v1_payment,
)
from oms_ledger.services.marketplace import outbox as marketplace_outbox
from oms_ledger.services.outbox.outcomes import PermanentFailure, RetryLater
from oms_ledger.services.payments import outbox as payments_outbox
from oms_ledger.services.policies import evaluation as policies
from projections.outbox import messages
from projections.outbox.messages import OutboxProjection, StoredMessage
from projections.subscriptions import checkpoints

IN_FLIGHT = 32
TIMEOUT = 45.0  # seconds; less than a claim lasts
_LOOK_AGAIN = 0.05  # seconds between looks at the head while calls are in flight

log = structlog.get_logger(__name__)

Handler = Callable[[Cell, StoredMessage], Awaitable[None]]

# By kind of call; each topic files its own.
HANDLERS: dict[str, Handler] = {
    **payments_outbox.HANDLERS,
    **marketplace_outbox.HANDLERS,
    **agreements.HANDLERS,
    **outbox.HANDLERS,
    **v1_payment.HANDLERS,
    **external_agreements.HANDLERS,
    **policies.HANDLERS,
}


def now(cell: Cell) -> int:
    return micros(cell.ledger.now())


def evaluate(cell: Cell, loader: StreamLoader) -> int:
    """Bring the subscription of the calls to the head; the events passed."""
    return checkpoints.run(
        cell.database, loader, messages.SUBSCRIPTION, OutboxProjection(partial(now, cell))
    )


def claim(cell: Cell, limit: int) -> list[StoredMessage]:
    with cell.database.reading() as connection:
        if not messages.any_due(connection, now(cell)):
            return []
    with cell.database.writing() as connection:
        return messages.claim(connection, secrets.token_hex(8), now(cell), limit)


async def dispatch(cell: Cell, message: StoredMessage) -> None:
    """Make a claimed call and record what came of it."""
    try:
        handler = HANDLERS.get(message.kind)
        if handler is None:
            raise PermanentFailure(f"this release has no handler for {message.kind}")
        await asyncio.wait_for(handler(cell, message), TIMEOUT)
    except PermanentFailure as failed:
        await _bury(cell, message, str(failed))
    except RetryLater as again:
        await _later(cell, message, again)
    except Exception as error:
        log.exception(
            "outbox_dispatch_failed",
            outbox_message=message.id,
            kind=message.kind,
            order=message.order_id,
        )
        await _later(cell, message, RetryLater(f"{type(error).__name__}: {error}"))
    else:
        await _came_through(cell, message)


async def _came_through(cell: Cell, message: StoredMessage) -> None:
    await _tell(cell, message, partial(record_resumption, message_id=message.id))

    await cell.write(messages.record_success, message, now(cell))


async def _later(cell: Cell, message: StoredMessage, again: RetryLater) -> None:
    if not again.lasting and messages.exhausted(message, now(cell)):
        await _bury(cell, message, str(again))
        return
    if again.needs_person:
        await _show_failure(cell, message, str(again))
    await cell.write(messages.record_failure, message, now(cell), str(again), again.after)


async def _show_failure(cell: Cell, message: StoredMessage, why: str) -> None:
    """Have the order say that a person has to look, until the message is delivered or skipped."""
    decision = partial(
        record_failure_for_good,
        message_id=message.id,
        recipient=message.recipient,
        kind=message.kind,
        why=why[:2000],
    )
    await _tell(cell, message, decision)


async def _bury(cell: Cell, message: StoredMessage, why: str) -> None:
    await _show_failure(cell, message, why)

    await cell.write(messages.record_death, message, why)
    log.error(
        "outbox_message_dead",
        outbox_message=message.id,
        kind=message.kind,
        recipient=message.recipient,
    )


async def _tell(cell: Cell, message: StoredMessage, decision: Decision) -> None:
    await cell.ledger.change(
        CommandContext(message.account, f"call:{message.kind}", message.cause),
        message.order_id,
        decision,
    )


class OutboxDispatcher:
    """Runs in a thread of its own; `signal` may be called from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._folds = cell.loader()
        self._loop = asyncio.new_event_loop()
        self._serving: asyncio.Task[None] | None = None
        self._again = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def signal(self) -> None:
        self._loop.call_soon_threadsafe(self._begin)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._again = False
            if self._serving is not None:
                self._serving.cancel()
                self._loop.run_until_complete(asyncio.gather(self._serving, return_exceptions=True))
            self._loop.run_until_complete(self._cell.partner_clients.close())
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
        """Until nothing is due: evaluate what is new, make what has pending."""
        flying: set[asyncio.Task[None]] = set()
        try:
            while True:
                evaluated = await asyncio.to_thread(evaluate, self._cell, self._folds)
                free = IN_FLIGHT - len(flying)
                message = await asyncio.to_thread(claim, self._cell, free) if free else []
                flying |= {self._loop.create_task(dispatch(self._cell, one)) for one in message}
                if not flying and not evaluated and not message:
                    return
                if flying:
                    done, flying = await asyncio.wait(
                        flying, timeout=_LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        if error := task.exception():
                            log.error("outbox_record_failed", exc_info=error)
        except Exception:
            log.exception(
                "outbox_dispatcher_failed"
            )  # the scheduler's reconciliation signals it again
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
