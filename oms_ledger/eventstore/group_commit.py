"""Group commit: whatever is waiting goes into one transaction, and each hears its own outcome.

One group is on its way at a time; what arrives meanwhile makes the next group. A write that
conflicts fails alone (G7). The reply comes only after the commit is durable (G1). A write with a
deadline waits no longer: one that is in no group by then is not made, and of one that is on its
way nobody knows.
"""

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from oms_ledger.eventstore.database import OutcomeUnknown
from oms_ledger.eventstore.records import Conflict, Write
from oms_ledger.eventstore.store import Store

LARGEST_GROUP = 500  # events
MOST_WAITING = 500
"""Writes that may wait when one with a deadline comes."""

Outcome = asyncio.Future[int | Conflict]


class NotRecorded(Exception):
    """The write was not made and never will be: too many wait, or its time is over."""


class GroupCommit:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Write, Outcome]] = deque()
        self._since: dict[Outcome, float] = {}
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "group-commit")

    async def append(self, write: Write, deadline: float | None = None) -> int | Conflict:
        """The write's last position, or why it was not made; `deadline` is in monotonic seconds."""
        now = time.monotonic()
        if deadline is not None and (now >= deadline or len(self._waiting) >= MOST_WAITING):
            raise NotRecorded
        outcome: Outcome = asyncio.get_running_loop().create_future()
        self._waiting.append((write, outcome))
        self._since[outcome] = now
        outcome.add_done_callback(self._since.pop)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        try:
            async with asyncio.timeout(None if deadline is None else deadline - now):
                return await asyncio.shield(outcome)
        except TimeoutError:
            if outcome.done():
                return outcome.result()
            if any(waiting is outcome for _, waiting in self._waiting):
                outcome.cancel()  # the next group leaves it out
                raise NotRecorded from None
            raise OutcomeUnknown("the database did not answer in time") from None

    def oldest(self) -> float:
        """For how many seconds the write that waits longest has waited, its commit included."""
        since = next(iter(self._since.values()), None)
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        self._thread.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while group := self._next_group():
            try:
                outcomes = await loop.run_in_executor(
                    self._thread, self._store.append, [write for write, _ in group]
                )
            except Exception as error:
                for _, outcome in group:
                    outcome.set_exception(error)
                    outcome.exception()  # a caller that was canceled leaves nobody to hear it
            else:
                for (_, outcome), fields in zip(group, outcomes, strict=True):
                    outcome.set_result(fields)

    def _next_group(self) -> list[tuple[Write, Outcome]]:
        """Those waiting longest, leaving for later what touches the same stream or key."""
        group, later, claimed, size = [], [], set[str](), 0
        while self._waiting and size < LARGEST_GROUP:
            write, outcome = self._waiting.popleft()
            if outcome.cancelled():
                continue
            claims = write.claims()
            if claims & claimed:
                later.append((write, outcome))
                continue
            claimed |= claims
            size += len(write.rows)
            group.append((write, outcome))
        self._waiting.extendleft(reversed(later))
        return group
