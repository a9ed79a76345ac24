"""The whole system in one process: the web process runs the other three in threads.

For small deployments (decision 0020): it needs less than half the memory. Each part has
connections and caches of its own, as in a process of its own. Where one ends unasked, the process
ends, and the server starts it again: everybody goes on from what the database has.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oms_ledger import web
from oms_ledger.cell import Cell, open_cell
from oms_ledger.services.metrics import EVERY_PROCESS
from workers import scheduler
from workers.projector import ensure_subscriptions, project
from workers.runtime.stopping import Stop
from workers.worker import work

log = structlog.get_logger(__name__)


def _project(cell: Cell, stop: Stop) -> None:
    ensure_subscriptions(cell.database)
    project(cell, stop)


def _schedule(cell: Cell, stop: Stop) -> None:
    asyncio.run(scheduler.run_scheduler(cell, stop))


PARTS: dict[str, Callable[[Cell, Stop], None]] = {
    "projector": _project,
    "worker": work,
    "scheduler": _schedule,
}


class Background:
    """The projector, a worker and the scheduler, each in a thread."""

    def __init__(self) -> None:
        self._stop = Stop()
        self._threads = [
            threading.Thread(target=self._run, args=(name, run), name=name, daemon=True)
            for name, run in PARTS.items()
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask them to stop, and wait until they have."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, run: Callable[[Cell, Stop], None]) -> None:
        cell = open_cell()
        try:
            run(cell, self._stop)
        except Exception:
            log.exception("part_failed", part=name)
        finally:
            if not self._stop.is_set():
                os._exit(1)
            cell.close()


class WithBackground:
    """The application, and the background for as long as it serves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request; begin and end the background with the lifespan."""
        serve = self._serve if scope["type"] == "lifespan" else self._app
        return serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        background = Background()

        async def received() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":  # once that is answered, the process ends
                await asyncio.to_thread(background.close)
            return message

        await self._app(scope, received, send)


def create() -> ASGIApp:
    """What the one process serves: the cell of the environment."""
    return WithBackground(web.create(EVERY_PROCESS))
