"""The command `oms-ledger`."""

import os
import sys

import typer

from oms_ledger.cli.lazy import LazyGroup
from oms_ledger.refusal import Refusal
from oms_ledger.settings import SettingsError

app = typer.Typer(
    name="oms-ledger",
    cls=LazyGroup,
    help="A self-hosted, event-sourced order ledger that speaks the VTEX OMS HTTP API.\n\n"
    "Start with `oms-ledger up`. Everything is set by environment variables: see the README.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

# Errors that a person can mend, by module and class: a module that was not loaded raised none.
MENDABLE = (
    ("oms_ledger.cell", "NotMigrated"),
    ("oms_ledger.migrations", "UnknownRevision"),
    ("oms_ledger.cell", "MissingMasterKey"),
    ("oms_ledger.eventstore.key_check", "WrongMasterKey"),
    ("oms_ledger.jsonata", "EngineMissing"),
    ("oms_ledger.directory", "DirectoryError"),
    ("oms_ledger.eventstore.hosting", "WrongState"),
    ("oms_ledger.eventstore.adoption", "DivergedEvent"),
    ("oms_ledger.services.cells.move", "MoveRefused"),
    ("oms_ledger.services.cells.move", "FencedTooLong"),
    ("oms_ledger.services.cells.forgetting", "ForgetRefused"),
    ("oms_ledger.eventstore.ledger", "AccountMoved"),
    ("oms_ledger.eventstore.key_check", "RotationUnfinished"),
    ("oms_ledger.services.ops.master_key", "ProcessesRunning"),
    ("oms_ledger.services.ops.master_key", "UnreadableSecret"),
    ("oms_ledger.eventstore.anchors", "MalformedAnchor"),
    ("oms_ledger.eventstore.anchors", "UnusableSealKey"),
    ("oms_ledger.eventstore.archive", "UnusableArchive"),
    ("oms_ledger.eventstore.proof", "UnprovableEvent"),
)


@app.callback()
def _commands() -> None:
    """The commands are those of `lazy`."""


def main() -> None:
    """Run a command; what a person can mend is one sentence, not a traceback.

    What a command writes is for its own user alone.
    """
    os.umask(0o077)
    try:
        app()
    except (Refusal, SettingsError) as error:
        sys.exit(f"oms-ledger: {error}")
    except Exception as error:
        if (sentence := _sentence(error)) is None:
            raise
        sys.exit(f"oms-ledger: {sentence}")


def _sentence(error: Exception) -> str | None:
    for module, name in MENDABLE:
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return str(error)
    database = sys.modules.get("sqlalchemy.exc")
    if database is not None and isinstance(error, database.OperationalError):
        return f"the database does not answer: {error.orig}"
    return None
