"""Exports are carried on by workers: neither a killed one nor an emptied Redis loses a piece."""

import asyncio

import pytest
from sqlalchemy import select

from oms_ledger.services import signals
from oms_ledger.services.exports import exporting
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from projections.exports import exports
from projections.exports import rows as exports_rows
from projections.exports.rows import ExportFormat
from projections.jobs import jobs
from projections.jobs.tables import jobs as table
from projections.orders import views
from projections.orders.query import OrderQuery, TermFilter
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from projections.tables import export_chunks
from tests.projections.subscriptions.test_checkpoints import write_orders
from tests.support.purchases import ACCOUNT, open_account
from tests.workers.test_jobs import (
    CTX,
    carried_on,
    forget_holder,
    job_of,
    killed_everywhere,
    queued,
)
from workers import jobs as worker_jobs
from workers import scheduler
from workers.runtime.signal_jobs import SignalWorker

__all__ = ["queued"]
EVERY = OrderQuery(account=ACCOUNT)
KEPT_AS = ExportFormat("UTC", "en", masked=False)


@pytest.fixture(autouse=True)
def orders(cell, monkeypatch):
    monkeypatch.setattr(exports_rows, "PAGE", 1)
    asyncio.run(open_account(cell.ledger))
    write_orders(cell, 3)
    view = VIEWS[views.SUBSCRIPTION]()
    checkpoints.run(cell.database, cell.loader(), views.SUBSCRIPTION, view)


def ask(cell, query=EVERY):
    arguments = exporting.arguments_of(query, KEPT_AS, "jsonl")
    return asyncio.run(runner.ask(cell, CTX, KINDS[exports.KIND], arguments, total=3))


def exported(cell, export_id):
    with cell.database.snapshot() as connection:
        export = exports.get(connection, ACCOUNT, export_id)
    lines = b"".join(exports.stored(cell.database, export)).splitlines()
    return export.state, [line.split(b'"orderId":"')[1].split(b'"')[0] for line in lines]


@pytest.mark.guarantee("G33")
def test_an_export_survives_a_killed_worker_and_an_emptied_redis(queued):
    export_id = ask(queued)
    runner.signal(queued, [export_id])
    assert carried_on(queued, export_id, 2)
    assert exported(queued, export_id) == ("running", [b"v0-01"])
    forget_holder(queued, export_id)
    queued.redis.flushall()
    worker_jobs.open_context(queued)
    try:
        scheduler.reconcile(queued)
        worker = SignalWorker(queued.redis, [signals.QUEUE, signals.SLOW], worker_jobs.advance)
        worker.work(burst=True, logging_level="CRITICAL")
    finally:
        worker_jobs.close_context()
    state, orders = exported(queued, export_id)
    assert state == "complete"
    assert sorted(orders) == [b"v0-01", b"v1-01", b"v2-01"]


@pytest.mark.guarantee("G33")
def test_an_export_that_is_killed_has_every_order_once(cell):
    for job in killed_everywhere(cell, lambda _: ask(cell)):
        assert (job.state, job.done, job.personal) == (jobs.DONE, 3, None)
        assert exported(cell, job.id) == ("complete", [b"v0-01", b"v1-01", b"v2-01"])


@pytest.mark.guarantee("G56")
def test_whom_an_export_looks_for_is_kept_encrypted(cell):
    query = OrderQuery(account=ACCOUNT, having=(TermFilter("email", ("bia@example.com",)),))
    export_id = ask(cell, query)
    with cell.database.snapshot() as connection:
        stored = str(connection.execute(select(table)).mappings().one())
    assert "order_query" not in stored
    assert "bia@" not in stored
    asyncio.run(runner.carry_on(cell, export_id, seconds=600))
    assert job_of(cell, export_id).result == {"orders": 0, "failed": 0}


def test_what_an_export_stored_goes_with_it(cell):
    dropped, cancelled = ask(cell), ask(cell)
    for one in (dropped, cancelled):
        assert asyncio.run(runner.carry_on(cell, one, seconds=0))
    with cell.database.writing() as connection:
        exports.drop(connection, dropped)
    assert not asyncio.run(runner.carry_on(cell, dropped))
    asyncio.run(runner.cancel(cell, CTX, job_of(cell, cancelled)))
    assert exported(cell, cancelled) == ("cancelled", [b"v0-01"])
    with cell.database.writing() as connection:
        assert runner.expire(connection, cell.clock.micros() + exports.KEPT + 1) == 1
        assert connection.execute(select(export_chunks)).all() == []


def test_an_export_that_goes_while_a_step_is_made_stores_nothing(cell, monkeypatch):
    export_id, page = ask(cell), exports_rows.page

    def dropping(*given):
        with cell.database.writing() as connection:
            exports.forget(connection, ACCOUNT)
        return page(*given)

    monkeypatch.setattr(exports_rows, "page", dropping)
    assert not asyncio.run(runner.carry_on(cell, export_id))
    with cell.database.snapshot() as connection:
        assert connection.execute(select(export_chunks)).all() == []
        assert exports.of_account(connection, ACCOUNT) == []
