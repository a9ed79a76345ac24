"""The database of a cell, SQLite or PostgreSQL: how it is opened, read and written.

What makes one answer is read in one snapshot. A read of one statement needs none, and its
connection refuses a second statement. A write is one transaction; on SQLite
writers of all processes queue on a file lock, because SQLite's own busy handler sleeps and
lets late comers overtake, and the kernel's lock signals the next one at once.
"""

import asyncio
import fcntl
import inspect
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from oms_ledger.clock import Clock
from oms_ledger.eventstore import addresses

UNAVAILABLE: tuple[type[Exception], ...] = (
    exc.OperationalError,
    exc.TimeoutError,
    psycopg.OperationalError,
    sqlite3.OperationalError,
)
"""The database is away, restarting, read-only or busy: the same may be tried again."""

_UNREPLICATED = "01000"
"""The warning with which a canceled wait for the synchronous standby ends, as if it were over."""


class OutcomeUnknown(psycopg.OperationalError):
    """A write may have been made, or may be lost with a server: nobody may take it for done."""


class SecondStatement(Exception):
    """A connection for one statement was given another, of another moment: use a snapshot."""


class BlockingCall(RuntimeWarning):
    """A thread that runs an event loop waits for the database: use `cell.read` or `cell.write`."""


class Database:
    """One engine, with the ways to use it: none of them on a thread that runs an event loop."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        prefer: str = addresses.PRIMARY,
        prepare: bool = True,
    ) -> None:
        """`prefer` says which of several servers of an address is meant, in libpq's words.

        `prepare`: whether PostgreSQL keeps statements prepared, which not every pooler allows.
        """
        self.url = url
        self.clock = clock
        """The time that is written in tables."""
        self.sqlite = url.startswith("sqlite:")
        self.unreleased: dict[str, int] = {}
        """Leases, by subscription, that could not be given back while the database was away."""
        if self.sqlite:
            self.path = Path(url.removeprefix("sqlite:///"))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.engine = self._reads = _sqlite_engine(self.path, "FULL")
            self._unsynced = _sqlite_engine(self.path, "NORMAL")
        else:
            self._arguments = addresses.connection_arguments(url, prefer)
            if not prepare:
                self._arguments["prepare_threshold"] = None
            self.engine = _postgres_engine(self._arguments)
            self._reads = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            self._unsynced = self.engine
        for engine in {self.engine, self._unsynced}:
            event.listen(engine, "before_cursor_execute", _require_only)
            event.listen(engine, "checkin", self._end_late)
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For one statement that reads what is committed; a second one is refused."""
        with self._connected(self._reads) as connection:
            yield connection.execution_options(**{_ONLY: iter((True,))})

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Several statements that read what was committed at one moment."""
        with self._connected(self.engine) as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            connection.rollback()

    @contextmanager
    def writing(self, *, outlives_power: bool = True) -> Iterator[Connection]:
        """One write transaction: committed at the end, rolled back by an exception.

        Every commit outlives the processes. What need not outlive a power cut saves SQLite the
        wait for the disk; PostgreSQL has no such wait to save, because its own death would count.
        """
        engine = self.engine if outlives_power else self._unsynced
        with self.turn(), self._connected(engine) as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
            _require_replicated(connection)

    @contextmanager
    def writing_once(self, *, outlives_power: bool = True) -> Iterator[Connection]:
        """For one statement that writes: a transaction of its own, in one round trip."""
        engine = self._unsynced if self.sqlite and not outlives_power else self._reads
        with self.turn(), self._connected(engine) as connection:
            yield connection.execution_options(**{_ONLY: iter((True,))})
            _require_replicated(connection)

    def connect(self) -> psycopg.Connection:
        """A connection of PostgreSQL's own driver beside the engine's, each statement by itself."""
        return psycopg.connect(**self._arguments, autocommit=True)

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        _warn_on_a_loop()
        with engine.connect() as connection:
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
        """Close what is idle now, and what is in use when it is given back."""
        self._closed = True
        self.engine.dispose()
        self._unsynced.dispose()

    def _end_late(self, connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        """A pool that was disposed would keep what is given back to it, and be dropped with it."""
        if self._closed and connection is not None:
            connection.close()


def unreplicated(message: psycopg.errors.Diagnostic) -> bool:
    """Whether a message of the server says that a commit may not be on the synchronous standby."""
    return message.sqlstate == _UNREPLICATED


def _require_replicated(connection: Connection) -> None:
    """Raise when a commit was answered only because its wait for the standby was canceled."""
    if connection.info.pop(_UNREPLICATED, False):
        connection.invalidate()
        raise OutcomeUnknown("the wait for the synchronous standby was canceled")


def _postgres_engine(arguments: dict[str, Any]) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        connect_args=arguments,
        pool_size=10,
        max_overflow=20,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _messages(connection: Any, record: Any) -> None:
        def note(message: psycopg.errors.Diagnostic) -> None:
            if unreplicated(message):
                record.info[_UNREPLICATED] = True

        connection.add_notice_handler(note)

    @event.listens_for(engine, "handle_error")
    def _read_only(context: Any) -> Exception | None:
        """A server that only reads is no longer, or not yet, the one that is written to."""
        error = context.original_exception
        if not isinstance(error, ReadOnlySqlTransaction):
            return None
        context.is_disconnect = True
        return exc.OperationalError(context.statement, None, error, hide_parameters=True)

    return engine


def _warn_on_a_loop() -> None:
    """Warn of the coroutine that makes all others of its loop wait; tests take it for an error."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    frame = inspect.currentframe()
    while frame is not None and not frame.f_code.co_flags & inspect.CO_COROUTINE:
        frame = frame.f_back
    if frame is not None:
        module, registry = frame.f_globals["__name__"], frame.f_globals.setdefault(_WARNED, {})
        where = frame.f_code.co_filename, frame.f_lineno
        text = str(BlockingCall.__doc__)
        warnings.warn_explicit(text, BlockingCall, *where, module=module, registry=registry)


_WARNED = "__warningregistry__"
_ONLY = "only_statement"


def _require_only(connection: Connection, *_: object) -> None:
    """Let the only statement of a connection pass, once."""
    left = connection.get_execution_options().get(_ONLY)
    if left is not None and not next(left, False):
        raise SecondStatement(SecondStatement.__doc__)


def _sqlite_engine(path: Path, synchronous: str) -> Engine:
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
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "cache_size=-32000",
        ):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    return engine
