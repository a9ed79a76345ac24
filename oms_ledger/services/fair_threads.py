"""Threads that serve accounts in turns: whoever asks for much waits behind itself, not others.

The executor's own queue is first come, first served: thirty long lists of one account would stand
before the one read of another. Here each account that waits has a queue, and these take turns.
"""

import queue
import threading
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

ON_BEHALF_OF: ContextVar[str] = ContextVar("on_behalf_of", default="")
"""Whose request a task works for; "" while that is not known, which is a queue like the others."""


class _Turns:
    """What waits for a thread, with the methods of `SimpleQueue` that the executor calls."""

    def __init__(self) -> None:
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._waiting: OrderedDict[str, deque[Any]] = OrderedDict()

    def put(self, item: Any) -> None:
        """Add an item; None, which makes threads end, comes after all others."""
        if item is not None:
            with self._lock:
                self._waiting.setdefault(ON_BEHALF_OF.get(), deque()).append(item)
        self._ready.put(None)

    def get(self, block: bool = True) -> Any:
        """Wait for the next item."""
        self._ready.get(block)
        with self._lock:
            for account, items in self._waiting.items():
                item = items.popleft()
                if items:
                    self._waiting.move_to_end(account)
                else:
                    del self._waiting[account]
                return item
        return None

    def get_nowait(self) -> Any:
        """Take the next item; `queue.Empty` when there is none."""
        return self.get(block=False)


class FairThreads(ThreadPoolExecutor):
    """A pool of threads for work of many accounts."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, name)
        self._work_queue: Any = _Turns()
