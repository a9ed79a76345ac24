"""Jobs: the database is their truth, so neither a killed worker nor an emptied Redis loses one."""

import os
import signal
from dataclasses import replace

import pytest
from sqlalchemy import event

from oms_ledger.cell import Cell
from oms_ledger.services import signals
from projections.exports import jobs as exports
from projections.exports import rows as exports_rows
from projections.exports.rows import ExportFormat
from projections.orders import views
from projections.orders.query import OrderQuery
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from tests.projections.subscriptions.test_checkpoints import write_orders
from tests.support.purchases import ACCOUNT
from workers import job_kinds, jobs, scheduler
from workers.exports import runner
from workers.runtime.signal_jobs import SignalWorker


@pytest.fixture
def queued(cell, redis_url):
    """The cell with a Redis of its own."""
    own = Cell(replace(cell.settings, redis_url=redis_url), cell.clock)
    own.redis.flushall()
    yield own
    own.redis.flushall()
    own.close()


def killed_at(cell, export_id, commit):
    """Carry an export on in a process that kills itself right before a commit."""
    child = os.fork()
    if child == 0:
        try:
            own, commits = Cell(cell.settings, cell.clock), []

            def committing(_):
                commits.append(1)
                if len(commits) == commit:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(own.database.engine, "commit", committing)
            runner.carry_on(own.database, export_id)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def exported(cell, export_id):
    with cell.database.snapshot() as connection:
        export = exports.get(connection, ACCOUNT, export_id)
    lines = b"".join(exports.stored(cell.database, export)).splitlines()
    return export.state, [line.split(b'"orderId":"')[1].split(b'"')[0] for line in lines]


@pytest.mark.guarantee("G33")
def test_an_export_survives_a_killed_worker_and_an_emptied_redis(queued, monkeypatch):
    monkeypatch.setattr(exports_rows, "PAGE", 1)
    write_orders(queued, 3)
    view = VIEWS[views.SUBSCRIPTION]()
    checkpoints.run(queued.database, queued.loader(), views.SUBSCRIPTION, view)
    query = OrderQuery(account=ACCOUNT)
    kept = ExportFormat("UTC", "en", masked=False)
    export_id = exports.ask(queued.database, query, kept, "jsonl", actor="test")
    signals.signal(queued.redis, [f"export:{export_id}"], signals.SLOW)
    killed_at(queued, export_id, 2)
    assert exported(queued, export_id)[0] == "running"
    queued.redis.flushall()
    jobs.open_context(queued)
    try:
        scheduler.reconcile(queued)
        worker = SignalWorker(queued.redis, [signals.QUEUE, signals.SLOW], jobs.advance)
        worker.work(burst=True, logging_level="CRITICAL")
    finally:
        jobs.close_context()
    state, orders = exported(queued, export_id)
    assert state == "complete"
    assert sorted(orders) == [b"v0-01", b"v1-01", b"v2-01"]


def test_only_known_kinds_run_with_ids_of_their_form(cell, monkeypatch):
    ran = []
    kind = replace(job_kinds.JOB_KINDS["export"], carry_on=lambda _, name: ran.append(name) or True)
    monkeypatch.setitem(job_kinds.JOB_KINDS, "export", kind)
    for name, job_id in (
        ("os.system", "ab" * 16),
        ("export", "../x"),
        ("export", "ab" * 16 + "\n"),
    ):
        assert not job_kinds.carry_on(cell, name, job_id)
    assert job_kinds.carry_on(cell, "export", "ab" * 16)
    assert ran == ["ab" * 16]


def test_what_is_unfinished_can_be_said_to_a_worker(queued, monkeypatch):
    """A signal whose name a worker refuses would never be carried on."""
    ids = {"export": "ab" * 16, "run": "ab" * 8, "revalidation": "acme:CL"}
    assert ids.keys() == job_kinds.JOB_KINDS.keys()
    for name, job_id in ids.items():
        kind = job_kinds.JOB_KINDS[name]
        assert kind.ids.fullmatch(job_id)
        found = replace(kind, unfinished=lambda _, job_id=job_id: [job_id])
        monkeypatch.setitem(job_kinds.JOB_KINDS, name, found)
    scheduler.reconcile(queued)
    advanced = []
    worker = SignalWorker(queued.redis, [signals.SLOW], advanced.append)
    worker.work(burst=True, logging_level="CRITICAL")
    assert advanced == [f"{name}:{job_id}" for name, job_id in ids.items()]
