"""What RQ runs: "advance this subscription". A job takes an id only and may run twice."""

import asyncio
from dataclasses import dataclass

from oms_ledger.cell import Cell
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.services import signals
from oms_ledger.services.jobs import runner
from projections.jobs import jobs
from projections.notifications import deliveries
from projections.outbox import messages
from projections.subscriptions import batch, registry
from projections.subscriptions.kinds import SubscriptionKind
from workers.outbox.dispatcher import OutboxDispatcher
from workers.streams.dispatcher import StreamDispatcher
from workers.subscriptions.filter_runner import FilterRunner


@dataclass(frozen=True)
class WorkerContext:
    """What the jobs of this worker process work with."""

    cell: Cell
    filter_runner: FilterRunner
    outbox_dispatcher: OutboxDispatcher
    stream_dispatcher: StreamDispatcher

    def stored(self, kind: SubscriptionKind, app_key: str) -> None:
        """Have the kind's dispatcher look at what is new for a subscription; a queue has none."""
        match kind.dispatcher:
            case "outbox" if kind.of_keys is not None:
                self.outbox_dispatcher.sessions.signal(app_key)
            case "outbox":
                self.outbox_dispatcher.signal()
            case "streams":
                self.stream_dispatcher.signal(app_key)


_contexts: list[WorkerContext] = []


def open_context(cell: Cell) -> WorkerContext:
    """What the jobs of this process work with; `close_context` lets go of it."""
    context = WorkerContext(
        cell,
        FilterRunner(cell, lambda kind, app_key: context.stored(kind, app_key)),
        OutboxDispatcher(cell),
        StreamDispatcher(cell),
    )
    _contexts.append(context)
    return context


def close_context() -> None:
    """Stop what was opened last."""
    context = _contexts.pop()
    context.filter_runner.close()
    context.outbox_dispatcher.close()
    context.stream_dispatcher.close()


def advance(subscription: str) -> None:
    """Have the subscription go on, in a thread of its own or for one slice; see who takes it
    below.
    """
    context = _contexts[-1]
    signals.consume(context.cell.redis, subscription)
    kind, _, name = subscription.partition(":")
    if subscription == messages.SUBSCRIPTION:
        context.outbox_dispatcher.signal()
    elif subscription == deliveries.DUE:
        context.outbox_dispatcher.sessions.signal_due()
    elif subscription == batch.signal_of_account(name):
        context.filter_runner.evaluate(name)
    elif kind in registry.KINDS:
        context.stored(registry.KINDS[kind], name)
    elif kind == "job" and _carry_on(context.cell, name):
        runner.signal(context.cell, [name])


def carry_on_due(cell: Cell) -> bool:
    """Go on with the oldest job that nobody has, without Redis; whether there is more to do."""
    with cell.database.snapshot() as connection:
        due = jobs.due(connection)
    return any(_carry_on(cell, job_id) for job_id in due)


def _carry_on(cell: Cell, job_id: str) -> bool:
    """Go on with a job for a while; one of an account that moves to another cell rests."""
    try:
        return asyncio.run(runner.carry_on(cell, job_id))
    except AccountMoved:
        return False
