"""A port of this machine that notes who connects to it: what must not be called sees nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def listening(say: bytes = b"", then_wait: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A port of the loopback, on IPv4, that notes who connects, says something, and hangs up."""
    result: list[str] = []
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return
            result.append(address[0])
            with connection:
                try:
                    connection.sendall(say)
                    if then_wait:
                        over.wait(20)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1], result
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
