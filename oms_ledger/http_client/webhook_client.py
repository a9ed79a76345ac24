"""Posting to an anonymous caller's URL: connects only to addresses that were checked, follows
nothing.

Two gates. The resolver passes on only permitted addresses, so the address that was checked is the
address that is connected to, while host name and TLS name stay the URL's. And no socket is made
for another address, whoever named it: a host written as an address is never resolved. Proxies of
the environment are not used: a proxy would resolve the name itself, past both gates.
"""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from oms_ledger.clock import Clock
from oms_ledger.http_client.addresses import (
    REFUSED,
    Allowed,
    opened,
    permitted,
    wrong_url,
)
from oms_ledger.http_client.open_sockets import OpenSockets
from oms_ledger.notifications.webhook import PING, retry_after

TIMEOUT = aiohttp.ClientTimeout(total=5)
READ = 65_536
"""Bytes of an answer's body that are looked at; what it says is in its status."""

QUICK, SLOW, REMEMBERED = 16, 16, 300.0
"""Threads that resolve hosts, threads for those that were slow, seconds that this is known."""


class ForbiddenAddress(OSError):
    """The host leads to an address that must not be connected to."""


@dataclass(frozen=True)
class Gate:
    """What may be connected to; `plain` for http, which only opened networks may be given."""

    networks: Sequence[Allowed]
    plain: bool = False

    def lets(self, address: str, port: int) -> bool:
        """Whether the address may be connected to, at this port."""
        if self.plain:
            return opened(ip_address(address.partition("%")[0]), self.networks, port)
        return permitted(address, self.networks, port)

    def socket(self, info: Any) -> socket.socket:
        """A socket for an address that is permitted, made at the last moment."""
        family, kind, protocol, _, address = info
        if not self.lets(str(address[0]), int(address[1])):
            raise ForbiddenAddress(REFUSED)
        return socket.socket(family, kind, protocol)


class Lookup:
    """Asks the system for a host's addresses; a host that was slow waits among its like."""

    def __init__(self) -> None:
        self._quick = ThreadPoolExecutor(QUICK, "lookup")
        self._slow = ThreadPoolExecutor(SLOW, "slow-lookup")
        self._known_slow: dict[str, float] = {}

    async def __call__(self, host: str, port: int, family: int) -> list[Any]:
        """The addresses of a host; raises `OSError` when it has none."""
        now = time.monotonic()
        slow = self._known_slow.get(host, 0.0) > now
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._slow if slow else self._quick, _ask, host, port, family
            )
        finally:
            if time.monotonic() - now > 1.0:
                if len(self._known_slow) > 10_000:
                    self._known_slow.clear()
                self._known_slow[host] = now + REMEMBERED

    def close(self) -> None:
        """Ask for nothing more; look-ups that run are not waited for."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)


def _ask(host: str, port: int, family: int) -> list[Any]:
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)


class CheckedResolver(AbstractResolver):
    """Resolves like the system, and refuses a host of which any address is forbidden."""

    def __init__(self, gate: Gate, lookup: Lookup) -> None:
        self._gate = gate
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The permitted addresses of a host; raises `ForbiddenAddress` if one is not."""
        found = await self._lookup(host, port, family)
        if not found or not all(self._gate.lets(str(info[4][0]), port) for info in found):
            raise ForbiddenAddress(REFUSED)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for found_family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status (None when there was no answer), what was seen, and Retry-After in seconds."""

    status: int | None
    seen: str
    retry_after: float | None = None


class Sender:
    """Keep-alive sessions, for as many endpoints as there are; bound to a running loop."""

    def __init__(self, networks: Sequence[Allowed], clock: Clock, per_host: int = 64) -> None:
        self._networks, self._clock = networks, clock
        self._lookup = Lookup()
        self._sockets: list[OpenSockets] = []
        self._sessions = {
            "https": self._session(Gate(networks), per_host),
            "http": self._session(Gate(networks, plain=True), per_host),
        }

    def _session(self, gate: Gate, per_host: int) -> aiohttp.ClientSession:
        sockets = OpenSockets(gate.socket)
        self._sockets.append(sockets)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=CheckedResolver(gate, self._lookup),
                socket_factory=sockets,
                limit=0,
                limit_per_host=per_host,
            ),
            timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections, those that still send too."""
        for session in self._sessions.values():
            await session.close()
        for sockets in self._sockets:
            await sockets.close()
        self._lookup.close()

    async def post(self, url: str, body: str, headers: Mapping[str, str]) -> Answer:
        """Post a body and read the status of its answer; a failure is an answer without one."""
        if refusal := wrong_url(url, self._networks):
            return Answer(None, refusal)
        sent = {**headers, "Content-Type": "application/json"}
        session = self._sessions[url.partition(":")[0].lower()]
        try:
            async with session.post(
                url, data=body.encode(), headers=sent, allow_redirects=False
            ) as answer:
                await answer.content.read(READ)
                wait = retry_after(answer.headers.get("Retry-After", ""), self._clock.seconds())
                return Answer(answer.status, f"HTTP {answer.status}", wait)
        except TimeoutError:
            return Answer(None, "no answer within 5 s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, forbidden(error) or f"{type(error).__name__}: {error}"[:500])


def forbidden(error: BaseException | None) -> str | None:
    """Say so where a gate was closed, somewhere among the causes; None where none was."""
    while error is not None:
        if isinstance(error, ForbiddenAddress):
            return REFUSED
        error = getattr(error, "os_error", None) or error.__cause__ or error.__context__
    return None


async def ping(
    url: str, headers: Mapping[str, str], networks: Sequence[Allowed], clock: Clock
) -> str | None:
    """None when the URL answered a ping with 200 in time, else what was seen."""
    sender = Sender(networks, clock)
    try:
        answer = await sender.post(url, PING, headers)
    finally:
        await sender.close()
    return None if answer.status == 200 else answer.seen
