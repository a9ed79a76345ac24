"""The store's own running numbers: increasing, never twice, with gaps nobody can guess.

A process takes a block of numbers from the database in one durable write and hands them out by
itself, so that placing an order costs one durable write, the order's own. What is left of a block
is thrown away after a minute, or when the process ends: a gap more, and the numbers of several
processes stay in step with time to a minute.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.tables import sequences as t

FIRST = 100_000
WIDEST_GAP = 9
BLOCK = 200
LIFETIME = 60.0  # seconds


@dataclass(slots=True)
class _Block:
    next: int
    end: int
    until: float


class Sequences:
    """The numbers of one process; `random(n)` answers 0…n-1. May be used from any thread."""

    def __init__(
        self,
        database: Database,
        random: Callable[[int], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._random, self._clock = database, random, clock
        self._blocks: dict[str, _Block] = {}
        self._lock = threading.Lock()

    def allot(self, account: str, count: int) -> list[int]:
        """`count` fresh sequence numbers in a row."""
        step = count + self._random(WIDEST_GAP)
        with self._lock:
            block = self._blocks.get(account)
            if block is None or block.end - block.next < step or block.until < self._clock():
                block = self._blocks[account] = self._reserved(account, max(BLOCK, step))
            first = block.next
            block.next += step
        return list(range(first, first + count))

    def _reserved(self, account: str, size: int) -> _Block:
        until = self._clock() + LIFETIME
        dialect = sqlite if self._database.sqlite else postgresql
        upsert = dialect.insert(t).values(account=account, next=FIRST + size)
        upsert = upsert.on_conflict_do_update(
            index_elements=["account"], set_={"next": t.c.next + size}
        )
        with self._database.writing() as connection:
            end: int = connection.execute(upsert.returning(t.c.next)).scalar_one()
        return _Block(end - size, end, until)
