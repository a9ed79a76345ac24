"""What one recipient has waiting, in memory of whoever holds its lease."""

from collections import deque
from collections.abc import Iterable, Sequence

from projections.outbox.messages import StoredMessage


class Waiting:
    """What a recipient may be sent now; messages of an ordering key go one after the other.

    Used from one thread. What is looked up meanwhile in another may be out of date when it is
    taken in: what was settled since the look-up began (`looking`) is left for the next one.
    """

    def __init__(self) -> None:
        self._keys: dict[str, deque[StoredMessage]] = {}
        self._known: set[str] = set()
        self._busy: set[str] = set()
        self._settled: set[str] = set()
        self._held_back: set[str] = set()

    def looking(self, more: int) -> int:
        """A look-up begins: how many it should look up, to find so many more."""
        self._settled.clear()
        self._held_back.clear()
        return len(self._known) + more

    def take_in(self, found: Sequence[StoredMessage]) -> None:
        """Add what a look-up found, as far as it is new."""
        held_back = self._held_back
        for message in found:
            known, key = message.id, message.ordering_key
            if not (known in self._known or known in self._settled or key in held_back):
                self._known.add(known)
                self._keys.setdefault(key, deque()).append(message)

    def start(self, most: int) -> list[StoredMessage]:
        """The next messages, one of an ordering key, of keys of which none is on its way."""
        free = [key for key in self._keys if key not in self._busy]
        free.sort(key=lambda key: self._keys[key][0].position)
        self._busy.update(free[:most])
        return [self._keys[key][0] for key in free[:most]]

    def settle(self, made: Iterable[tuple[StoredMessage, bool]]) -> None:
        """After it was recorded what was delivered: what was not holds back the rest of its key."""
        for message, delivered in made:
            key = message.ordering_key
            self._busy.discard(key)
            queue = self._keys[key]
            settled = [queue.popleft()] if delivered else list(queue)
            ids = [one.id for one in settled]
            self._known.difference_update(ids)
            self._settled.update(ids)
            if not delivered:
                self._held_back.add(key)
            if not delivered or not queue:
                del self._keys[key]

    @property
    def idle(self) -> bool:
        """Whether nothing could be started."""
        return len(self._keys) == len(self._busy)
