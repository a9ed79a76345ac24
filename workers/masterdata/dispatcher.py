"""Makes the runs of triggers: claims what is due, carries it out, records what came of it."""

import asyncio
import secrets
import threading
from datetime import UTC, datetime

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import instant, micros
from oms_ledger.masterdata.triggers import Trigger
from oms_ledger.services.masterdata.actions import (
    AttemptFailed,
    Fired,
    Result,
    Skipped,
    fired_by,
    perform,
)
from projections.masterdata import triggers
from projections.masterdata.triggers import Attempt, Run

IN_FLIGHT = 32
TIMEOUT = 45.0  # seconds; less than a claim lasts

log = structlog.get_logger(__name__)


def now(cell: Cell) -> int:
    return micros(cell.ledger.now())


def claim(cell: Cell, limit: int) -> list[Run]:
    with cell.database.reading() as connection:
        if not triggers.any_due(connection, now(cell)):
            return []
    with cell.database.writing() as connection:
        return triggers.claim(connection, secrets.token_hex(8), now(cell), limit)


async def dispatch(cell: Cell, run: Run) -> None:
    """Make a claimed run once and record what came of it."""
    try:
        single_fire = await asyncio.to_thread(fired_by, cell, run)
    except Skipped as skipped:
        await _record(cell, run, triggers.SKIPPED, Attempt(run.attempts, 0, 0, None, str(skipped)))
        return
    began = now(cell)
    error: AttemptFailed | None = None
    result = Result()
    try:
        result = await asyncio.wait_for(_attempt(cell, run, single_fire), TIMEOUT)
    except AttemptFailed as failed:
        error = failed
    except TimeoutError:
        error = AttemptFailed(f"took longer than {TIMEOUT:.0f} s")
    except Exception as broken:
        log.exception("trigger_run_failed", run=run.id, trigger=run.trigger)
        error = AttemptFailed(type(broken).__name__)
    took = max(0, now(cell) - began)
    if error is None:
        attempt = Attempt(run.attempts + 1, began, took, result.status, result.note)
        await _record(cell, run, triggers.DONE, attempt)
        return
    attempt = Attempt(run.attempts + 1, began, took, error.status, str(error)[:500])
    if error.for_good or attempt.attempt >= single_fire.trigger.times:
        log.error("trigger_run_dead", run=run.id, trigger=run.trigger, entity=run.entity)
        await _record(cell, run, triggers.DEAD, attempt)
        return
    await _record(cell, run, triggers.WAITING, attempt, _next(single_fire.trigger, now(cell)))


async def _attempt(cell: Cell, run: Run, single_fire: Fired) -> Result:
    if run.attempts == 0 and run.last_error:  # it could not be given when to run
        raise AttemptFailed(run.last_error)
    if run.last_error and run.last_error.startswith("runAt: "):
        raise AttemptFailed(run.last_error)
    return await perform(cell, run, single_fire)


def _next(trigger: Trigger, at: int) -> int:
    due = trigger.delay.after(instant(at))
    return micros(min(due, datetime(9999, 1, 1, tzinfo=UTC)))


async def _record(
    cell: Cell, run: Run, state: str, attempt: Attempt, due_at: int | None = None
) -> None:
    def write() -> None:
        fields = attempt if attempt.attempt > run.attempts else None
        with cell.database.writing() as connection:
            triggers.finish(connection, run, state, fields, due_at)

    await asyncio.to_thread(write)


class TriggerDispatcher:
    """Runs in a thread of its own; `signal` may be called from any thread."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._loop = asyncio.new_event_loop()
        self._serving: asyncio.Task[None] | None = None
        self._again = False
        self._thread = threading.Thread(target=self._run, name="triggers", daemon=True)
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
        """Until nothing is due."""
        flying: set[asyncio.Task[None]] = set()
        try:
            while True:
                free = IN_FLIGHT - len(flying)
                runs = await asyncio.to_thread(claim, self._cell, free) if free else []
                flying |= {self._loop.create_task(dispatch(self._cell, run)) for run in runs}
                if not flying:
                    return
                done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if error := task.exception():
                        log.error("trigger_run_not_recorded", exc_info=error)
        except Exception:
            log.exception("trigger_dispatcher_failed")  # the reconciliation signals it again
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
