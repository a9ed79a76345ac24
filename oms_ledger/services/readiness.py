"""Whether orders can be taken: threads that do nothing else ask database and Redis.

Whoever balances load asks every second. The answer comes within `LIMIT`, also when everything
else in the process waits for a database that does not answer.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import redis
from sqlalchemy import text

from oms_ledger.cell import Cell
from oms_ledger.eventstore.database import UNAVAILABLE

LIMIT = 0.9  # seconds that database and Redis have to answer in
STUCK = 5.0  # seconds after which an append that still waits says that none comes through
SKEW = 2.0  # seconds that this machine's clock may differ from the database's

_SERVER = text(
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
    " extract(epoch FROM clock_timestamp())::float8"
)

T = TypeVar("T")


@dataclass
class State:
    """`reasons` why no order can be taken; `notes` of what is wrong and stops none."""

    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class NoAnswer(Exception):
    """Nothing was received within the limit."""


class _Probe(Generic[T]):
    """One question at a time, in a thread of its own; a slow answer is waited for again."""

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, name)
        self._pending: Future[T] | None = None

    async def answer(self) -> T:
        if self._pending is None or self._pending.done():
            self._pending = self._thread.submit(self._ask)
        received = asyncio.wrap_future(self._pending)
        done, _ = await asyncio.wait({received}, timeout=LIMIT)
        if done:
            return received.result()
        received.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise NoAnswer

    def close(self) -> None:
        self._thread.shutdown(wait=False)


class Readiness:
    """Of one cell, as a web process sees it."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._database = _Probe("ready-database", self._ask_database)
        self._redis = _Probe("ready-redis", lambda: cell.redis.ping())

    async def state(self) -> State:
        """Whether requests can be served now, with the reasons against it."""
        state = State()
        await asyncio.gather(self._look_at_database(state), self._look_at_redis(state))
        if (waits := self._cell.ledger.oldest_append()) > STUCK:
            state.reasons.append(f"an append has waited for {waits:.0f} s")
        return state

    def close(self) -> None:
        """Stop looking."""
        self._database.close()
        self._redis.close()

    async def _look_at_database(self, state: State) -> None:
        try:
            reason, skew = await self._database.answer()
        except NoAnswer:
            state.reasons.append(f"the database did not answer within {LIMIT:g} s")
        except UNAVAILABLE as error:
            state.reasons.append(f"the database does not answer: {type(error).__name__}")
        else:
            if reason:
                state.reasons.append(reason)
            if abs(skew) > SKEW:
                state.notes.append(f"the clock differs by {skew:+.1f} s from the database's")

    async def _look_at_redis(self, state: State) -> None:
        why = ""
        try:
            await self._redis.answer()
        except NoAnswer:
            why = "no answer"
        except redis.RedisError as error:
            why = type(error).__name__
        if why:
            state.notes.append(
                f"redis is unavailable ({why}): feeds and hooks wait for the reconciliation"
            )

    def _ask_database(self) -> tuple[str, float]:
        """Why the server takes no writes, if so, and by how many seconds our clock is ahead."""
        if self._cell.database.sqlite:
            self._cell.store.head()
            return "", 0.0
        with self._cell.database.snapshot() as connection:
            began = self._cell.clock.seconds()
            standby, read_only, theirs = connection.execute(_SERVER).one()
            skew = (began + self._cell.clock.seconds()) / 2 - theirs
        if standby:
            return "the database is a standby", skew
        return "the database is read-only" if read_only else "", skew
