"""A deadline for a whole exchange: connecting, asking, headers and body.

Timeouts of a socket begin again with each byte, so whoever drips bytes can hold a thread for as
long as it likes. Here the socket is shut down when the time is over, whatever it waits for.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Exchange:
    """One exchange, and the sockets that it used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.over = False

    def uses(self, connection: Any) -> None:
        """The socket of a connection is part of the exchange from now on."""
        if connection is None:
            return
        with self._lock:
            self._sockets.append(connection)
            if self.over:
                _shut(connection)

    def end(self) -> None:
        """Cut off the exchange: its sockets are shut down."""
        with self._lock:
            self.over = True
            for connection in self._sockets:
                _shut(connection)


_current = threading.local()


@contextmanager
def whole_exchange(seconds: float) -> Iterator[Exchange]:
    """What this thread asks and reads in here has so many seconds in all; then it fails."""
    exchange = Exchange()
    timer = threading.Timer(seconds, exchange.end)
    timer.daemon = True
    before, _current.exchange = getattr(_current, "exchange", None), exchange
    timer.start()
    try:
        yield exchange
    finally:
        timer.cancel()
        _current.exchange = before


def uses(connection: Any) -> None:
    """Have the thread's exchange, if it is in one, end this socket at its deadline."""
    exchange: Exchange | None = getattr(_current, "exchange", None)
    if exchange is not None:
        exchange.uses(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
