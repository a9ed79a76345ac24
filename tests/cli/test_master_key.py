"""The drill of a master key that is replaced: all opens by the new key, nothing by the old."""

import asyncio
import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import LargeBinary, insert, select
from typer.testing import CliRunner

from oms_ledger.accounts.mail_providers import MailProviderConfigured
from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.key_check import RotationUnfinished, WrongMasterKey
from oms_ledger.eventstore.tables import metadata
from oms_ledger.services.ops import master_key
from oms_ledger.services.ops.master_key import SEALED, ProcessesRunning, UnreadableSecret, rotate
from projections import tables
from projections.conversation import providers
from projections.masterdata import trigger_secrets
from projections.operators import directory
from projections.outbox.integration import seal
from projections.outbox.tables import outbox_messages
from tests.conftest import MASTER_KEY
from tests.support.configuring import create_operator, rotate_trigger_secret, set_second_factor
from tests.support.purchases import ACCOUNT, open_account, place_paid

NEW = b"n" * 32
CODES = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def filled(cell: Cell) -> Cell:
    """A ledger with orders, and secrets of several kinds."""

    async def story() -> None:
        await open_account(cell.ledger)
        for number in range(1, 6):
            await place_paid(cell.ledger, f"v{number}-01", number)

    asyncio.run(story())
    rotate_trigger_secret(cell, ACCOUNT)
    mails = [MailProviderConfigured("own", "smtp://u:secret@mx.example")]
    asyncio.run(cell.ledger.configure(CommandContext(ACCOUNT, "test"), lambda _: mails))
    ana = create_operator(
        cell, ACCOUNT, "Owner", email="ana@example.com", name="Ana", password_hash="-"
    )
    set_second_factor(cell, ana, CODES)
    return cell


@pytest.fixture
def under():
    """The same database, opened anew with other settings; closed in the end."""
    made = []

    def opened_by(cell: Cell, key: bytes | None, **settings: Any) -> Cell:
        made.append(Cell(replace(cell.settings, master_key=key, **settings), cell.clock))
        return made[-1]

    yield opened_by
    for one in made:
        one.close()


def opened(cell: Cell) -> tuple[object, ...]:
    with cell.database.snapshot() as connection:
        secret = trigger_secrets.get(connection, cell.encryption, ACCOUNT)
        mails = providers.get(connection, cell.encryption, ACCOUNT, "own")
        assert mails == "smtp://u:secret@mx.example"
        ana = directory.by_email(connection, "ana@example.com")
        assert ana is not None
        assert directory.second_factor(cell.encryption, ana.id, ana.second_factor) == CODES
    order = asyncio.run(cell.ledger.order(ACCOUNT, "v3-01"))
    return order.placed.client_profile, secret, cell.encryption.sign("profile")


def test_everything_opens_by_the_new_key_and_nothing_by_the_old(filled, under):
    before = opened(filled)
    head = filled.store.head()
    assert list(rotate(filled.database, MASTER_KEY, NEW))
    after = under(filled, NEW)
    assert opened(after) == before, "what is signed stays, too"
    assert after.store.head() == head
    with pytest.raises(WrongMasterKey):
        _ = under(filled, MASTER_KEY).encryption
    asyncio.run(place_paid(after.ledger, "v9-01", 9))
    assert list(rotate(filled.database, NEW, MASTER_KEY)), "and back again"
    assert opened(under(filled, MASTER_KEY)) == before


def test_cut_short_at_any_page_it_goes_on(filled, under, monkeypatch):
    monkeypatch.setattr(master_key, "PAGE", 1)
    before = opened(filled)
    pages = len(list(rotate(filled.database, MASTER_KEY, NEW)))
    assert pages > 5
    old, new = NEW, MASTER_KEY
    for page in range(1, pages):
        for _, _ in zip(range(page), rotate(filled.database, old, new), strict=False):
            pass  # and the process dies
        for key in (old, new):
            with pytest.raises(RotationUnfinished):
                _ = under(filled, key).encryption
        with pytest.raises(WrongMasterKey):
            list(rotate(filled.database, old, b"o" * 32))
        list(rotate(filled.database, old, new))
        assert opened(under(filled, new)) == before
        old, new = new, old


