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
        on_signal = asyncio.get_running_loop().create_future()
        self._waiting[on_signal] = position
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(on_signal, patience)
                return not self.closing
            return False
        finally:
            self._waiting.pop(on_signal, None)

    def close(self) -> None:
        """Let everybody go who waits: the process is about to end."""
        self.closing = True
        for on_signal in self._waiting:
            if not on_signal.done():
                on_signal.set_result(None)

    def close_on_signals(self) -> None:
        """Close as soon as the process gets to end; a server waits for open requests first.

        The server's own handler stays: the loop hears a signal whatever handler is set here.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def on_signal(_: int, __: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.close)

        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) not in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, on_signal)
                signal.siginterrupt(number, False)

    async def _look(self) -> None:
        """Look until nobody waits any more; what keeps it from looking gets to all who wait."""
        while self._waiting:
            try:
                head = await asyncio.to_thread(self._head)
            except Exception as error:  # noqa: BLE001 - who waits is told
                for on_signal in list(self._waiting):
                    if not on_signal.done():
                        on_signal.set_exception(error)
                return
            for on_signal, position in list(self._waiting.items()):
                if position < head and not on_signal.done():
                    on_signal.set_result(None)
            await asyncio.sleep(LOOK)
