"""Never-stale lists: every answer reflects each command that was answered before the request.

A list first waits a moment for the projector. When it lags or is stopped, the reader takes the
views' subscription over, brings them up to the head it saw, and lets go of it again.
"""

import asyncio
import threading
import time

from oms_ledger.cell import Cell
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS

PATIENCE, LOOK, LONGEST = 0.1, 0.005, 2.0  # seconds


class Freshness:
    """Of one view, by its subscription."""

    def __init__(self, cell: Cell, subscription: str) -> None:
        self._cell, self._subscription = cell, subscription
        self._folds = cell.loader()
        self._catching_up = threading.Lock()

    async def wait(self) -> int:
        """Wait until the views are as new as the ledger is now; how many events are missing."""
        head = await asyncio.to_thread(self._cell.store.head)
        waited = 0.0
        while (missing := await asyncio.to_thread(self._missing, head)) and waited < PATIENCE:
            await asyncio.sleep(LOOK)
            waited += LOOK
        if missing:
            missing = await asyncio.to_thread(self._catch_up, head)
        return missing

    def _missing(self, head: int) -> int:
        return checkpoints.missing(self._cell.database, self._subscription, head)

    def _catch_up(self, head: int) -> int:
        until = time.monotonic() + LONGEST
        with self._catching_up:
            return checkpoints.catch_up(
                self._cell.database,
                self._folds,
                self._subscription,
                VIEWS[self._subscription](),
                head,
                lambda: time.monotonic() >= until,
            )
