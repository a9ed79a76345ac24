"""`oms-ledger cell …`: cells are added with their accounts, listed, mapped and forgotten."""

import base64
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.cli.accounts import create_account
from oms_ledger.directory import DirectoryError
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.hosting import FORGOTTEN
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.services.cells.move import Move, MoveRefused
from tests.conftest import MASTER_KEY, prepared_database
from tests.support.cells import two_cells

PATIENT = ("--fenced-for", "300")
"""However busy the machine is."""


@pytest.fixture
def cells(tmp_path: Path):
    with two_cells(partial(prepared_database, "sqlite"), tmp_path, MASTER_KEY) as both:
        yield both


@pytest.fixture
def command(cells):
    def run(cell, *arguments):
        environ = {
            "OMS_DATA_DIR": str(cell.settings.data_dir),
            "OMS_DATABASE_URL": cell.settings.database_url,
            "OMS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "OMS_CELL": cell.settings.cell,
            "OMS_DIRECTORY_URL": cell.settings.directory_url,
        }
        result = CliRunner().invoke(app, arguments, env=environ)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def add(command, cell, *, run_in=None):
    url = f"http://127.0.0.1:{18080 if cell.settings.cell == 'a' else 18081}"
    given = ("--url", url, "--database", cell.settings.database_url)
    return command(run_in or cell, "cell", "add", cell.settings.cell, *given)


def test_cells_and_their_accounts(cells, command, tmp_path):
    add(command, cells.a)
    command(cells.a, "account", "create", "acme")
    command(cells.b, "account", "create", "globex")
    add(command, cells.b, run_in=cells.a)
    listed = orjson.loads(command(cells.b, "cell", "list", "--json"))
    assert [(one["cell"], one["accounts"]) for one in listed] == [("a", 1), ("b", 1)]
    (where,) = orjson.loads(command(cells.a, "account", "where", "globex", "--json"))
    assert (where["cell"], where["state"], where["epoch"]) == ("b", "live", 1)
    assert command(cells.a, "cell", "map") == "acme a\nglobex b\n"
    file = tmp_path / "accounts.map"
    command(cells.a, "cell", "map", "--file", str(file))
    assert file.read_text() == "acme a\nglobex b\n"


def test_an_account_is_in_one_cell(cells, command):
    add(command, cells.a)
    add(command, cells.b)
    command(cells.a, "account", "create", "acme")
    with pytest.raises(DirectoryError, match="The cell a hosts the account acme"):
        command(cells.b, "account", "create", "acme")
    assert cells.b.store.head() == 0


def test_accounts_from_before_there_was_a_directory(cells, command):
    """A cell brings what it has along; what another one hosts stays there, and is named."""
    for cell in cells.both:
        other = Cell(replace(cell.settings, cell=None), cell.clock)
        create_account(other, "acme")
        other.close()
    add(command, cells.a)
    with pytest.raises(DirectoryError, match="Another cell hosts acme"):
        add(command, cells.b)
    (where,) = orjson.loads(command(cells.a, "account", "where", "acme", "--json"))
    assert where["cell"] == "a"


def test_a_cell_with_accounts_is_not_forgotten(cells, command):
    add(command, cells.a)
    add(command, cells.b)
    command(cells.a, "account", "create", "acme")
    with pytest.raises(DirectoryError, match="move its accounts first"):
        command(cells.a, "cell", "remove", "a")
    command(cells.a, "cell", "remove", "b")
    with pytest.raises(DirectoryError, match="knows no cell b"):
        command(cells.a, "cell", "remove", "b")


@pytest.mark.parametrize(
    "given",
    [
        ("B", "--url", "http://x:1", "--database", "postgresql://db/oms"),
        ("b", "--url", "ftp://x", "--database", "postgresql://db/oms"),
        ("b", "--url", "http://x:1", "--database", "postgresql://oms:secret@db/oms"),
        ("b", "--url", "http://x:1", "--database", "host=db password=secret dbname=oms"),
    ],
)
def test_what_cannot_be_a_cell_is_refused(cells, given):
    environ = {"OMS_DIRECTORY_URL": cells.a.settings.directory_url, "OMS_CELL": "a"}
    result = CliRunner().invoke(app, ["cell", "add", *given], env=environ)
    assert result.exit_code == 2
    assert "secret" not in result.output


def test_an_account_is_moved(cells, command):
    for cell in (cells.a, cells.b):
        add(command, cell)
    command(cells.a, "account", "create", "acme")
    command(cells.a, "key", "create", "--account", "acme", "--role", "Owner")
    moved = command(cells.a, "account", "move", "acme", "--to", "b", *PATIENT)
    assert "Account acme is in cell b." in moved
    assert "oms-ledger account forget acme" in moved
    (where,) = orjson.loads(command(cells.b, "account", "where", "acme", "--json"))
    assert (where["cell"], where["state"], where["epoch"]) == ("b", "live", 2)
    assert "grace_period" in command(cells.b, "account", "show", "acme")
    with pytest.raises(AccountMoved):
        command(cells.a, "account", "set", "acme", "grace_period_minutes=5")
    with pytest.raises(DirectoryError, match="hosts the account acme already"):
        command(cells.a, "account", "move", "acme", "--to", "b")
    with pytest.raises(DirectoryError, match="knows no cell c"):
        command(cells.a, "account", "move", "acme", "--to", "c")
    command(cells.b, "account", "move", "acme", "--to", "a", *PATIENT)
    (where,) = orjson.loads(command(cells.b, "account", "where", "acme", "--json"))
    assert (where["cell"], where["epoch"]) == ("a", 3)
    assert "acme is forgotten in cell b" in command(cells.b, "account", "forget", "acme")
    with pytest.raises(MoveRefused, match="cannot return"):
        command(cells.a, "account", "move", "acme", "--to", "b", *PATIENT)


def test_a_move_forgets_the_account_where_it_was(cells, command):
    for cell in (cells.a, cells.b):
        add(command, cell)
    command(cells.a, "account", "create", "acme")
    moved = command(cells.a, "account", "move", "acme", "--to", "b", "--forget", *PATIENT)
    assert "is forgotten in cell a" in moved
    with cells.a.database.reading() as connection:
        assert hosting.state_of(connection, "acme") == FORGOTTEN


def test_a_move_that_was_begun_is_given_up(cells, command):
    for cell in (cells.a, cells.b):
        add(command, cell)
    command(cells.a, "account", "create", "acme")
    begun = Move("acme", cells.a, cells.b, cells.directory)
    begun._begin(begun._place())
    begun._copy_events()
    assert "stays in cell a" in command(cells.a, "account", "move", "acme", "--to", "b", "--abort")
    (where,) = orjson.loads(command(cells.a, "account", "where", "acme", "--json"))
    assert (where["cell"], where["state"]) == ("a", "live")
    command(cells.a, "account", "set", "acme", "grace_period_minutes=5")
