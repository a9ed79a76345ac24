"""Runs of triggers on their way: a trigger says how often its action is tried, and when again."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.desk.task_rules import as_task, dead_run
from oms_ledger.eventstore.command import CommandContext
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
    Besides,
    Delivered,
    Outcome,
    PermanentFailure,
    RetryLater,
    Skipped,
)
from projections.desk import tasks
from projections.masterdata.runs import Run, run_of
from projections.outbox import messages
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


async def conclude(cell: Cell, message: StoredMessage, outcome: Outcome) -> Besides | None:
    """Open a task with the record that a run about an order is dead."""
    if not isinstance(outcome, PermanentFailure):
        return None
    run = run_of(message)
    order, now = await _order_of(cell, run), cell.clock.micros()
    if order is None:
        return None
    task = as_task(order, dead_run(order, run.id, message.recipient))
    return lambda connection: tasks.keep_open(connection, run.account, task, run.actor, now)


async def make_again(cell: Cell, ctx: CommandContext, run: Run) -> None:
    """Have a run that ended begin anew: nobody need look at it any more."""
    order, now = await _order_of(cell, run), cell.clock.micros()
    key = dead_run(order, run.id, run.message.recipient).surrogate_key if order else None

    def change(connection: Connection) -> None:
        messages.resume(connection, run.message, now)
        messages.close_circuit(connection, run.message)
        if key is not None:
            tasks.close(connection, run.account, key, ctx.actor, now)

    await cell.write(change)


async def _order_of(cell: Cell, run: Run) -> Order | None:
    """The order that a run is about; None when it is about a document."""
    order = (await asyncio.to_thread(cell.loader().load, run.stream)).state
    return order if isinstance(order, Order) else None


def _failed(cell: Cell, run: Run, fired: Fired, failed: AttemptFailed) -> Outcome:
    why, status, answered = str(failed)[:500], failed.status, failed.answered
    if failed.for_good or run.message.attempts + 1 >= fired.trigger.times:
        return PermanentFailure(why, status=status, answered=answered)
    return RetryLater(why, _delay(cell, fired), status=status, answered=answered)


def _delay(cell: Cell, fired: Fired) -> timedelta:
    now = cell.clock.now()
    return min(fired.trigger.delay.after(now), _LAST) - now
