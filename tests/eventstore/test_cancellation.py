"""A client that goes away, at whichever wait of its command, leaves no lock and no connection."""

import asyncio
import types
from functools import partial

import pytest
from sqlalchemy import text

from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.privacy.disclose import disclose
from tests.support.purchases import ACCOUNT, PAID, open_account, placed

CONTEXT = CommandContext(ACCOUNT, "test")
ORDERS = ["v1-01", "v2-01"]
ONE = text("SELECT 1")
DISCLOSE = partial(disclose, reason="a question")  # recorded as often as it is decided


@types.coroutine
def canceled_at(command, wait):
    """Run a command, and cancel it at the wait of this number; whether it ended before."""
    for number in range(1_000):
        try:
            canceled = number == wait
            said = command.throw(asyncio.CancelledError()) if canceled else command.send(None)
        except StopIteration:
            return number <= wait
        except asyncio.CancelledError:
            return False
        yield said
    raise AssertionError("the command does not end")


@pytest.fixture
def ledger(cell):
    async def story():
        await open_account(cell.ledger)
        for order_id in ORDERS:
            await cell.ledger.place(CONTEXT, {order_id: placed(1)})
            await cell.ledger.change(CONTEXT, order_id, PAID)

    asyncio.run(story())
    return cell.ledger


def locked(ledger):
    return sorted(stream for (stream, _), lock in ledger._turns.items() if lock.locked())


def test_canceled_command_leaves_nothing_held(cell, ledger):
    async def story(wait):
        for order_id in ORDERS:
            ledger.loader.forget(order_stream(ACCOUNT, order_id))
        ended = await canceled_at(ledger.change_together(CONTEXT, ORDERS, DISCLOSE), wait)
        assert locked(ledger) == []
        return ended

    waits = 1
    while not asyncio.run(story(waits)):  # the end of a loop waits for its threads
        assert cell.database.engine.pool.checkedout() == 0
        waits += 1
    assert waits > 3
    assert cell.database.engine.pool.checkedout() == 0


def test_command_that_waits_its_turn_may_be_canceled(cell, ledger):
    async def story():
        first = order_stream(ACCOUNT, ORDERS[0])
        second = order_stream(ACCOUNT, ORDERS[1])
        turn = second, asyncio.get_running_loop()
        lock = ledger._turns.setdefault(turn, asyncio.Lock())
        async with lock:
            task = asyncio.create_task(ledger.change_together(CONTEXT, ORDERS, start_handling))
            while locked(ledger) != sorted([first, second]):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert locked(ledger) == [second]
        (one, two) = await ledger.change_together(CONTEXT, ORDERS, start_handling)
        return one.status, two.status

    assert asyncio.run(story()) == ("handling", "handling")
    assert cell.database.engine.pool.checkedout() == 0


@pytest.mark.parametrize("way", ["read", "write"])
def test_canceled_read_gives_its_connection_back(cell, way):
    async def story():
        look = getattr(cell, way)
        return await canceled_at(look(lambda connection: connection.execute(ONE).scalar_one()), 1)

    assert asyncio.run(story()) is False
    assert cell.database.engine.pool.checkedout() == 0
    assert asyncio.run(cell.read(lambda connection: connection.execute(ONE).scalar_one())) == 1


def test_turns_of_an_event_loop_hold_up_no_other_loop(ledger):
    first = order_stream(ACCOUNT, ORDERS[0])

    def of_another_loop():
        change = ledger.change(CONTEXT, ORDERS[0], start_handling)
        return asyncio.run(asyncio.wait_for(change, 30))

    async def story():
        async with ledger.turns([first]):
            order = await asyncio.to_thread(of_another_loop)
        return order.status

    assert asyncio.run(story()) == "handling"
