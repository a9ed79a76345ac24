"""Posting to a stranger's URL: connects only to addresses that were checked, follows nothing.

The resolver hands the client only permitted addresses, so the address that was checked is the
address that is connected to (no DNS rebinding), while host name and TLS name stay the URL's.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from oms_ledger.integrations.addresses import REFUSED, Network, opened, permitted, wrong_url
from oms_ledger.integrations.notices import PING

TIMEOUT = aiohttp.ClientTimeout(total=5)


class ForbiddenAddress(OSError):
    """The host leads to an address that must not be connected to."""


class CheckedResolver(AbstractResolver):
    """Resolves like the system, and refuses a host of which any address is forbidden."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        if not found or not all(permitted(str(info[4][0]), self._networks) for info in found):
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


class Sender:
    """One keep-alive session, for as many endpoints as there are; bound to a running loop."""

    def __init__(self, networks: Sequence[Network], per_host: int = 64) -> None:
        self._networks = networks
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=CheckedResolver(networks), limit=0, limit_per_host=per_host
            ),
            timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(
        self, url: str, body: str, headers: Mapping[str, str]
    ) -> tuple[int | None, str, float | None]:
        """Status (None when there was no answer), what was seen, and Retry-After in seconds."""
        refusal = wrong_url(url, self._networks) or await self._wrong_literal(url)
        if refusal:
            return None, refusal, None
        sent = {**headers, "Content-Type": "application/json"}
        try:
            async with self._session.post(
                url, data=body.encode(), headers=sent, allow_redirects=False
            ) as answer:
                await answer.content.read(65_536)
                return answer.status, f"HTTP {answer.status}", _seconds(answer.headers)
        except TimeoutError:
            return None, "no answer within 5 s", None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"[:500], None

    async def _wrong_literal(self, url: str) -> str | None:
        """A host written as an address is never resolved; plain http needs an opened network."""
        address = URL(url)
        try:
            literal = ip_address(address.host or "")
        except ValueError:
            return None if address.scheme == "https" else await self._closed(address)
        if not permitted(str(literal), self._networks):
            return REFUSED
        if address.scheme == "http" and not opened(literal, self._networks):
            return REFUSED
        return None

    async def _closed(self, address: URL) -> str | None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        inside = (opened(ip_address(str(info[4][0])), self._networks) for info in found)
        return None if all(inside) else REFUSED


def _seconds(headers: Mapping[str, str]) -> float | None:
    after = headers.get("Retry-After", "")
    return min(float(after), 21_600.0) if after.isdigit() else None


async def ping(url: str, headers: Mapping[str, str], networks: Sequence[Network]) -> str | None:
    """None when the URL answered a ping with 200 in time, else what was seen."""
    sender = Sender(networks)
    try:
        status, seen, _ = await sender.post(url, PING, headers)
    finally:
        await sender.close()
    return None if status == 200 else seen
