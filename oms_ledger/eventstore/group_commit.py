"""Group commit: whatever is waiting goes into one transaction, and each hears its own outcome.

One group is on its way at a time; what arrives meanwhile makes the next group. A write that
conflicts fails alone (G7). The reply comes only after the commit is durable (G1).
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from oms_ledger.eventstore.records import Conflict, Write
from oms_ledger.eventstore.store import Store

LARGEST_GROUP = 500  # events


class GroupCommit:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Write, asyncio.Future[int | Conflict]]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "group-commit")

    async def append(self, write: Write) -> int | Conflict:
        outcome: asyncio.Future[int | Conflict] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, outcome))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await asyncio.shield(outcome)

    def close(self) -> None:
        self._thread.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = self._next_group()
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

    def _next_group(self) -> list[tuple[Write, asyncio.Future[int | Conflict]]]:
        """Those waiting longest, leaving for later what touches the same stream or key."""
        group, later, claimed, size = [], [], set[str](), 0
        while self._waiting and size < LARGEST_GROUP:
            write, outcome = self._waiting.popleft()
            claims = write.claims()
            if claims & claimed:
                later.append((write, outcome))
                continue
            claimed |= claims
            size += len(write.rows)
            group.append((write, outcome))
        self._waiting.extendleft(reversed(later))
        return group
