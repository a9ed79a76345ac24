"""A process dies before or after any of its writes: nothing is lost, nothing is done twice (G45).

What a process leaves behind is what it committed, so dying at every line comes to dying before
and after every commit. The next process finds the dead one's claim run out, and goes on.
"""

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.invoices.decide import issue_invoice
from projections.outbox import messages
from projections.subscriptions import leases
from tests.support.clock import set_clock
from tests.support.sales import (
    SHOP,
    STORE,
    levels,
    open_accounts,
    sell,
)
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)
CHAIN = (SHOP,)


class Died(Exception):
    """The process is gone; it writes nothing any more."""


class Mortal:
    """A process of the cell that dies at its n-th write, before or after the commit."""

    def __init__(self, cell: Cell, at: datetime, dies_at: int | None = None, after: bool = False):
        self.cell = Cell(cell.settings, cell.clock)
        self.clock = set_clock(self.cell, at)
        self.left, self.after, self.dead = dies_at, after, False
        append, writing = self.cell.store.append, self.cell.database.writing

        def mortal_append(writes):
            self._before()
            outcomes = append(writes)
            self._after()
            return outcomes

        @contextmanager
        def mortal_writing():
            self._before()
            with writing() as connection:
                yield connection
            self._after()

        self.cell.store.append = mortal_append
        setattr(self.cell.database, "writing", mortal_writing)  # noqa: B010

    def _before(self):
        if self.left is not None:
            self.left -= 1
        if self.dead or (self.left == 0 and not self.after):
            self.dead = True
            raise Died

    def _after(self):
        if self.left == 0:
            self.dead = True
            raise Died

    async def answer_calls(self):
        """Until nothing is due."""
        loader = self.cell.loader()
        while True:
            evaluated = await asyncio.to_thread(dispatcher.evaluate, self.cell, loader)
            message = await asyncio.to_thread(dispatcher.claim, self.cell, 100)
            for one in message:
                await dispatcher.dispatch(self.cell, one)
            if not message and not evaluated:
                return


async def survived(cell, at, dies_at, after):
    """Let one process die, and another one finish; whether the first died at all."""
    doomed = Mortal(cell, at, dies_at, after)
    try:
        await doomed.answer_calls()
    except Died:
        token = leases.acquire(
            cell.database, messages.SUBSCRIPTION, steal=True
        )  # its lease runs out
        leases.release(cell.database, messages.SUBSCRIPTION, token)
        heir = Mortal(cell, at + timedelta(seconds=61))
        await heir.answer_calls()
        heir.cell.close()
    doomed.cell.close()
    return doomed.dead


INVOICE = partial(issue_invoice, number="1", type="Output", value=3000, issued_at=START)


async def nothing(cell, order_id):
    """The sale is placed and paid: it has to reach its seller."""


async def requested_in_vain(cell, order_id):
    """The store asks for a cancellation, and the seller invoices at the same time."""
    await cell.ledger.change(CommandContext(SHOP, "test"), f"00-{order_id}", INVOICE)
    await cell.ledger.change(CommandContext(STORE, "test"), order_id, cancel)


async def agreed(cell, order_id):
    """Both sides ask for a cancellation at the same time."""
    await cell.ledger.change(CommandContext(SHOP, "test"), f"00-{order_id}", cancel)
    await cell.ledger.change(CommandContext(STORE, "test"), order_id, cancel)


def recorded(cell, order_id):
    """The names of all events of the sale, by level, in their order."""
    found = []
    for depth, account in enumerate((STORE, *CHAIN)):
        stream = order_stream(account, "00-" * depth + order_id)
        found.append([row.name for row in cell.store.stream(stream)])
    return found


@pytest.mark.guarantee("G45")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", [nothing, requested_in_vain, agreed])
def test_whenever_a_process_dies_the_next_one_ends_the_same_way(cell, story, after):
    set_clock(cell, START)

    async def lives():
        await open_accounts(cell, STORE, *CHAIN)
        expected, died, number = None, True, 0
        while died:
            order_id = await sell(cell, number + 1, *CHAIN)
            if story is not nothing:
                await survived(cell, START, None, after)
                await story(cell, order_id)
            died = await survived(cell, START, number or None, after)
            if number == 0:
                expected, died = recorded(cell, order_id), True
            assert recorded(cell, order_id) == expected, f"dying at write {number}"
            number += 1
        return number, await levels(cell, order_id, *CHAIN)

    lived, orders = asyncio.run(lives())
    assert lived > 5  # there were so many writes to die at
    assert len({str(order.status) for order in orders}) == (2 if story is nothing else 1)
    with cell.database.snapshot() as connection:
        assert {one.state for one in messages.listed(connection, limit=10_000)} == {messages.DONE}
