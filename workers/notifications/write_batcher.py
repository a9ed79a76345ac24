"""Writes what many tasks of a loop have to write in common transactions, one after the other.

What waits while a transaction is on its way goes into the next one, so a hundred hooks cost a
commit together and not each; what is urgent goes first. What is fenced does nothing and harms
nobody. If a transaction fails, its writes are tried one by one, so that only the culprit hears of
it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection

from oms_ledger.eventstore.database import Database
from projections.subscriptions.leases import Fenced

MOST = 64
T = TypeVar("T")
Write = Callable[[Connection], Any]


class WriteBatcher:
    """Used from one loop; writes in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "batch-writer")
        self._waiting: list[tuple[str, Write, asyncio.Future[Any]]] = []
        self._urgent: list[tuple[str, Write, asyncio.Future[Any]]] = []
        self._at_work: asyncio.Task[None] | None = None

    async def write(self, key: str, write: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Carry out a write that locks nothing but what belongs to the key, Fenced or done."""
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._waiting).append((key, write, outcome))
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())
        return await outcome

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._urgent or self._waiting:
                group, self._urgent = self._urgent[:MOST], self._urgent[MOST:]
                left = MOST - len(group)
                group += self._waiting[:left]
                self._waiting = self._waiting[left:]
                # Everybody locks in the order of keys; the writes of one keep their order.
                group.sort(key=lambda one: one[0])
                writes = [write for _, write, _ in group]
                outcomes = await loop.run_in_executor(self._thread, self._carry_out, writes)
                for (_, _, waiting), outcome in zip(group, outcomes, strict=True):
                    if waiting.cancelled():
                        continue
                    if isinstance(outcome, BaseException):
                        waiting.set_exception(outcome)
                    else:
                        waiting.set_result(outcome)
        finally:
            self._at_work = None

    def _carry_out(self, writes: list[Write]) -> list[Any]:
        try:
            return self._together(writes)
        except Exception as error:
            if len(writes) == 1:
                return [error]
        return [outcome for write in writes for outcome in self._carry_out([write])]

    def _together(self, writes: list[Write]) -> list[Any]:
        outcomes: list[Any] = []
        with self._database.writing() as connection:
            for write in writes:
                try:
                    outcomes.append(write(connection))
                except Fenced as fenced:
                    outcomes.append(fenced)
        return outcomes
