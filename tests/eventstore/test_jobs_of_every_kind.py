"""A database from before exports, runs and revalidations were jobs: they go on where they were."""

import asyncio
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from oms_ledger import migrations
from oms_ledger.api.jobs.jobs import serialize_job
from oms_ledger.cell import Cell
from oms_ledger.migrations import migrate
from oms_ledger.services.jobs import runner
from oms_ledger.services.operators import bulk
from oms_ledger.settings import Settings
from projections.exports import exports
from projections.jobs import jobs
from projections.masterdata import documents
from projections.operators import runs
from tests.conftest import MASTER_KEY
from tests.support.clock import SettableClock
from tests.support.purchases import open_account

BEFORE = "0031_mail_providers"
RUNNING, STOPPED, COMPLETE = "0123456789abcdef", "a" * 16, "b" * 16
MAKING, MADE = "c" * 32, "d" * 32
REVALIDATION = "INSERT INTO document_revalidations VALUES ('acme', :entity, 1500, :done, :after)"


RUN = "INSERT INTO runs VALUES (:id, 'acme', 'person:1', 'cancel', 'r', :state, 2, 7, :finished_at)"
ORDER = "INSERT INTO run_orders VALUES (:run, :number, :order, :outcome, :code, :message)"

EXPORT = (
    "INSERT INTO exports (id, account, actor, format, order_query, export_format, state, total,"
    " orders, failed_orders, after_created, after_id, chunks, created_at, finished_at) VALUES"
    " (:id, 'acme', 'key', 'jsonl', :query, :format, :state, 3, 2, :failed, 5, 'v2-01', 1, 7, :at)"
)
QUERY = '{"account":"acme","person":"someone"}'
FORMAT = '{"zone":"UTC","language":"en","masked":false}'


def migrated(cell: Cell, revision: str) -> None:
    config = migrations._config()
    with cell.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> Iterator[Cell]:
    cell = Cell(
        Settings(data_dir=tmp_path, database_url=database_url, master_key=MASTER_KEY),
        SettableClock(),
    )
    migrated(cell, BEFORE)
    with cell.database.writing() as connection:
        for entity, done, after in (("CL", 500, "b@x"), ("AD", 1500, None)):
            fields = {"entity": entity, "done": done, "after": after}
            connection.execute(text(REVALIDATION), fields)
        for id_, state, finished_at in (
            (RUNNING, "running", None),
            (STOPPED, "stopped", 9),
            (COMPLETE, "complete", 8),
        ):
            fields = {"id": id_, "state": state, "finished_at": finished_at}
            connection.execute(text(RUN), fields)
        for run, number, outcome, code in (
            (RUNNING, 0, "done", None),
            (RUNNING, 1, None, None),
            (COMPLETE, 0, "done", None),
            (COMPLETE, 1, "refused", "OMS003"),
        ):
            fields = {"run": run, "number": number, "order": f"v{number}-01", "outcome": outcome}
            connection.execute(text(ORDER), {**fields, "code": code, "message": code})
        for id_, state, at in ((MAKING, "running", None), (MADE, "complete", 9)):
            fields = {"id": id_, "query": QUERY, "format": FORMAT, "state": state, "at": at}
            connection.execute(text(EXPORT), {**fields, "failed": '["v1-01"]'})
            chunk = {"id": id_, "content": zlib.compress(b"{}\n")}
            connection.execute(text("INSERT INTO export_chunks VALUES (:id, 0, :content)"), chunk)
    yield cell
    cell.close()


def jobs_of(cell: Cell, kind: str) -> list[jobs.Job]:
    with cell.database.snapshot() as connection:
        return jobs.of_account(connection, "acme", [kind])


def test_documents_are_evaluated_again_from_where_that_was(old: Cell) -> None:
    migrate(old.database)
    (job,) = jobs_of(old, "revalidation")
    assert (job.arguments, job.place) == ({"entity": "CL"}, {"after": "b@x"})
    assert (job.state, job.done, job.total) == (jobs.WAITING, 500, 1500)
    with old.database.snapshot() as connection:
        assert documents.under_revalidation(connection) == {("acme", "CL")}
    assert not inspect(old.database.engine).has_table("document_revalidations")
    old.require_key()
    assert not asyncio.run(runner.carry_on(old, job.id, bound=False))
    assert jobs_of(old, "revalidation")[0].state == jobs.DONE


