"""Never-stale lists: every answer reflects each command that was answered before the request.

A list first waits a moment for the projector. When it lags or is stopped, the reader takes the
views' subscription over, brings them up to the head it saw, and lets go of it again.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.services.replica import NotServed, Replica
from projections.subscriptions import checkpoints
from projections.subscriptions.checkpoints import Projection
from projections.subscriptions.views import VIEWS

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE, LOOK, LONGEST = 0.1, 0.005, 2.0  # seconds


class Freshness:
    """Of one view, by its subscription."""

    def __init__(
        self,
        cell: Cell,
        subscription: str,
        view: Callable[[], Projection] | None = None,
        replica: Replica | None = None,
    ) -> None:
        self._cell, self._subscription, self._replica = cell, subscription, replica
        self._view = view or VIEWS[subscription]
        self._folds = cell.loader()
        self._catching_up = threading.Lock()

    async def list(
        self,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[T, int]:
        """As `read`, of a replica where one has the view as it is now."""
        if self._replica is not None:
            with suppress(NotServed):
                return await self._replica.read_view(
                    self._subscription, function, *args, **kwargs
                ), 0
        return await self.read(function, *args, **kwargs)

    async def read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[T, int]:
        """What a function reads of the view in one snapshot, and how many events are missing in it.

        A view that is as new as the ledger is read at once, in the same visit to the database.
        """

        def look(connection: Connection) -> tuple[int, T | None]:
            head, missing = checkpoints.lag(connection, self._subscription)
            return (head, None) if missing else (0, function(connection, *args, **kwargs))

        head, found = await self._cell.read(look)
        missing = await self._until(head) if head else 0
        if found is None:
            found = await self._cell.read(function, *args, **kwargs)
        return found, missing

    async def wait(self) -> int:
        """Wait until the views are as new as the ledger is now; how many events are missing."""
        head, missing = await self._cell.read(checkpoints.lag, self._subscription)
        return await self._until(head) if missing else 0

    async def _until(self, head: int) -> int:
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
                self._view(),
                head,
                lambda: time.monotonic() >= until,
            )
