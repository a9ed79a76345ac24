"""One command over many orders: tried first, then carried out order by order, by a job.

Each order is changed under a key of run and order, so a worker that died and comes back, or two
workers at once, change nothing twice. What became of an order is stored before its step is: also
when the run is stopped meanwhile.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from oms_ledger.accounts.account import Account
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import ConcurrencyError, KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.cancellation.decide import cancel, deny_cancellation, pending_requests
from oms_ledger.orders.decide import Decision, DecisionContext
from oms_ledger.orders.events import OrderEvent
from oms_ledger.orders.handling.decide import start_handling, take_step
from oms_ledger.orders.marketplace.as_seller import authorize_manually
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.operators import runs
from projections.operators.runs import Outcome

MOST = 2_000  # orders of a run
PAUSE = 0.05  # seconds after each order, so that others are not slowed

# command: the operation whose permission it takes
COMMANDS = {
    "start-handling": "start_handling",
    "ready-for-invoicing": "start_handling",
    "authorize-fulfillment": "authorize_fulfillment",
    "cancel": "cancel_order",
    "deny-cancellation": "deny_cancellation",
}


def decision_of(command: str, account: Account, *, reason: str, actor: str) -> Decision:
    """What a run does to each of its orders."""
    chosen = bool(account.setting("ready_for_invoicing"))
    decisions: dict[str, Callable[[], Decision]] = {
        "start-handling": lambda: start_handling,
        "ready-for-invoicing": lambda: partial(
            take_step, status=Status.READY_FOR_INVOICING, chosen=chosen
        ),
        "authorize-fulfillment": lambda: authorize_manually,
        "cancel": lambda: partial(
            cancel, reason=reason or None, requested_by_user=False, called_by=actor
        ),
        "deny-cancellation": lambda: partial(_deny, reason=reason),
    }
    return decisions[command]()


def _deny(order: Order, context: DecisionContext, *, reason: str) -> list[OrderEvent]:
    pending = pending_requests(order)
    request = pending[0].id if pending else ""
    return list(deny_cancellation(order, context, request_id=request, reason=reason))


async def preview(
    cell: Cell, account: Account, orders: Sequence[str], decision: Decision
) -> list[Outcome]:
    """What each order would say, by the decision itself; nothing is recorded."""
    found = []
    for order_id in orders:
        try:
            order = await cell.ledger.order(account.name, order_id)
            decision(order, await cell.ledger.decision_context(order))
            found.append(Outcome(order_id, runs.DONE, None, None))
        except Refusal as no:
            found.append(Outcome(order_id, runs.REFUSED, no.code, no.message))
    return found


class RunArguments(Arguments):
    """What is done to each order."""

    command: str
    reason: str


async def step(run: JobRun, arguments: RunArguments) -> Step:
    """Change the next order that has no outcome."""
    cell, job = run.cell, run.job
    total = job.total or 0
    following = await cell.read(runs.waiting, job.id, 1)
    if not following:
        counted = await cell.read(runs.counts, job.id)
        result = {name: counted.get(name, 0) for name in (runs.DONE, runs.REFUSED)}
        return Step(total, total, result=result)
    account = await cell.ledger.account(job.account)
    decision = decision_of(arguments.command, account, reason=arguments.reason, actor=job.actor)
    ctx = CommandContext(job.account, job.actor, f"run:{job.id}")
    outcome = await _one(cell, ctx, job.id, following[0], decision)
    await cell.write(runs.record, job.id, outcome)
    await asyncio.sleep(PAUSE)
    return Step(min(job.done + 1, total), total)


async def _one(
    cell: Cell, ctx: CommandContext, run_id: str, order_id: str, decision: Decision
) -> Outcome:
    key = Key(ctx.account, f"run:{run_id}:{order_id}", b"{}")
    try:
        await cell.ledger.change_together(ctx, [order_id], decision, keys=[key])
    except KeyTaken:
        pass  # it was done by who died before it could say so
    except Refusal as no:
        taken = await asyncio.to_thread(cell.store.key, ctx.account, key.key)
        if taken is None:
            return Outcome(order_id, runs.REFUSED, no.code, no.message)
    except ConcurrencyError:
        return Outcome(order_id, runs.REFUSED, "CHK0292", "The order was being changed by others")
    return Outcome(order_id, runs.DONE, None, None)
