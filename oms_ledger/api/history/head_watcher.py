"""Waiting for the ledger to grow: one look at its head for everybody who waits in this process."""

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

LOOK = 0.05  # seconds


class HeadWatcher:
    def __init__(self, head: Callable[[], int]) -> None:
        self._head = head
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._looking: asyncio.Task[None] | None = None
        self.closing = False

    async def wait_past(self, position: int, patience: float) -> bool:
        """Whether something was recorded after the position, waiting at most so many seconds."""
        if self.closing:
            return False
        fields = asyncio.get_running_loop().create_future()
        self._waiting[fields] = position
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(fields, patience)
                return not self.closing
            return False
        finally:
            self._waiting.pop(fields, None)

    def close(self) -> None:
        """Let everybody go who waits: the process is about to end."""
        self.closing = True
        for fields in self._waiting:
            if not fields.done():
                fields.set_result(None)

    def close_on_signals(self) -> None:
        """Close as soon as the process gets to end; a server waits for open requests first.

        The server's own handler stays: the loop hears a signal whatever handler is set here.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def fields(_: int, __: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.close)

        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) not in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, fields)
                signal.siginterrupt(number, False)

    async def _look(self) -> None:
        """Look until nobody waits any more; what keeps it from looking gets to all who wait."""
        while self._waiting:
            try:
                head = await asyncio.to_thread(self._head)
            except Exception as error:
                for fields in list(self._waiting):
                    if not fields.done():
                        fields.set_exception(error)
                return
            for fields, position in list(self._waiting.items()):
                if position < head and not fields.done():
                    fields.set_result(None)
            await asyncio.sleep(LOOK)
