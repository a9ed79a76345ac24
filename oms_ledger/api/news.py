"""Waiting for the ledger to grow: one look at its head for everybody who waits in this process."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

LOOK = 0.05  # seconds


class News:
    def __init__(self, head: Callable[[], int]) -> None:
        self._head = head
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._looking: asyncio.Task[None] | None = None

    async def beyond(self, position: int, patience: float) -> bool:
        """Whether something was recorded after the position, waiting at most so many seconds."""
        told = asyncio.get_running_loop().create_future()
        self._waiting[told] = position
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(told, patience)
                return True
            return False
        finally:
            self._waiting.pop(told, None)

    async def _look(self) -> None:
        """Look until nobody waits any more; what keeps it from looking is told to all who wait."""
        while self._waiting:
            try:
                head = await asyncio.to_thread(self._head)
            except Exception as error:
                for told in list(self._waiting):
                    if not told.done():
                        told.set_exception(error)
                return
            for told, position in list(self._waiting.items()):
                if position < head and not told.done():
                    told.set_result(None)
            await asyncio.sleep(LOOK)
