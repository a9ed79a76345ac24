"""Says when an event loop stands still, for how long, and where the code is that holds it.

A thread looks at what the loop last noted of itself: a loop that is held cannot say so.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from oms_ledger.services.metrics import LOOP_BLOCKED

log = structlog.get_logger(__name__)

BEAT = 0.5  # seconds between two notes of the loop
BLOCKED = 0.5  # seconds without a note after which the loop is held
_PRODUCT = ("oms_ledger", "projections", "workers")


def _log(place: str | None) -> None:
    log.warning("event_loop_blocked", place=place)


class LoopWatchdog:
    """Watches the loop that starts it until it is closed."""

    def __init__(
        self,
        *,
        beat: float = BEAT,
        blocked: float = BLOCKED,
        report: Callable[[str | None], None] = _log,
    ) -> None:
        self._report = report
        self._beat, self._blocked = beat, blocked
        self._loop = asyncio.get_running_loop()
        self._held_by = threading.get_ident()
        self._noted = time.monotonic()
        self._closed = threading.Event()
        self._note()
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching the event loop."""
        self._closed.set()
        self._next.cancel()
        self._thread.join()

    def _note(self) -> None:
        self._noted = time.monotonic()
        self._next = self._loop.call_later(self._beat, self._note)

    def _watch(self) -> None:
        since: float | None = None
        while not self._closed.wait(self._beat):
            noted = self._noted
            if since is not None and noted != since:
                LOOP_BLOCKED.observe(noted - since)
                since = None
            elif since is None and time.monotonic() - noted > self._beat + self._blocked:
                since = noted
                frame = sys._current_frames().get(self._held_by)
                self._report(place_of(frame))


def place_of(frame: FrameType | None) -> str | None:
    """The module and line of the product that is at work in a thread, the innermost one."""
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] in _PRODUCT:
            return f"{module}:{frame.f_lineno}"
        frame = frame.f_back
    return None
