"""An append refuses accounts that the cell does not host, under the lock that it holds anyway."""

import asyncio
import threading

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.hosting import ARRIVING, GONE, LEAVING, LIVE
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.eventstore.records import Conflict, Moved, Write
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.order import Order
from projections.timers import deadlines
from tests.support.purchases import ACCOUNT, open_account, place, place_paid
from workers.projector import Following

OTHER = "other"


def become(cell: Cell, state: str, account: str = ACCOUNT) -> None:
    with cell.database.writing() as connection:
        hosting.set_state(connection, account, state)


@pytest.mark.parametrize("state", [ARRIVING, LEAVING, GONE])
def test_an_account_that_is_not_live_is_not_written(cell, state):
    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")
        await asyncio.to_thread(become, cell, state)
        head = cell.store.head()
        with pytest.raises(AccountMoved):
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", start_handling)
        with pytest.raises(AccountMoved):
            await place(cell.ledger, "v2-01", 2)
        assert cell.store.head() == head
        await asyncio.to_thread(become, cell, LIVE)
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", start_handling)

    asyncio.run(story())


def test_others_of_the_same_group_are_written(cell):
    """A group has writes of a live account before and after one that is refused."""

    async def story():
        for name in (ACCOUNT, OTHER):
            await open_account(cell.ledger, name=name)
        await asyncio.to_thread(become, cell, LEAVING, OTHER)
        outcomes = await asyncio.gather(
            place(cell.ledger, "v1-01", 1),
            place(cell.ledger, "v9-01", 1, account=OTHER),
            place(cell.ledger, "v2-01", 2),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], AccountMoved)
        assert [one.order_id for one in outcomes if isinstance(one, Order)] == ["v1-01", "v2-01"]

    asyncio.run(story())
    assert [row.position for row in cell.store.page(0)] == list(range(1, cell.store.head() + 1))


def test_a_conflict_is_raised_as_before(cell):
    """A key that is taken, and a version that is, are no accounts that moved."""

    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    row = cell.store.stream(f"{ACCOUNT}/v1-01")[0]
    (outcome,) = cell.store.append([Write((row,))])
    assert outcome == Conflict()
    become(cell, GONE)
    (outcome,) = cell.store.append([Write((row,))])
    assert outcome == Moved(ACCOUNT)


def test_the_state_changes_between_two_appends_never_inside_one(cell):
    """Whoever makes an account leave waits for the append that is on its way."""
    reached, let_go = threading.Event(), threading.Event()

    def hold(connection):
        reached.set()
        assert let_go.wait(30)

    async def story():
        await open_account(cell.ledger)

    asyncio.run(story())
    row = cell.store.page(0)[-1]
    write = Write((row._replace(version=row.version + 1),), fills=(hold,))
    appending = threading.Thread(target=cell.store.append, args=([write],))
    leaving = threading.Thread(target=become, args=(cell, LEAVING))
    appending.start()
    assert reached.wait(30)
    leaving.start()
    with cell.database.reading() as connection:
        assert hosting.state_of(connection, ACCOUNT) == LIVE
    let_go.set()
    appending.join()
    leaving.join()
    with cell.database.reading() as connection:
        assert hosting.state_of(connection, ACCOUNT) == LEAVING
    assert len(cell.store.stream(f"{ACCOUNT}/")) == row.version + 1


def test_the_fence_costs_an_append_no_statement(cell):
    """On SQLite the statement that reads the head asks for it, on PostgreSQL the one call."""

    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v0-01", 9)

    asyncio.run(story())
    row = cell.store.stream(f"{ACCOUNT}/v0-01")[0]
    statements = list[str]()
    appender = cell.store._appender
    if cell.database.sqlite:
        appender._connection.set_trace_callback(statements.append)
        expected = 10  # begin, head, version, event, its account's head twice, seal twice, commit
    else:
        inner = appender._open()

        class Counting:
            closed = False

            def execute(self, query, *given, **more):
                statements.append(query)
                return inner.execute(query, *given, **more)

        appender._connection = Counting()
        expected = 1
    try:
        cell.store.append([Write((row._replace(stream=f"{ACCOUNT}/v1-01"),))])
    finally:
        if not cell.database.sqlite:
            appender._connection = inner
        else:
            appender._connection.set_trace_callback(None)
    reads = [one for one in statements if not one.startswith("--")]
    assert len(reads) <= expected, reads
    assert sum("hosted" in one for one in reads) == (1 if cell.database.sqlite else 0)


def test_views_go_on_and_timers_rest(cell):
    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v1-01")

    asyncio.run(story())
    become(cell, ARRIVING)
    following = Following(cell)
    while following.round():
        pass
    following.release()
    far = cell.clock.micros() + 10**15
    with cell.database.snapshot() as connection:
        assert deadlines.due(connection, far) == []
        assert deadlines.next_due(connection) is None
    become(cell, LIVE)
    with cell.database.snapshot() as connection:
        assert [(account, order) for account, order, _ in deadlines.due(connection, far)] == [
            (ACCOUNT, "v1-01")
        ]
