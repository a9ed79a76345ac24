"""The switchboard of a worker process: makes the calls that orders owe to others.

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
from datetime import timedelta
from functools import partial

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.folding import Folds
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.outbox.decide import tell_failure, tell_resumption
from oms_ledger.services.changes import (
    agreements as change_agreements,
)
from oms_ledger.services.changes import (
    external_agreements as outside_agreements,
)
from oms_ledger.services.changes import (
    outbox as change_calls,
)
from oms_ledger.services.changes import (
    v1_payment as prepared_changes,
)
from oms_ledger.services.marketplace import outbox as partners
from oms_ledger.services.outbox.outcomes import Failed, TryAgain
from oms_ledger.services.payments import outbox as gateway_calls
from projections.outbox import messages as calls
from projections.outbox.messages import CallsOwed, Owed
from projections.subscriptions import checkpoints as cursors

IN_FLIGHT = 32
TIMEOUT = 45.0  # seconds; less than a claim lasts
_LOOK_AGAIN = 0.05  # seconds between looks at the head while calls are in flight

log = structlog.get_logger(__name__)

Handler = Callable[[Cell, Owed], Awaitable[None]]

# By kind of call; each topic files its own.
HANDLERS: dict[str, Handler] = {
    **gateway_calls.HANDLERS,
    **partners.HANDLERS,
    **change_agreements.HANDLERS,
    **change_calls.HANDLERS,
    **prepared_changes.HANDLERS,
    **outside_agreements.HANDLERS,
}


def now(cell: Cell) -> int:
    return micros(cell.ledger.now())


def judge(cell: Cell, folds: Folds) -> int:
    """Bring the cursor of the calls to the head; the entries passed."""
    return cursors.run(cell.database, folds, calls.CURSOR, CallsOwed(partial(now, cell)))


def claim(cell: Cell, limit: int) -> list[Owed]:
    with cell.database.reading() as connection:
        if not calls.any_due(connection, now(cell)):
            return []
    with cell.database.writing() as connection:
        return calls.claim(connection, secrets.token_hex(8), now(cell), limit)


async def make(cell: Cell, owed: Owed) -> None:
    """Make a claimed call and record what came of it."""
    try:
        handler = HANDLERS.get(owed.kind)
        if handler is None:
            raise Failed(f"this release has no handler for {owed.kind}")
        await asyncio.wait_for(handler(cell, owed), TIMEOUT)
    except Failed as failed:
        await _bury(cell, owed, str(failed))
    except TryAgain as again:
        await _later(cell, owed, str(again), again.after)
    except Exception as error:
        log.exception("a call broke off", call=owed.id, kind=owed.kind, order=owed.order_id)
        await _later(cell, owed, f"{type(error).__name__}: {error}")
    else:
        await _came_through(cell, owed)


async def _came_through(cell: Cell, owed: Owed) -> None:
    await _tell(cell, owed, partial(tell_resumption, call_id=owed.id))

    def record() -> None:
        with cell.database.writing() as connection:
            calls.record_success(connection, owed, now(cell))

    await asyncio.to_thread(record)


async def _later(cell: Cell, owed: Owed, why: str, after: timedelta | None = None) -> None:
    if calls.exhausted(owed, now(cell)):
        await _bury(cell, owed, why)
        return

    def record() -> None:
        with cell.database.writing() as connection:
            calls.record_failure(connection, owed, now(cell), why, after)

    await asyncio.to_thread(record)


async def _bury(cell: Cell, owed: Owed, why: str) -> None:
    decision = partial(
        tell_failure, call_id=owed.id, party=owed.party, kind=owed.kind, why=why[:2000]
    )
    await _tell(cell, owed, decision)

    def record() -> None:
        with cell.database.writing() as connection:
            calls.record_death(connection, owed, why)

    await asyncio.to_thread(record)
    log.error("a call failed for good", call=owed.id, kind=owed.kind, party=owed.party)


async def _tell(cell: Cell, owed: Owed, decision: Decision) -> None:
    await cell.ledger.change(
        owed.account, owed.order_id, decision, by=f"call:{owed.kind}", cause=owed.cause
    )


class Switchboard:
    """Runs in a thread of its own; `wake` may be called from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._folds = cell.folds()
        self._loop = asyncio.new_event_loop()
        self._serving: asyncio.Task[None] | None = None
        self._again = False
        self._thread = threading.Thread(target=self._run, name="switchboard", daemon=True)
        self._thread.start()

    def wake(self) -> None:
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
        """Until nothing is due: judge what is new, make what is owed."""
        flying: set[asyncio.Task[None]] = set()
        try:
            while True:
                judged = await asyncio.to_thread(judge, self._cell, self._folds)
                free = IN_FLIGHT - len(flying)
                owed = await asyncio.to_thread(claim, self._cell, free) if free else []
                flying |= {self._loop.create_task(make(self._cell, one)) for one in owed}
                if not flying and not judged and not owed:
                    return
                if flying:
                    done, flying = await asyncio.wait(
                        flying, timeout=_LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        if error := task.exception():
                            log.error("a call was not recorded", exc_info=error)
        except Exception:
            log.exception("making calls broke off")  # the clock's sweep wakes it again
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
