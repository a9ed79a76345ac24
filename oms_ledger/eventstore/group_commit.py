"""Group commit: whatever waits goes into one transaction, and each caller gets its own outcome.

A write that conflicts fails alone (G7). The reply comes only after the commit is durable (G1). A
write with a deadline waits no longer: one that is in no group by then is not made, and of one that
is on its way nobody knows.
"""

import asyncio
import time
from weakref import WeakKeyDictionary

from oms_ledger.eventstore.batch_writer import BatchWriter, WriterClosed
from oms_ledger.eventstore.database import OutcomeUnknown
from oms_ledger.eventstore.records import Outcome, Write
from oms_ledger.eventstore.store import Store

LARGEST_GROUP = 500  # events
MOST_WAITING = 500
"""Writes that may wait when one with a deadline comes."""


class NotRecorded(Exception):
    """The write was not made and never will be: too many wait, or its time is over."""


Writer = BatchWriter[Write, Outcome]


class GroupCommit:
    """May be used from several event loops; each has groups of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since: dict[asyncio.Future[Outcome], float] = {}
        self._writers: WeakKeyDictionary[asyncio.AbstractEventLoop, Writer] = WeakKeyDictionary()
        self._closed = False

    async def append(self, write: Write, deadline: float | None = None) -> Outcome:
        """The write's last position, or why it was not made; `deadline` is in monotonic seconds."""
        now, writer = time.monotonic(), self._writer_of_this_loop()
        if deadline is not None and (now >= deadline or writer.waiting >= MOST_WAITING):
            raise NotRecorded
        outcome = writer.put(write)
        self._since[outcome] = now
        outcome.add_done_callback(self._since.pop)
        try:
            async with asyncio.timeout(None if deadline is None else deadline - now):
                return await asyncio.shield(outcome)
        except TimeoutError:
            if outcome.done():
                return outcome.result()
            if writer.awaits(outcome):
                outcome.cancel()  # the next group leaves it out
                raise NotRecorded from None
            raise OutcomeUnknown("the database did not answer in time") from None

    def oldest(self) -> float:
        """For how many seconds the write that waits longest has waited, its commit included."""
        since = next(iter(list(self._since.values())), None)
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        self._closed = True
        for writer in list(self._writers.values()):
            writer.close()

    def _writer_of_this_loop(self) -> Writer:
        loop = asyncio.get_running_loop()
        if (writer := self._writers.get(loop)) is None:
            if self._closed:
                raise WriterClosed("group-commit")
            # Two writes that touch the same stream or key never share a group.
            writer = BatchWriter(
                "group-commit",
                lambda writes: self._store.append(writes),
                LARGEST_GROUP,
                Write.claims,
                size=lambda write: len(write.rows),
                apart=lambda write: bool(write.fills),  # they may fail in ways of their own
            )
            self._writers[loop] = writer
        return writer
