"""Runs of triggers on their way: a trigger says how often its action is tried, and when again."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from oms_ledger.cell import Cell
from oms_ledger.desk.task_rules import as_task, dead_run
from oms_ledger.eventstore.ledger import NOT_NOW
from oms_ledger.orders.order import Order
from oms_ledger.services.masterdata.actions import (
    AttemptFailed,
    Fired,
    NothingLeft,
    fired_by,
    perform,
)
from oms_ledger.services.outbox.outcomes import (
    Delivered,
    Outcome,
    PermanentFailure,
    RetryLater,
    Skipped,
)
from projections.desk import tasks
from projections.masterdata.runs import Run, run_of
from projections.outbox.messages import StoredMessage

TIMEOUT = 40.0  # seconds; less than the channel's
_LAST = datetime(9999, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)


async def send(cell: Cell, message: StoredMessage) -> Outcome:
    """Carry out the action of a run."""
    run = run_of(message)
    try:
        fired = await asyncio.to_thread(fired_by, cell, run)
    except NothingLeft as gone:
        return Skipped(str(gone))
    try:
        if message.last_error and message.last_error.startswith("runAt: "):
            raise AttemptFailed(message.last_error)
        async with asyncio.timeout(TIMEOUT):
            result = await perform(cell, run, fired)
    except AttemptFailed as failed:
        return _failed(cell, run, fired, failed)
    except TimeoutError:
        late = AttemptFailed(f"took longer than {TIMEOUT:.0f} s", answered=False)
        return _failed(cell, run, fired, late)
    except NOT_NOW:
        raise
    except Exception as broken:
        log.exception("trigger_action_failed", run=run.id, trigger=run.trigger)
        return _failed(cell, run, fired, AttemptFailed(type(broken).__name__))
    return Delivered(result.status, result.note)


async def conclude(cell: Cell, message: StoredMessage, outcome: Outcome) -> None:
    """Keep a task open while a run about an order is dead."""
    if isinstance(outcome, PermanentFailure):
        await _tell(cell, run_of(message), dead=True)
    elif not isinstance(outcome, RetryLater) and message.attempts:
        await _tell(cell, run_of(message), dead=False)


async def made_again(cell: Cell, run: Run) -> None:
    """A dead run is made again: nobody need look at it any more."""
    await _tell(cell, run, dead=False)


async def _tell(cell: Cell, run: Run, *, dead: bool) -> None:
    order = (await asyncio.to_thread(cell.loader().load, run.stream)).state
    if not isinstance(order, Order):
        return
    occasion = dead_run(order, run.id, run.message.recipient)
    now = cell.clock.micros()
    if dead:
        await cell.write(tasks.keep_open, run.account, as_task(order, occasion), run.actor, now)
    else:
        await cell.write(tasks.close, run.account, occasion.surrogate_key, run.actor, now)


def _failed(cell: Cell, run: Run, fired: Fired, failed: AttemptFailed) -> Outcome:
    why, status, answered = str(failed)[:500], failed.status, failed.answered
    if failed.for_good or run.message.attempts + 1 >= fired.trigger.times:
        return PermanentFailure(why, status=status, answered=answered)
    return RetryLater(why, _delay(cell, fired), status=status, answered=answered)


def _delay(cell: Cell, fired: Fired) -> timedelta:
    now = cell.clock.now()
    return min(fired.trigger.delay.after(now), _LAST) - now