def test_it_waits_until_every_process_is_stopped(filled, under):
    row = {"process": "host:1", "kind": "web", "at": filled.clock.micros(), "body": "{}"}
    with filled.database.writing() as connection:
        connection.execute(insert(tables.process_metrics).values(row))
    with pytest.raises(ProcessesRunning, match="host:1"):
        list(rotate(filled.database, MASTER_KEY, NEW))
    assert opened(under(filled, MASTER_KEY)) == opened(filled)


def test_what_neither_key_opens_is_named(filled):
    with filled.database.writing() as connection:
        broken = {"account": "x", "secret": b"\0" * 60, "created_at": 0}
        connection.execute(insert(tables_of("trigger_secrets")).values(broken))
    with pytest.raises(UnreadableSecret, match=r"trigger_secrets\.secret of trigger-secret:x"):
        list(rotate(filled.database, MASTER_KEY, NEW))


def tables_of(name):
    return metadata.tables[name]


def test_every_place_that_seals_is_among_those_that_are_gone_over():
    """A new secret has to be added to the list: who seals, and what binary columns are plain."""
    sealing = {
        str(path.relative_to(ROOT))
        for folder in ("oms_ledger", "projections", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"encryption\.(seal|new_key)\(", path.read_text())
    }
    assert sealing == {
        "oms_ledger/eventstore/ledger.py",
        "oms_ledger/services/jobs/runner.py",
        "oms_ledger/services/operators/openid.py",  # a cookie of ten minutes, stored nowhere
        "oms_ledger/services/operators/second_factor.py",  # a cookie and a field of a form
        "projections/accounts/configuration.py",
        "projections/carts/store.py",
        "projections/operators/directory.py",
        "projections/outbox/integration.py",
        "projections/streams/outgoing.py",
    }
    known = {(one.table.name, name) for one in SEALED for name in one.columns}
    binary = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert known <= binary


def test_a_message_that_is_sealed_inside_is_gone_over(filled, under):
    body = seal({"results": ["ana"]}, filled.encryption, "m1")
    plain = orjson.dumps({"note": "plain"})
    columns = outbox_messages.c
    with filled.database.writing() as connection:
        for message, content in (("m1", body), ("m2", plain)):
            row = {
                column.name: 0 if column.type.python_type is int else "x"
                for column in columns
                if not column.nullable
            }
            connection.execute(
                insert(outbox_messages).values({**row, "id": message, "body": content})
            )
    list(rotate(filled.database, MASTER_KEY, NEW))
    after = under(filled, NEW)
    with after.database.reading() as connection:
        stored = dict(tuple(row) for row in connection.execute(select(columns.id, columns.body)))
    assert bytes(stored["m2"]) == plain
    sealed = bytes.fromhex(orjson.loads(bytes(stored["m1"]))["sealed"])
    assert orjson.loads(after.encryption.open(sealed, "integration:m1")) == {"results": ["ana"]}


def test_the_command_replaces_the_key_of_the_data_folder(filled, under, tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "master.key").write_bytes(base64.b64encode(MASTER_KEY))
    fresh = tmp_path / "fresh"
    fresh.write_bytes(base64.b64encode(NEW) + b"\n")
    before = opened(filled)
    cell = under(filled, None, data_dir=folder)
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    run = CliRunner().invoke
    done = run(app, ["master-key", "rotate", "--to", str(fresh)])
    assert done.exit_code == 0, done.output
    assert base64.b64decode((folder / "master.key").read_bytes()) == NEW
    assert (folder / "master.key").stat().st_mode & 0o077 == 0
    assert opened(under(filled, None, data_dir=folder)) == before
    assert run(app, ["master-key", "rotate", "--to", str(fresh)]).exit_code == 1
    (tmp_path / "short").write_text("AAAA")
    assert run(app, ["master-key", "rotate", "--to", str(tmp_path / "short")]).exit_code == 1
