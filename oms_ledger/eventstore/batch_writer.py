"""Batches of writes: what waits goes into one transaction, and each caller gets its own outcome.

One batch is on its way at a time, in a thread of its own; what arrives meanwhile makes the next
one. So a hundred writers cost a commit together and not each.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def _one(_: object) -> int:
    return 1


def _none(_: object) -> Collection[str]:
    return ()


class WriterClosed(RuntimeError):
    """The item was not written: whoever writes was closed before its batch began."""


class BatchWriter(Generic[Item, Outcome]):
    """Used from one event loop. `execute` carries out a batch in the thread, in one transaction.

    It returns an outcome for each item, an exception for one that failed alone. When it raises,
    everybody in the batch gets it; with `alone` each is tried by itself, so that only the
    culprit does. A batch has items of `limit` in all, by their `size`, of which no two have a
    conflict key in common. An item that is `apart` is a batch of its own.
    """

    def __init__(
        self,
        name: str,
        execute: Callable[[Sequence[Item]], Sequence[Outcome | Exception]],
        limit: int,
        conflict_keys: Callable[[Item], Collection[str]] = _none,
        *,
        size: Callable[[Item], int] = _one,
        apart: Callable[[Item], bool] = lambda item: False,
        alone: bool = False,
    ) -> None:
        self._execute, self._limit, self._conflict_keys = execute, limit, conflict_keys
        self._size, self._apart, self._alone = size, apart, alone
        self._name, self._thread = name, ThreadPoolExecutor(1, name)
        self._waiting: deque[tuple[Item, asyncio.Future[Outcome]]] = deque()
        self._urgent: deque[tuple[Item, asyncio.Future[Outcome]]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, item: Item, *, urgent: bool = False) -> "asyncio.Future[Outcome]":
        """Have an item written; who cancels the future before its batch began has it left out.

        `WriterClosed` comes at once after `close`, and by the future for what waited then.
        """
        if self._closed:
            raise WriterClosed(self._name)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._waiting).append((item, outcome))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return outcome

    @property
    def waiting(self) -> int:
        """How many items are in no batch yet."""
        return len(self._urgent) + len(self._waiting)

    def awaits(self, outcome: "asyncio.Future[Outcome]") -> bool:
        """Whether an item is in no batch yet."""
        return any(one is outcome for queue in self._queues() for _, one in queue)

    def close(self) -> None:
        """Let the batch that is on its way end; what waits is not written any more."""
        self._closed = True
        self._thread.shutdown(wait=True)

    def _queues(self) -> tuple[deque[tuple[Item, asyncio.Future[Outcome]]], ...]:
        return self._urgent, self._waiting

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            items = [item for item, _ in batch]
            outcomes: Sequence[Outcome | Exception]
            try:
                outcomes = await loop.run_in_executor(self._thread, self._carry_out, items)
            except RuntimeError:  # what was carried out raises nothing: the thread takes no more
                outcomes = [WriterClosed(self._name)] * len(items)
            for (_, waiting), outcome in zip(batch, outcomes, strict=True):
                if waiting.cancelled():
                    continue
                if isinstance(outcome, Exception):
                    waiting.set_exception(outcome)
                    waiting.exception()  # a caller that went away leaves nobody to answer
                else:
                    waiting.set_result(outcome)
        self._running = None  # a task keeps its loop, and the loop may be all that keeps the writer

    def _carry_out(self, items: Sequence[Item]) -> Sequence[Outcome | Exception]:
        try:
            return self._execute(items)
        except Exception as error:  # noqa: BLE001 - who waits gets it
            if len(items) == 1 or not self._alone:
                return [error] * len(items)
        return [outcome for item in items for outcome in self._carry_out([item])]

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Outcome]]]:
        """What is urgent, then who waits longest; who conflicts with one of them waits on."""
        batch: list[tuple[Item, asyncio.Future[Outcome]]] = []
        claimed, size = set[str](), 0
        for queue in self._queues():
            later = []
            while queue and size < self._limit:
                item, outcome = queue.popleft()
                if outcome.cancelled():
                    continue
                keys = self._conflict_keys(item)
                if not claimed.isdisjoint(keys) or (batch and self._apart(item)):
                    later.append((item, outcome))
                    continue
                claimed.update(keys)
                size += self._size(item)
                batch.append((item, outcome))
                if self._apart(item):
                    size = self._limit  # nothing goes along with it
            queue.extendleft(reversed(later))
        return batch
