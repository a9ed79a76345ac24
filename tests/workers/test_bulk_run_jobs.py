"""A bulk run is carried on by workers: killed or stopped anywhere, each order is changed once."""

import asyncio

import pytest

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.services.jobs import runner
from oms_ledger.services.operators import bulk
from projections.jobs import jobs
from projections.operators import runs
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.workers.test_jobs import LONG, ask, job_of, killed_everywhere


@pytest.fixture(autouse=True)
def account(cell, monkeypatch):
    monkeypatch.setattr(bulk, "PAUSE", 0)
    asyncio.run(open_account(cell.ledger))


def begun(cell, orders):
    """A run that starts handling these orders."""
    run = ask(cell, runs.KIND, total=len(orders), command="start-handling", reason="")
    with cell.database.writing() as connection:
        runs.insert_orders(connection, run, orders)
    return run


def placed(cell, n, count):
    orders = [f"v{n * 10 + at}-01" for at in range(count)]

    async def story():
        for number, order_id in enumerate(orders, n * 10):
            await place_paid(cell.ledger, order_id, number)

    asyncio.run(story())
    return orders


def outcomes(cell, run):
    with cell.database.snapshot() as connection:
        return [one.outcome for one in runs.outcomes(connection, run)]


def times_handled(cell, order_id):
    names = [row.name for row in cell.store.stream(f"{ACCOUNT}/{order_id}")]
    return names.count("handling-started")


def test_a_run_that_is_killed_changes_each_order_once(cell):
    for n, job in enumerate(
        killed_everywhere(cell, lambda n: begun(cell, [*placed(cell, n, 2), "nothing"])), 1
    ):
        assert (job.state, job.done, job.result) == (jobs.DONE, 3, {"done": 2, "refused": 1})
        assert outcomes(cell, job.id) == ["done", "done", "refused"]
        for at in range(2):
            assert times_handled(cell, f"v{n * 10 + at}-01") == 1


def test_a_run_that_is_stopped_tells_of_the_order_at_hand(cell, monkeypatch):
    orders = placed(cell, 1, 3)
    run, record = begun(cell, orders), runs.record

    def stopping(connection, run_id, outcome):
        jobs.finish(connection, run_id, 1, jobs.CANCELLED)
        record(connection, run_id, outcome)

    monkeypatch.setattr(runs, "record", stopping)
    assert not asyncio.run(runner.carry_on(cell, run, seconds=LONG))
    assert outcomes(cell, run) == ["done", None, None]
    assert [times_handled(cell, one) for one in orders] == [1, 0, 0]
    assert runs.state_of(job_of(cell, run)) == runs.STOPPED


def test_a_run_of_an_account_that_moves_rests(cell):
    orders = placed(cell, 1, 1)
    run = begun(cell, orders)
    with cell.database.writing() as connection:
        hosting.set_state(connection, ACCOUNT, hosting.LEAVING)
    with pytest.raises(AccountMoved):
        asyncio.run(runner.carry_on(cell, run, seconds=LONG))
    assert (job_of(cell, run).state, outcomes(cell, run)) == (jobs.RUNNING, [None])
    with cell.database.writing() as connection:
        assert jobs.due(connection) == []
        hosting.set_state(connection, ACCOUNT, hosting.LIVE)
        assert jobs.due(connection) == [run]
    assert not asyncio.run(runner.carry_on(cell, run, seconds=LONG))
    assert outcomes(cell, run) == ["done"]


def test_reports_of_runs_are_kept(cell):
    run = begun(cell, [])
    asyncio.run(runner.carry_on(cell, run, seconds=LONG))
    finished = job_of(cell, run).finished_at
    assert finished is not None
    with cell.database.writing() as connection:
        assert runner.expire(connection, finished + 100 * jobs.KEPT) == 0
    assert job_of(cell, run).state == jobs.DONE
