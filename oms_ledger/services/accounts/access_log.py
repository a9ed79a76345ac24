"""Records who came with a key, and whose credentials were refused: few of each account a minute.

What is passed over is counted in the next record. So whoever fails again and again, or signs in for
every request, neither fills the ledger nor keeps others from writing to it.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from oms_ledger.accounts import access
from oms_ledger.accounts.access import AccessEvent
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.eventstore.ledger import ConcurrencyError

AT_ONCE = 20
"""Records of an account and of a kind that may come one after the other."""
EVERY = 60.0
"""Seconds after which one more may come."""

_NOT_NOW: tuple[type[Exception], ...] = (*UNAVAILABLE, ConcurrencyError)

log = structlog.get_logger(__name__)


class _Room:
    """How many records of a kind an account may still have, and how many it went without."""

    def __init__(self, now: float) -> None:
        self.left, self.since, self.passed_over = float(AT_ONCE), now, 0

    def take(self, now: float) -> bool:
        self.left = min(AT_ONCE, self.left + (now - self.since) / EVERY)
        self.since = now
        if self.left < 1:
            self.passed_over += 1
            return False
        self.left -= 1
        return True


class AccessLog:
    """Of one web process; each counts for itself."""

    def __init__(self, cell: Cell, clock: Callable[[], float] = time.monotonic) -> None:
        self._cell, self._clock = cell, clock
        self._rooms: dict[tuple[str, type], _Room] = {}

    async def record(self, account: str, event: AccessEvent, actor: str, cause: str | None) -> None:
        """Record it where there is room; a database that is away makes nobody's answer another."""
        now = self._clock()
        room = self._rooms.setdefault((account, type(event)), _Room(now))
        if not room.take(now):
            return
        event = replace(event, passed_over=room.passed_over)
        stream = access.stream_of(account, self._cell.clock.now().date())
        try:
            await self._cell.ledger.record(
                CommandContext(account, actor, cause), {stream: lambda _: [event]}
            )
        except _NOT_NOW as error:
            room.passed_over += 1
            log.warning("access_not_recorded", error=type(error).__name__)
        else:
            room.passed_over -= event.passed_over
