"""Waiting for the ledger to grow: the one way to do it, for the loops of workers and of the API.

PostgreSQL signals every append (`LISTEN`); SQLite writes every commit of any process to the log
beside its file, which the kernel reports, or which is looked at where no kernel does. Nobody else
looks at the head again and again.
"""

import asyncio
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

import psycopg

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.file_changes import watching
from oms_ledger.eventstore.store import Store

AT_LEAST = 1.0
"""Seconds after which the head is looked at without a signal: a lost connection sends none."""


Future = asyncio.Future[None]


class News(Protocol):
    """Signals when something may have been appended; nothing since it was made gets lost."""

    def wait(self, seconds: float, interrupt: int | None = None) -> bool:
        """Whether there may be something new, waiting at most so many seconds.

        What can be read from the descriptor `interrupt` ends the wait.
        """
        ...


class _Notifications:
    def __init__(self, listener: psycopg.Connection) -> None:
        self._listener = listener

    def wait(self, seconds: float, interrupt: int | None = None) -> bool:
        if self._drain():
            return True
        interrupted = () if interrupt is None else (interrupt,)
        select.select([self._listener.fileno(), *interrupted], [], [], seconds)
        return self._drain()

    def _drain(self) -> bool:
        return bool(list(self._listener.notifies(timeout=0)))


@contextmanager
def listening(database: Database) -> Iterator[News]:
    """News of the ledger from here on."""
    if database.sqlite:
        with watching(database.path.with_name(f"{database.path.name}-wal")) as changes:
            yield changes
        return
    with database.connect() as listener:
        listener.execute("LISTEN ledger")
        yield _Notifications(listener)


class HeadWatcher:
    """For coroutines that wait, of whatever loop: one thread listens while there are any."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._interrupt: tuple[int, int] = (-1, -1)
        self.closing = False

    async def wait_past(self, position: int, patience: float) -> bool:
        """Whether something was recorded after the position, waiting at most so many seconds."""
        if self.closing:
            return False
        on_news = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting[on_news] = position
            if self._thread is None:
                self._interrupt = os.pipe()
                os.set_blocking(self._interrupt[1], False)
                self._thread = threading.Thread(target=self._listen, name="head", daemon=True)
                self._thread.start()
            else:
                self._rouse()  # the head may be past the position already
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(on_news, patience)
                return not self.closing
            return False
        finally:
            with self._lock:
                self._waiting.pop(on_news, None)
                if not self._waiting:
                    self._rouse()

    def close(self) -> None:
        """Let everybody go who waits: the process is about to end."""
        self.closing = True
        self._answer(lambda on_news, _: on_news.set_result(None))

    def close_on_signals(self) -> None:
        """Close as soon as the process is to end; a server waits for open requests first.

        The server's own handler stays: the loop gets a signal whatever handler is set here.
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

    def _rouse(self) -> None:
        """Have the thread look at once, holding the lock."""
        if self._thread is not None:
            with suppress(BlockingIOError):  # it is full of reasons to look
                os.write(self._interrupt[1], b"1")

    def _listen(self) -> None:
        """Look until nobody waits any more; what keeps it from looking is raised to all of them."""
        interrupted = self._interrupt[0]
        try:
            store = self._store()
            with listening(store.database) as news:
                while self._goes_on():
                    head = store.head()

                    def answer(on_news: Future, position: int, head: int = head) -> None:
                        if position < head:
                            on_news.set_result(None)

                    self._answer(answer)
                    news.wait(AT_LEAST, interrupted)
                    if select.select([interrupted], [], [], 0)[0]:
                        os.read(interrupted, 65_536)
        except Exception as error:  # noqa: BLE001 - who waits gets it
            failure = error
            with self._lock:
                self._answer(lambda on_news, _: on_news.set_exception(failure))
                self._forget_thread()

    def _goes_on(self) -> bool:
        with self._lock:
            if self._waiting:
                return True
            self._forget_thread()
            return False

    def _forget_thread(self) -> None:
        if self._thread is threading.current_thread():
            self._thread = None
            for descriptor in self._interrupt:
                os.close(descriptor)

    def _answer(self, answer: Callable[[Future, int], None]) -> None:
        """Answer those who still wait, each on its own loop."""

        def tell(on_news: Future, position: int) -> None:
            if not on_news.done():
                answer(on_news, position)

        with self._lock:
            for on_news, position in self._waiting.items():
                with suppress(RuntimeError):  # its loop was closed: nobody waits there
                    on_news.get_loop().call_soon_threadsafe(tell, on_news, position)
