"""The tables' history, by Alembic; run before processes start, never by two at once."""

import fcntl
import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from oms_ledger.eventstore.database import Database
from oms_ledger.migrations import carry_over

_LOCK = 7_305_001  # the advisory lock of migrations


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


class UnknownRevision(Exception):
    """The tables are those of no release that this one can begin from."""


def migrate(database: Database) -> None:
    """Bring the tables to this release; a second process waits for the first."""
    config = _config()
    if database.sqlite:
        handle = os.open(f"{database.path}.migrate", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with database.engine.connect() as connection:
                _upgrade(config, connection)
        finally:
            os.close(handle)
        return
    with database.engine.connect() as lock, database.engine.connect() as connection:
        lock.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            _upgrade(config, connection)
        finally:
            lock.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def _upgrade(config: Config, connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found == carry_over.BEFORE:
        with connection.begin():
            carry_over.carry_over(connection)
    elif found is not None and found not in known:
        raise UnknownRevision(
            f"The database is at revision {found}, which this release does not know. A later"
            " release made it: run that release. An earlier one did: bring it to"
            f" {carry_over.BEFORE} with its own `oms-ledger migrate` first, or restore a backup."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Whether the tables are those of this release."""
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(_config()).get_current_head()
