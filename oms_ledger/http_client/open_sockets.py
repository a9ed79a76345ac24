"""The sockets of an HTTP client, so that none of them outlives it.

A connection that is closed goes on until it has sent what it holds. When the other side answered
early and reads no more, that is for ever, and the event loop that ends meanwhile drops the socket.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

ROUNDS = 100
"""Turns of the loop in which a connection that was cut off is gone; it takes three."""


def plain_socket(info: Any) -> socket.socket:
    """A socket for an address, whichever it is."""
    family, kind, protocol, *_ = info
    return socket.socket(family, kind, protocol)


class OpenSockets:
    """Makes sockets for a connector (its `socket_factory`), and cuts off those that are left."""

    def __init__(self, make: Callable[[Any], socket.socket] = plain_socket) -> None:
        self._make = make
        self._made: WeakSet[socket.socket] = WeakSet()

    def __call__(self, info: Any) -> socket.socket:
        """Make a socket for an address, and remember it."""
        made = self._make(info)
        self._made.add(made)
        return made

    async def close(self) -> None:
        """End what still sends after its session was closed."""
        for _ in range(ROUNDS):
            left = [one for one in self._made if one.fileno() != -1]
            if not left:
                return
            for one in left:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)
