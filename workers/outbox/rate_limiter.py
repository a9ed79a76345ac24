"""Turns that come no faster than a pace, in the order in which they were asked for."""

import asyncio
from collections.abc import Awaitable, Callable


class RateLimiter:
    """Used from one loop. Who comes after a pause has a turn at once."""

    def __init__(
        self,
        clock: Callable[[], float],
        per_second: float,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock, self._wait = clock, wait
        self._between = 1 / per_second
        self._next = 0.0

    async def acquire(self) -> None:
        """Wait for one's turn."""
        now = self._clock()
        mine = max(now, self._next)
        self._next = mine + self._between
        if mine > now:
            await self._wait(mine - now)
