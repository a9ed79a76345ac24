"""The database of a cell, SQLite or PostgreSQL: how it is opened, read and written.

Reads see what is committed, each statement by itself. A write is one transaction; on SQLite
writers of all processes queue on a file lock, because SQLite's own busy handler sleeps and
lets late comers overtake, and the kernel's lock signals the next one at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool


class Database:
    """One engine, with the two ways to use it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        if self.sqlite:
            self.path = Path(url.removeprefix("sqlite:///"))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.engine = self._reads = _sqlite_engine(self.path)
        else:
            driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
            self.engine = create_engine(
                driver, pool_size=10, max_overflow=20, pool_pre_ping=True, hide_parameters=True
            )
            self._reads = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._reads.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Several statements that read what was committed at one moment."""
        with self.engine.connect() as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction: committed at the end, rolled back by an exception."""
        with self.turn(), self.engine.connect() as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    @contextmanager
    def writing_once(self) -> Iterator[Connection]:
        """For one statement that writes: a transaction of its own, in one round trip."""
        with self.turn(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to write; a queue between processes on SQLite, nothing on PostgreSQL."""
        if not self.sqlite:
            yield
            return
        handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def close(self) -> None:
        self.engine.dispose()


def _sqlite_engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=10,
        max_overflow=20,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",  # a transaction is begun by its own statement
        connect_args={"check_same_thread": False, "timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: object, _: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-32000",
        ):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    return engine
