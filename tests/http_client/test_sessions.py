"""An exchange with a partner ends at its deadline, whatever the other side drips."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network

import pytest

from oms_ledger.http_client.sessions import exchange, session

OPENED = (ip_network("127.0.0.1/32"),)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


@contextmanager
def dripping(first: bytes, drip: bytes) -> Iterator[str]:
    """A server that answers so much at once, and then drips until it is hung up on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(0.01)
                        connection.sendall(first)
                        while drip:
                            connection.sendall(drip)
                            with suppress(TimeoutError):
                                if not connection.recv(65_536):
                                    break

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.mark.guarantee("G44")
@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b""),
    ],
    ids=["a header", "headers", "the body", "chunks", "nothing"],
)
def test_who_drips_an_answer_is_hung_up_on(first, drip):
    ended = pytest.raises(OSError, match=r"took longer than|more than 100 headers")
    with dripping(first, drip or b"HTTP/1.1 100 Continue\r\n\r\n") as url, ended:
        exchange(session(OPENED), "POST", url, data=b"{}", headers={}, timeout=(5, 60), longest=0.3)


def test_an_answer_in_time_is_read():
    with dripping(HEAD + b"{}", b"") as url:
        asking = session(OPENED)
        response, content = exchange(asking, "GET", url, data=None, headers={})
        assert (response.status_code, content) == (200, b"{}")


def test_an_answer_that_is_too_long_is_not_read_to_its_end():
    ended = pytest.raises(OSError, match="longer than 1048576 bytes")
    with dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000) as url, ended:
        exchange(session(OPENED), "GET", url, data=None, headers={})
