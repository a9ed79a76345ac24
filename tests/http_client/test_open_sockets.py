"""Nothing is left of a client when it is closed, whatever the other side does with its bytes."""

import asyncio
import gc
import socket
from ipaddress import ip_network

from oms_ledger.clock import Clock
from oms_ledger.http_client.webhook_client import Gate, Sender

LOOPBACK = (ip_network("127.0.0.1/32"),)
LARGE = "x" * 1_000_000
"""More than both ends of such a connection take up."""


def small(_, info) -> socket.socket:
    made = socket.socket(*info[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return made


async def _answer_early(server: socket.socket) -> socket.socket:
    """Answer the headers of a request, and read no more of it."""
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(server)
    await loop.sock_recv(connection, 1000)
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    await loop.sock_sendall(connection, answer)
    return connection


def test_a_connection_that_still_sends_ends_with_its_client(monkeypatch):
    """Else the loop would drop its socket: a ResourceWarning, which is an error here."""
    monkeypatch.setattr(Gate, "socket", small)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.setblocking(False)

        async def story() -> None:
            answering = asyncio.create_task(_answer_early(server))
            sender = Sender(LOOPBACK, Clock())
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            assert (await sender.post(url, LARGE, {})).status == 413
            left = [one for sockets in sender._sockets for one in sockets._made]
            assert [one.fileno() != -1 for one in left] == [True]
            await sender.close()
            assert [one.fileno() for one in left] == [-1]
            (await answering).close()

        asyncio.run(story())
        gc.collect()
