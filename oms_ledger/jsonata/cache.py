"""What was compiled is kept until a number of bytes is reached; what was asked for least goes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BytesCache(Generic[Value]):
    """Values by key, weighed in bytes. It may be shared between threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self.weight = 0

    def get(self, key: Hashable, make: Callable[[], Value], weight: int) -> Value:
        """The value kept under the key, or the one that is made now and weighs so many bytes."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept[0]
        value = make()
        with self._lock:
            self.weight += weight - self._kept.pop(key, (value, 0))[1]
            self._kept[key] = value, weight
            while self.weight > self._limit and len(self._kept) > 1:
                _, (_, least) = self._kept.popitem(last=False)
                self.weight -= least
        return value

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
            self.weight = 0
