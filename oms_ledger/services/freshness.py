"""Never-stale lists: every answer reflects each command that was answered before the request.

A list first waits a moment for the projector. When it lags or is stopped, the reader takes the
views' subscription over, brings them up to the head it saw, and lets go of it again.
"""

import asyncio
import threading
import time

from oms_ledger.cell import Cell
from projections.subscriptions import checkpoints
from projections.subscriptions.checkpoints import Fenced
from projections.subscriptions.views import VIEWS

PATIENCE, LOOK, LONGEST = 0.1, 0.005, 2.0  # seconds


class Freshness:
    """Of one view, by its subscription."""

    def __init__(self, cell: Cell, subscription: str) -> None:
        self._cell, self._cursor = cell, subscription
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
        with self._cell.database.reading() as connection:
            at = checkpoints.position(connection, self._cursor) or 0
        return max(0, head - at)

    def _catch_up(self, head: int) -> int:
        until = time.monotonic() + LONGEST
        with self._catching_up:
            while (missing := self._missing(head)) and time.monotonic() < until:
                token = checkpoints.acquire(self._cell.database, self._cursor, steal=True)
                if token is None:
                    return missing
                try:
                    self._advance(token, head, until)
                except Fenced:
                    continue  # the projector took it back: look again how far it is
                finally:
                    checkpoints.release(self._cell.database, self._cursor, token)
        return missing

    def _advance(self, token: int, head: int, until: float) -> None:
        database, view = self._cell.database, VIEWS[self._cursor]()
        while self._missing(head) and time.monotonic() < until:
            if not checkpoints.advance(database, self._folds, self._cursor, token, view):
                return