def test_runs_are_jobs_with_their_reports(old: Cell) -> None:
    migrate(old.database)
    found = {job.id: job for job in jobs_of(old, runs.KIND)}
    shown = {id_: (runs.state_of(job), job.done, job.result) for id_, job in found.items()}
    assert shown == {
        RUNNING: ("running", 1, None),
        STOPPED: ("stopped", 0, None),
        COMPLETE: ("complete", 2, {"done": 1, "refused": 1}),
    }
    job = found[COMPLETE]
    assert job.arguments == {"command": "cancel", "reason": "r"}
    assert (job.actor, job.total, job.created_at, job.finished_at) == ("person:1", 2, 7, 8)
    with old.database.snapshot() as connection:
        assert [one.code for one in runs.outcomes(connection, COMPLETE)] == [None, "OMS003"]
    assert not inspect(old.database.engine).has_table("runs")


def test_a_run_that_was_under_way_changes_the_rest(old: Cell, monkeypatch) -> None:
    monkeypatch.setattr(bulk, "PAUSE", 0)
    migrate(old.database)
    old.require_key()
    asyncio.run(open_account(old.ledger))
    assert not asyncio.run(runner.carry_on(old, RUNNING, seconds=600))
    with old.database.snapshot() as connection:
        outcomes = [one.outcome for one in runs.outcomes(connection, RUNNING)]
    assert outcomes == ["done", "refused"], "the first as it was, the second is no order"
    with old.database.snapshot() as connection:
        job = runs.get(connection, "acme", RUNNING)
    assert job is not None
    assert (job.state, job.result) == (jobs.DONE, {"done": 1, "refused": 1})


def test_exports_are_jobs_with_their_pieces(old: Cell) -> None:
    migrate(old.database)
    with old.database.snapshot() as connection:
        made = exports.get(connection, "acme", MADE)
        making = exports.get(connection, "acme", MAKING)
    assert made is not None
    assert making is not None
    assert (made.state, made.orders, made.failed_orders) == ("complete", 2, ["v1-01"])
    assert (made.total, made.created_at, made.finished_at, made.format) == (3, 7, 9, "jsonl")
    assert list(exports.stored(old.database, made)) == [b"{}\n"]
    assert (making.state, making.orders, making.place) == ("running", 2, (5, "v2-01"))
    assert not inspect(old.database.engine).has_table("exports")


def test_an_export_that_was_being_made_is_completed(old: Cell) -> None:
    migrate(old.database)
    old.require_key()
    asyncio.run(open_account(old.ledger))
    assert not asyncio.run(runner.carry_on(old, MAKING, seconds=600))
    (job,) = (job for job in jobs_of(old, exports.KIND) if job.id == MAKING)
    assert (job.state, job.result) == (jobs.DONE, {"orders": 2, "failed": 1})
    assert "someone" not in str(serialize_job(job))


def test_an_older_release_finds_its_tables_again(old: Cell) -> None:
    migrate(old.database)
    config = migrations._config()
    with old.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, BEFORE)
    with old.database.snapshot() as connection:
        found = connection.execute(text("SELECT id, state, finished_at FROM runs ORDER BY id"))
        assert [tuple(row) for row in found] == [
            (RUNNING, "running", None),
            (STOPPED, "stopped", 9),
            (COMPLETE, "complete", 8),
        ]
        left = connection.execute(text("SELECT entity, done, after FROM document_revalidations"))
        assert [tuple(row) for row in left] == [("CL", 500, "b@x")]
        left = connection.execute(text("SELECT id, state, orders, export_format FROM exports"))
        assert [(*row[:3], json.loads(row[3])) for row in left] == [
            (MADE, "complete", 2, json.loads(FORMAT))
        ]
        chunks = connection.execute(text("SELECT id FROM export_chunks")).scalars()
        assert list(chunks) == [MADE]
