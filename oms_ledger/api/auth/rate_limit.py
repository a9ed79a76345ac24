"""How often an account may ask (contract 02 §1): a setting of the account, off by default.

Minutes are counted in Redis, so that all web processes count together. While Redis is away each
process counts for itself: a limit is a courtesy to neighbours, and no reason to refuse an order.
"""

import asyncio
import time

import redis

from oms_ledger.api.http.errors import ApiError
from oms_ledger.cell import Cell

MINUTE = 60
LIMITED = frozenset({"get_order", "order_group", "extended_search"})


class Limits:
    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._counted: dict[str, int] = {}

    async def count(self, account: str, operation: str) -> None:
        """Count one request; 429 with `Retry-After` when the account's minute is used up."""
        if operation not in LIMITED:
            return
        allowed = (await self._cell.ledger.account(account)).setting("rate_limit_per_minute")
        if not allowed:
            return
        now = time.time()
        if await asyncio.to_thread(self._so_far, account, int(now // MINUTE)) > allowed:
            message = f"More than {allowed} requests a minute. Try again in the next minute"
            wait = str(MINUTE - int(now % MINUTE))
            raise ApiError(429, "1", message, {"Retry-After": wait})

    def _so_far(self, account: str, minute: int) -> int:
        name = f"oms:requests:{account}:{minute}"
        try:
            counted = self._cell.redis.incr(name)
            if counted == 1:
                self._cell.redis.expire(name, 2 * MINUTE)
            return int(counted)
        except redis.RedisError:
            return self._here(name)

    def _here(self, name: str) -> int:
        if name not in self._counted and len(self._counted) > 1000:
            self._counted.clear()  # minutes that are over
        self._counted[name] = self._counted.get(name, 0) + 1
        return self._counted[name]
