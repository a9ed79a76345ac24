"""How a long-running process is asked to stop: once, by SIGINT or SIGTERM."""

import signal
import threading
from collections.abc import Callable


class Stop(threading.Event):
    """Set when the process shall end; what waits on it signals at once."""

    def __init__(self) -> None:
        super().__init__()
        self._then: list[Callable[[], object]] = []

    def on_signals(self) -> "Stop":
        """Stop on SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.set())
        return self

    def then(self, act: Callable[[], object]) -> None:
        """Also do this when asked to stop."""
        self._then.append(act)

    def set(self) -> None:
        """Stop, and do what was registered for it."""
        super().set()
        for act in self._then:
            act()
