"""Writes what many tasks of a loop have to write in common transactions, one after the other.

A hundred hooks cost a commit together and not each; what is urgent goes first. What is fenced does
nothing and harms nobody.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from oms_ledger.eventstore.batch_writer import BatchWriter
from oms_ledger.eventstore.database import Database
from projections.subscriptions.leases import Fenced

MOST = 64
T = TypeVar("T")
Write = Callable[[Connection], Any]


class WriteBatcher:
    """Used from one loop; writes in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: BatchWriter[tuple[str, Write], Any] = BatchWriter(
            "batch-writer", self._together, MOST, alone=True
        )

    async def write(self, key: str, write: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Carry out a write that locks nothing but what belongs to the key, Fenced or done.

        Who goes away meanwhile does not undo it.
        """
        outcome: T = await asyncio.shield(self._writer.put((key, write), urgent=urgent))
        return outcome

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        self._writer.close()

    def _together(self, writes: Sequence[tuple[str, Write]]) -> list[Any]:
        """Everybody locks in the order of keys; the writes of one keep their order."""
        outcomes: list[Any] = [None] * len(writes)
        with self._database.writing() as connection:
            for place, (_, write) in sorted(enumerate(writes), key=lambda one: one[1][0]):
                try:
                    outcomes[place] = write(connection)
                except Fenced as fenced:
                    outcomes[place] = fenced
        return outcomes
