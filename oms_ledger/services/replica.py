"""Reads that a replica serves: only what it provably has as the primary had it at the request.

The primary says how far its log is written to disk, which covers every command that was answered;
a replica that has replayed it so far shows all of them. One that has not in a moment, that fails
or does not answer, is left alone until it has, and the primary serves: only the first who finds
out has waited for nothing.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from prometheus_client import Counter
from sqlalchemy import Connection, exc, text

from oms_ledger.cell import Cell
from oms_ledger.eventstore.database import Database
from oms_ledger.services.fair_threads import FairThreads
from projections.subscriptions import checkpoints

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE, LOOK, REST = 0.1, 0.005, 1.0  # seconds
LONGEST = 5.0
"""Seconds that a view may be read for; whoever takes longer does not answer any more."""
THREADS = 12

READS = Counter("oms_replica_reads", "Reads meant for a replica, by who served them", ["server"])

_WRITTEN = text(
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text END,"
    " (SELECT coalesce(max(position), 0) FROM events)"
)
_REPLAYED = text(
    "SELECT pg_is_in_recovery() AND coalesce(pg_last_wal_replay_lsn() >= CAST(:lsn AS pg_lsn),"
    " false)"
)
_BEGINNING = "0/0"
_FAILURES = (exc.DBAPIError, exc.TimeoutError)


class NotServed(Exception):
    """No replica serves this read: the primary has to."""


class Replica:
    """The replica of a cell's database, where it has one."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._threads = FairThreads(THREADS, "replica")
        self._lacks: str | None = None
        """How far it has to have replayed the log before it is asked again."""
        self._looked_at = 0.0
        self._looking: Future[None] | None = None

    def close(self) -> None:
        """Let go of the threads that read from the replica."""
        self._threads.shutdown(wait=False)

    async def read_view(
        self,
        subscription: str,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a function reads in one snapshot of a view that lacks no event of now."""

        def look(database: Database, head: int) -> tuple[T] | None:
            with database.snapshot() as connection:
                at = checkpoints.position(connection, subscription)
                late = at is not None and at < head
                return None if late else (function(connection, *args, **kwargs),)

        if self._cell.replica is None:
            raise NotServed
        with _counting():
            database = self._usable()
            lsn, head = await asyncio.to_thread(self._written)
            until = time.monotonic() + PATIENCE
            while not await self._ask(partial(_has_replayed, database, lsn), lsn, until):
                await self._pause(until, lsn)
            longest = time.monotonic() + LONGEST
            while (found := await self._ask(partial(look, database, head), lsn, longest)) is None:
                await self._pause(until)  # the projector is late, not the replica
        return found[0]

    async def read_version(
        self,
        stream: str,
        function: Callable[Concatenate[Connection, P], tuple[int, T] | None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What one statement reads of a stream, with its version: that of the primary of now."""

        def look(database: Database) -> tuple[int, T] | None:
            with database.reading() as connection:
                return function(connection, *args, **kwargs)

        if self._cell.replica is None:
            raise NotServed
        with _counting():
            database = self._usable()
            until = time.monotonic() + PATIENCE
            found = await self._ask(partial(look, database), _BEGINNING, until)
            if found is None or found[0] != await self._cell.ledger.version(stream):
                raise NotServed
        return found[1]

    def _usable(self) -> Database:
        """The replica, unless it lacked something and has not been seen to have it since."""
        database = self._cell.replica
        assert database is not None, "whoever has none asks none"
        if self._lacks is None:
            return database
        looking = self._looking is not None and not self._looking.done()
        if not looking and time.monotonic() - self._looked_at >= REST:
            self._looked_at = time.monotonic()
            self._looking = self._threads.submit(self._look_again, database, self._lacks)
        raise NotServed

    def _look_again(self, database: Database, lsn: str) -> None:
        with suppress(*_FAILURES):  # then it is still away
            if _has_replayed(database, lsn):
                self._lacks = None
                return
        database.engine.dispose()  # what it leads to may be another server by now

    def _leave(self, lsn: str) -> None:
        self._lacks, self._looked_at = lsn, time.monotonic()

    async def _pause(self, until: float, lsn: str | None = None) -> None:
        """Wait before another look; when it has been long enough, leave who lacks a position."""
        if time.monotonic() >= until:
            if lsn is not None:
                self._leave(lsn)
            raise NotServed
        await asyncio.sleep(LOOK)

    def _written(self) -> tuple[str, int]:
        """How far the primary's log is written, and its head."""
        with self._cell.database.reading() as connection:
            lsn, head = connection.execute(_WRITTEN).one()
        if lsn is None:  # no primary, for now
            raise NotServed
        return lsn, head

    async def _ask(self, look: Callable[[], T], lsn: str, until: float) -> T:
        """What a thread reads of the replica; one that fails or is silent is left alone."""
        answer = asyncio.get_running_loop().run_in_executor(self._threads, look)
        done, _ = await asyncio.wait({answer}, timeout=max(LOOK, until - time.monotonic()))
        if done and not isinstance(error := answer.exception(), _FAILURES):
            return answer.result()
        if not done:
            error = None
            answer.add_done_callback(lambda late: late.cancelled() or late.exception())
        self._leave(lsn)
        raise NotServed from error


def _has_replayed(database: Database, lsn: str) -> bool:
    with database.reading() as connection:
        return bool(connection.execute(_REPLAYED, {"lsn": lsn}).scalar_one())


@contextmanager
def _counting() -> Iterator[None]:
    server = "primary"
    try:
        yield
        server = "replica"
    finally:
        READS.labels(server).inc()
