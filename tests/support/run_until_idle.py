"""Runs everything that follows the ledger until nothing is left to do, in this one process."""

import asyncio

from oms_ledger.cell import Cell
from projections.masterdata import triggers
from projections.masterdata.triggers import TriggerRuns
from projections.outbox import messages
from projections.outbox.messages import StoredMessage
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from workers import scheduler
from workers.outbox import dispatcher

ROUNDS = 200


async def make_runs(cell: Cell) -> list[StoredMessage]:
    """Evaluate triggers, and send what is due once; what was sent."""
    view = TriggerRuns(lambda: cell.clock.micros())
    await asyncio.to_thread(
        checkpoints.run, cell.database, cell.loader(), triggers.SUBSCRIPTION, view
    )
    due = await asyncio.to_thread(dispatcher.claim, cell, 100)
    await asyncio.gather(*(dispatcher.dispatch(cell, message) for message in due))
    return due


async def settle(cell: Cell) -> int:
    """Run until all rests (`_settle`), and leave no connection to a partner open."""
    try:
        return await _settle(cell)
    finally:
        await cell.partner_clients.close()


async def _settle(cell: Cell) -> int:
    """Views, timers and messages until all rest; how many messages of orders were sent.

    Messages that wait for a later attempt stay; move the cell's clock on, and settle again.
    """
    loader, made = cell.loader(), 0
    for _ in range(ROUNDS):
        head = await asyncio.to_thread(cell.store.head)
        for subscription, view in VIEWS.items():
            await asyncio.to_thread(
                checkpoints.run, cell.database, cell.loader(), subscription, view()
            )
        await scheduler.fire_due(cell)
        await asyncio.to_thread(dispatcher.evaluate, cell, loader)
        sent = await make_runs(cell)
        made += sum(message.channel in messages.OF_ORDERS for message in sent)
        if not sent and await asyncio.to_thread(cell.store.head) == head:
            return made
    raise AssertionError("the ledger does not come to rest")
