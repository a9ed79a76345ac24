"""A database from before the one outbox: its messages and runs of triggers go on as they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from oms_ledger import migrations
from oms_ledger.cell import Cell
from oms_ledger.migrations import migrate
from oms_ledger.settings import Settings
from projections.masterdata import runs
from projections.outbox import messages
from projections.outbox.tables import outbox_messages, outbox_recipients
from tests.conftest import MASTER_KEY
from tests.support.clock import SettableClock

BEFORE = "0017_anchors"
MESSAGE = (
    "INSERT INTO outbox_messages (id, account, order_id, version, position, number, recipient,"
    " kind, key, body, state, produced_at, since, due_at, attempts) VALUES"
    " (:id, 'acme', :order, 2, 7, 0, :recipient, 'k', 'x', :body, :state, 1, 1, 1, 3)"
)
RUN = (
    "INSERT INTO trigger_runs (id, account, entity, schema, trigger, stream, version, position,"
    " entity_version, chain, state, due_at, created_at, attempts, last_error, finished_at)"
    " VALUES (:id, 'acme', 'E', 'v/1', 't', 'acme/document/E/1', 1, 9, 4, 2, :state, 5, 3, 1,"
    " 'HTTP 500', :finished)"
)
ATTEMPT = "INSERT INTO trigger_attempts VALUES ('r1', 1, 4, 2, 500, 'HTTP 500')"


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> Iterator[Cell]:
    cell = Cell(
        Settings(data_dir=tmp_path, database_url=database_url, master_key=MASTER_KEY),
        SettableClock(),
    )
    config = migrations._config()
    with cell.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    with cell.database.writing() as connection:
        for id_, order, recipient, state in (
            ("m1", "v1-01", "seller:shop", "pending"),
            ("m2", "odd/1", "gateway", "dead"),
            ("m3", "v1-01", "changes", "delivered"),
        ):
            fields = {"id": id_, "order": order, "recipient": recipient, "state": state}
            connection.execute(text(MESSAGE), fields | {"body": b"{}"})
        for id_, state, finished in (("r1", "waiting", None), ("r2", "cancelled", 8)):
            connection.execute(text(RUN), {"id": id_, "state": state, "finished": finished})
        connection.execute(text(ATTEMPT))
    yield cell
    cell.close()


def test_messages_get_their_channels_and_keys(old: Cell) -> None:
    migrate(old.database)
    with old.database.snapshot() as connection:
        rows = connection.execute(outbox_messages.select().order_by(outbox_messages.c.id)).all()
        recipients = connection.execute(outbox_recipients.select()).all()
    found = [(row.id, row.channel, row.ordering_key, row.state, row.attempts) for row in rows[:3]]
    assert found == [
        ("m1", "partner", "acme/v1-01", "pending", 3),
        ("m2", "gateway", "acme/order/odd/1", "dead", 3),
        ("m3", "internal", "acme/v1-01", "delivered", 3),
    ]
    assert sorted(row.recipient for row in recipients) == [
        "E/v/1/t",
        "changes",
        "gateway",
        "seller:shop",
    ]


def test_runs_become_messages_with_their_attempts(old: Cell) -> None:
    migrate(old.database)
    with old.database.snapshot() as connection:
        found = {run.id: run for run in runs.listed(connection, "acme", "E", "v/1", "t")}
        attempts = messages.attempts_of(connection, ["r1"])["r1"]
        counts = runs.counted(connection, "acme", "E")
    assert counts == {("v/1", "t"): {"waiting": 1, "cancelled": 1}}
    first = found["r1"]
    assert (first.stream, first.version, first.entity_version, first.chain) == (
        "acme/document/E/1",
        1,
        4,
        2,
    )
    assert (first.message.due_at, first.message.last_error) == (5, "HTTP 500")
    assert found["r2"].message.completed_at == 8
    assert [(one.at, one.status, one.outcome) for one in attempts] == [(4, 500, "HTTP 500")]
