"""The tables' history, by Alembic; run before processes start, never by two at once."""

import fcntl
import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from oms_ledger.eventstore.database import Database

_LOCK = 7_305_001  # the advisory lock of migrations


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def migrate(database: Database) -> None:
    """Bring the tables to this release; a second process waits for the first."""
    config = _config()
    if database.sqlite:
        handle = os.open(f"{database.path}.migrate", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with database.engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            os.close(handle)
        return
    with database.engine.connect() as lock, database.engine.connect() as connection:
        lock.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        finally:
            lock.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def is_current(database: Database) -> bool:
    """Whether the tables are those of this release."""
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(_config()).get_current_head()
