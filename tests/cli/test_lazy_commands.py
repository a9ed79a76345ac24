"""Help and errors of usage load no command, and what they say is what the commands say."""

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from oms_ledger import cli
from oms_ledger.cli import app
from oms_ledger.cli.lazy import COMMANDS, GROUPS, load

HEAVY = (
    *("fastapi", "starlette", "granian", "sqlalchemy", "alembic", "psycopg", "redis"),
    *("rq", "aiohttp", "requests", "eventsourcing", "cryptography", "prometheus_client", "jlens"),
    *("jsonata", "regex", "re2", "oms_ledger.cell", "oms_ledger.api", "oms_ledger.orders"),
)
LIGHT = """
import sys
from oms_ledger.cli import main
sys.argv = ["oms-ledger", *{words!r}]
try:
    main()
except SystemExit:
    pass
print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [("--help",), (), ("nothing",), ("--nothing",), ("up-and-down", "--help")]
)
def test_help_and_errors_of_usage_load_no_command(words):
    program = LIGHT.format(words=list(words), heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr.splitlines()[-1] == "", done.stderr


def test_a_key_and_an_account_load_no_web_application():
    for words in (["account", "--help"], ["key", "create", "--help"]):
        program = LIGHT.format(words=words, heavy=("fastapi", "granian", "oms_ledger.api", "rq"))
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
        )
        assert done.stderr.splitlines()[-1] == "", done.stderr


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_each_command_is_there_and_says_what_its_row_says(name):
    _, text = {**COMMANDS, **GROUPS}[name]
    command = load(name)
    assert " ".join((command.help or "").split("\n\n")[0].split()) == text
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f" {name} " in CliRunner().invoke(app, ["--help"]).output


def test_no_command_of_a_module_is_left_out():
    installed = typer.Typer()
    for one in pkgutil.iter_modules(cli.__path__):
        module = import_module(f"oms_ledger.cli.{one.name}")
        if hasattr(module, "install"):
            module.install(installed)
    assert set(typer.main.get_group(installed).commands) == set(COMMANDS)
