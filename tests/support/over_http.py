"""Applications behind real sockets: the server of the product, in a thread of this process.

So an application keeps the cell, the clock and the patches of its test. Granian's lifespan is left
out, because tests close their cells themselves.
"""

import asyncio
import os
import socket
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from io import BytesIO
from typing import Any

import aiohttp
from granian.constants import Interfaces
from granian.server.embed import Server
from yarl import URL

from oms_ledger.http_client.open_sockets import OpenSockets
from tests.support.patience import HANGS

ON = os.environ.get("OMS_TEST_HTTP", "") not in ("", "0")
_AS_SENT = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")  # not added by the client

_running: dict[int, "_Served"] = {}


class _Served:
    """An application on a free port, until it is stopped."""

    def __init__(self, app: Any) -> None:
        self.app = app  # kept, so that no other gets its id
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._server = Server(
            app,
            port=self.port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait_for()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _wait_for(self) -> None:
        """Until it answered once: FastAPI makes its routes then, and two threads would quarrel."""
        until = time.monotonic() + HANGS
        while True:
            with suppress(ConnectionRefusedError), closing(self._connection()) as connection:
                connection.request("GET", "/nowhere")
                connection.getresponse().read()
                return
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.002)

    def _connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=HANGS)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(HANGS)
        assert not self._thread.is_alive(), "the server does not stop"


async def ask(
    app: Any, method: str, target: str, headers: dict[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of an answer; each request on a connection of its own."""
    if id(app) not in _running:
        _running[id(app)] = _Served(app)
    url = URL(f"http://127.0.0.1:{_running[id(app)].port}{target}", encoded=True)
    content = BytesIO(body) if body else None
    sockets = OpenSockets()
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, socket_factory=sockets),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_AS_SENT,
                timeout=aiohttp.ClientTimeout(total=120),
            ) as session,
            session.request(
                method, url, headers=headers, data=content, allow_redirects=False
            ) as answer,
        ):
            fields = [(name.lower(), value) for name, value in answer.headers.items()]
            return answer.status, fields, await answer.read()
    finally:
        await sockets.close()  # the answer may have come before the body was sent


def serve(app: Any) -> str:
    """Where the application is reached, until `stop_all`."""
    if id(app) not in _running:
        _running[id(app)] = _Served(app)
    return f"http://127.0.0.1:{_running[id(app)].port}"


def loop_of(app: Any) -> asyncio.AbstractEventLoop:
    """The event loop that an application is served by, in a thread of its own."""
    return _running[id(app)]._loop


def stop_all() -> None:
    while _running:
        _running.popitem()[1].stop()
