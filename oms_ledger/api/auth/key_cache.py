"""Knows keys for a second, so that a busy client costs no look-up a request.

A name that no key had at the last look-up is looked up in a queue of its own: whoever tries
names waits for others who try, and never keeps a key waiting that is known.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from oms_ledger.api.http.turns import overloaded
from oms_ledger.cell import Cell
from projections.accounts import app_keys, token_bounds
from projections.accounts.app_keys import AppKey

V = TypeVar("V")

FRESH = 1.0
"""Seconds that a key is remembered; a revoked one is shut out after as long."""

MOST = 10_000
"""Names and accounts that are remembered at most."""

NEWCOMERS = 64
"""Names that may wait for being looked up for the first time; those beyond have to come back."""


class ApiKeyCache:
    """Keys by their name, known or missing, each for a second at most."""

    def __init__(self, cell: Cell, clock: Callable[[], float] = time.monotonic) -> None:
        self._cell, self._clock = cell, clock
        self._known: dict[str, tuple[float, AppKey]] = {}
        self._missing: dict[str, float] = {}
        # Of their own: whoever is known is not kept waiting by what others have asked for.
        self._pool = ThreadPoolExecutor(2, "key-look-ups")
        self._newcomers = ThreadPoolExecutor(1, "new-key-look-ups")
        self._waiting = 0
        self._bounds: dict[str, tuple[float, dict[str, int]]] = {}

    async def key(self, app_key: str) -> AppKey | None:
        """The key of this name; 503 for a new one when too many of them wait."""
        now = self._clock()
        if known := self._known.get(app_key):
            seen, key = known
            if seen + FRESH >= now:
                return key
            return await self._look_up_in(self._pool, app_key)
        if self._missing.get(app_key, 0.0) + FRESH >= now:
            return None
        if self._waiting >= NEWCOMERS:
            raise overloaded()
        self._waiting += 1
        try:
            return await self._look_up_in(self._newcomers, app_key)
        finally:
            self._waiting -= 1

    async def _look_up_in(self, pool: ThreadPoolExecutor, app_key: str) -> AppKey | None:
        loop = asyncio.get_running_loop()
        key = await loop.run_in_executor(pool, self._look_up, app_key)
        if key is None:
            self._known.pop(app_key, None)
            _keep(self._missing, app_key, self._clock())
        else:
            _keep(self._known, app_key, (self._clock(), key))
        return key

    async def bounds(self, account: str) -> dict[str, int]:
        """Since when the account's tokens count, by subject; a second old at most."""
        seen, known = self._bounds.get(account, (0.0, {}))
        if seen + FRESH < self._clock():
            known = await asyncio.to_thread(self._look_up_bounds, account)
            _keep(self._bounds, account, (self._clock(), known))
        return known

    def _look_up_bounds(self, account: str) -> dict[str, int]:
        with self._cell.database.reading() as connection:
            return token_bounds.of_account(connection, account)

    def _look_up(self, app_key: str) -> AppKey | None:
        with self._cell.database.reading() as connection:
            return app_keys.get(connection, app_key)


def _keep(kept: dict[str, V], name: str, value: V) -> None:
    if len(kept) >= MOST:
        kept.clear()
    kept[name] = value
