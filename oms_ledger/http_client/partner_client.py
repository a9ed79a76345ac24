"""Asking partners over HTTP: one request and its whole answer, within bounds of time and memory.

Connects only to addresses that were checked, as pushes to hooks do, and follows nothing. Sessions
are kept open for each event loop, and closed with it.
"""

import asyncio
import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

import aiohttp

from oms_ledger.clock import Clock
from oms_ledger.http_client.addresses import Allowed, wrong_url
from oms_ledger.http_client.masking import masked
from oms_ledger.http_client.webhook_client import Sender, forbidden
from oms_ledger.notifications.webhook import retry_after

LARGEST = 1024 * 1024  # bytes of an answer, unpacked too
PATIENCE = aiohttp.ClientTimeout(total=20, sock_connect=5)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a partner is reached, and the headers that open it."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def path(self, path: str, **parameters: str) -> "Endpoint":
        """The same partner, at a path of its own below the address."""
        return Endpoint(composed(self.url, path, parameters), self.headers)

    @property
    def shown(self) -> str:
        """The address as it may be shown: without what may be a secret."""
        return masked(self.url)


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """What a partner answered. Without a status it did not, and `seen` says what happened."""

    status: int | None
    content: bytes
    seen: str
    retry_after: timedelta | None = None
    forbidden: bool = False
    """Its address must not be connected to, so nothing was sent."""

    @property
    def well(self) -> bool:
        """Whether the answer is a 2xx."""
        return self.status is not None and 200 <= self.status < 300


def composed(base: str, path: str, parameters: Mapping[str, str] | None = None) -> str:
    """Put a path behind that of an address, before its query; a fragment is dropped."""
    parts = urlsplit(base)
    query = "&".join(filter(None, (parts.query, urlencode(parameters or {}))))
    below = f"{parts.path.rstrip('/')}/{path.lstrip('/')}"
    return urlunsplit((parts.scheme, parts.netloc, below, query, ""))


def segment(name: str) -> str:
    """An id as one segment of a path."""
    return quote(name, safe="")


def credentials(
    *, key: str = "", token: str = "", user: str = "", password: str = ""
) -> dict[str, str]:
    """The headers that a partner is opened by: an app key, or else a user."""
    if key:
        return {
            "Authorization": f'VTEX key="{key}" token="{token}"',
            "X-VTEX-API-AppKey": key,
            "X-VTEX-API-AppToken": token,
        }
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


class PartnerClient(Sender):
    """Bound to a running loop. `patience` is for a whole exchange, and for connecting."""

    def __init__(
        self,
        networks: Sequence[Allowed],
        clock: Clock,
        patience: aiohttp.ClientTimeout = PATIENCE,
    ) -> None:
        super().__init__(networks, clock)
        self._patience = patience

    async def ask(
        self,
        method: str,
        endpoint: Endpoint,
        body: bytes,
        headers: Mapping[str, str],
    ) -> PartnerAnswer:
        """Send one request and read the whole answer; a failure is an answer without a status."""
        url = endpoint.url
        if refusal := wrong_url(url, self._networks):
            return PartnerAnswer(None, b"", refusal, forbidden=True)
        sent = {
            **headers,
            **endpoint.headers,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }
        session = self._sessions[url.partition(":")[0].lower()]
        try:
            async with session.request(
                method, url, data=body, headers=sent, allow_redirects=False, timeout=self._patience
            ) as answer:
                content = await _whole(answer)
                if content is None:
                    return PartnerAnswer(None, b"", f"an answer of more than {LARGEST} bytes")
                wait = retry_after(answer.headers.get("Retry-After", ""), self._clock.seconds())
                after = None if wait is None else timedelta(seconds=wait)
                return PartnerAnswer(answer.status, content, f"HTTP {answer.status}", after)
        except TimeoutError:
            return PartnerAnswer(None, b"", f"no answer within {self._patience.total:g} s")
        except (aiohttp.ClientError, zlib.error, OSError, ValueError) as error:
            closed = forbidden(error)
            seen = closed or type(error).__name__
            return PartnerAnswer(None, b"", seen, forbidden=closed is not None)


async def _whole(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body, unpacked; None when it is too long, packed or not."""
    packed = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        packed += part
        if len(packed) > LARGEST:
            return None
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return bytes(packed)
    if coding not in ("gzip", "deflate"):
        raise ValueError(f"Content-Encoding {coding}")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    content = unpacking.decompress(bytes(packed), LARGEST + 1)
    return content if len(content) <= LARGEST else None


class PartnerClients:
    """The clients of a cell: of each event loop, one for the networks that an account may call."""

    def __init__(self, clock: Clock, patience: aiohttp.ClientTimeout = PATIENCE) -> None:
        self._clock, self._patience = clock, patience
        self._open: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[Sequence[Allowed], PartnerClient]
        ] = WeakKeyDictionary()

    def of(self, networks: tuple[Allowed, ...]) -> PartnerClient:
        """The client of the running loop."""
        clients = self._open.setdefault(asyncio.get_running_loop(), {})
        if networks not in clients:
            clients[networks] = PartnerClient(networks, self._clock, self._patience)
        return clients[networks]

    async def close(self) -> None:
        """Close what the running loop has open."""
        for client in self._open.pop(asyncio.get_running_loop(), {}).values():
            await client.close()
