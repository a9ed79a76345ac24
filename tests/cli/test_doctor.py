"""`doctor` names what is wrong and what to do; `alive` tells of processes without a port."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.eventstore import hosting
from oms_ledger.process_name import process_name
from oms_ledger.services import diagnosis
from oms_ledger.services.metrics import report

runner = CliRunner()


def found(cell: Cell) -> dict[str, diagnosis.Finding]:
    return {one.subject: one for one in diagnosis.diagnose(cell)}


@pytest.fixture
def environ(cell, monkeypatch):
    """The cell of the environment."""
    for name in ("OMS_MASTER_KEY", "OMS_MASTER_KEY_FILE", "OMS_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMS_DATABASE_URL", cell.settings.database_url)
    monkeypatch.setenv("OMS_DATA_DIR", str(cell.settings.data_dir))
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("OMS_MASTER_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")


def test_a_database_that_is_well(cell):
    findings = found(cell)
    assert findings["tables"].state == findings["master key"].state == "ok"
    assert findings["database"].state == "ok"
    assert findings["disk"].state == "ok"


def test_accounts_between_two_cells_are_named(cell):
    assert "moves" not in found(cell)
    for account, state in (("acme", hosting.LEAVING), ("beta", hosting.ARRIVING)):
        with cell.database.writing() as connection:
            hosting.set_state(connection, account, state)
    moves = [one for one in diagnosis.diagnose(cell) if one.subject == "moves"]
    assert [(one.state, one.found) for one in moves] == [
        ("wrong", "acme is leaving"),
        ("note", "beta is arriving"),
    ]
    assert "--abort" in moves[0].advice


def test_another_key_is_wrong(cell):
    cell.require_key()
    other = Cell(replace(cell.settings, master_key=b"x" * 32), cell.clock)
    key = found(other)["master key"]
    other.close()
    assert key.state == "wrong"
    assert "OMS_MASTER_KEY" in key.advice


def test_tables_of_another_release_are_wrong(cell):
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    findings = found(cell)
    assert (findings["tables"].state, findings["tables"].advice) == (
        "wrong",
        "Run `oms-ledger migrate`.",
    )
    assert "master key" not in findings


def test_processes_that_are_missing_are_named(cell):
    with cell.database.writing() as connection:
        report(connection, "a:1:x", "web", cell.clock.micros())
    assert found(cell)["processes"].advice == "Start what is missing: projector, worker, scheduler."


@pytest.mark.parametrize(
    ("commit", "names", "standbys", "state"),
    [
        ("on", "*", "two", "ok"),
        ("remote_apply", "*", "two", "ok"),
        ("on", "", "", "note"),
        ("on", "*", "", "wrong"),
        ("on", "*", None, "note"),
        ("off", "", "", "wrong"),
        ("local", "*", "two", "wrong"),
    ],
)
def test_replication(commit, names, standbys, state):
    assert diagnosis._replication(commit, names, standbys).state == state


@pytest.mark.parametrize(("version", "state"), [(13, "note"), (14, "ok"), (17, "ok"), (99, "note")])
def test_versions(version, state):
    assert diagnosis._version(version, 0.0).state == state


def test_the_command_ends_with_1_when_something_is_wrong(cell, environ):
    answer = runner.invoke(app, ["doctor", "--json"])
    findings = {one["subject"]: one["state"] for one in json.loads(answer.stdout)}
    assert findings["redis"] == "note"
    assert (answer.exit_code == 1) == ("wrong" in findings.values())
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = runner.invoke(app, ["doctor"])
    assert answer.exit_code == 1
    assert "wrong  tables: not those of this release\n       → Run" in answer.stdout


def test_nothing_is_made_where_there_is_no_ledger(tmp_path, monkeypatch):
    monkeypatch.delenv("OMS_DATABASE_URL", raising=False)
    monkeypatch.setenv("OMS_DATA_DIR", str(tmp_path / "data"))
    answer = runner.invoke(app, ["doctor"])
    assert answer.exit_code == 1
    assert "Start `oms-ledger up`" in answer.stdout
    assert not (tmp_path / "data").exists()


def test_a_process_is_alive_while_it_says_so(cell, environ, monkeypatch):
    assert runner.invoke(app, ["alive"]).exit_code == 1
    with cell.database.writing() as connection:
        report(connection, process_name(), "worker", cell.clock.micros())
    assert runner.invoke(app, ["alive"]).exit_code == 0
    with cell.database.writing() as connection:
        connection.execute(
            text("UPDATE process_metrics SET at = :at"), {"at": cell.clock.micros() - 31_000_000}
        )
    assert runner.invoke(app, ["alive"]).exit_code == 1
    assert runner.invoke(app, ["alive", "--within", "60"]).exit_code == 0
    monkeypatch.setenv("OMS_DATABASE_URL", "postgresql://127.0.0.1:1/oms")
    away = runner.invoke(app, ["alive"])
    assert (away.exit_code, "nothing is known" in away.stdout) == (0, True)
