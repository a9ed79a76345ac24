"""`requests` for addresses that a store configured: connects only where that is permitted.

The host is resolved here and the connection made to an address that was checked (no DNS
rebinding), while host name and TLS name stay the URL's. Nothing is followed, no proxy of the
environment is used, and an answer is read up to a size and a time.
"""

import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ipaddress import ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from oms_ledger.http_client.addresses import (
    REFUSED,
    Allowed,
    opened,
    permitted,
)
from oms_ledger.http_client.deadlines import uses, whole_exchange

LARGEST = 1024 * 1024  # bytes of an answer
TIMEOUTS = (5, 10)  # seconds to connect, and between bytes
LONGEST = 30.0  # seconds for a whole exchange


class ForbiddenAddress(OSError):
    """The host leads to an address that must not be connected to."""


def session(networks: Sequence[Allowed]) -> requests.Session:
    """A session that connects to checked addresses alone; connections are shared and kept."""
    made = requests.Session()
    made.trust_env = False
    for scheme in ("http://", "https://"):
        made.mount(scheme, _adapter(tuple(networks)))
    return made


EXCHANGES = ThreadPoolExecutor(128, "exchanges")
"""Threads that wait for others' answers, so that nothing else waits for them."""


def exchange(
    asking: requests.Session,
    method: str,
    url: str,
    *,
    data: bytes | None,
    headers: Mapping[str, str],
    timeout: tuple[float, float] = TIMEOUTS,
    longest: float = LONGEST,
) -> tuple[requests.Response, bytes]:
    """Ask, and read the answer; `OSError` for one that is too long, or takes too long in all.

    `timeout`: seconds to connect, and between bytes. `longest`: seconds for the whole exchange.
    """
    with whole_exchange(longest) as whole:
        try:
            response = asking.request(
                method,
                url,
                data=data,
                headers=dict(headers),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
            content = _read(response)
        except (requests.RequestException, OSError):
            if not whole.over:
                raise
        if whole.over:  # headers that were cut off read like all of them
            raise OSError(f"the answer took longer than {longest:.0f} s")
        return response, content


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    with response:
        for chunk in response.iter_content(65_536):
            body += chunk
            if len(body) > LARGEST:
                raise OSError(f"the answer is longer than {LARGEST} bytes")
    return bytes(body)


@cache
def _adapter(networks: tuple[Allowed, ...]) -> HTTPAdapter:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, networks, plain=True)

        def getresponse(self) -> Any:
            uses(self.sock)
            return super().getresponse()

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, networks, plain=False)

        def getresponse(self) -> Any:
            uses(self.sock)
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    adapter = HTTPAdapter(pool_connections=32, pool_maxsize=32)
    pools: Any = {"http": PlainPool, "https": SecurePool}
    adapter.poolmanager.pool_classes_by_scheme = pools
    return adapter


def _connected(
    connection: HTTPConnection, networks: Sequence[Allowed], *, plain: bool
) -> socket.socket:
    found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    port = int(connection.port or 0)
    addresses = [str(info[4][0]) for info in found]
    if not addresses or not all(permitted(address, networks, port) for address in addresses):
        raise ForbiddenAddress(REFUSED)
    if plain and not all(opened(ip_address(address), networks, port) for address in addresses):
        raise ForbiddenAddress(REFUSED)
    timeout: Any = connection.timeout
    return create_connection(
        (addresses[0], connection.port), timeout, socket_options=connection.socket_options
    )
