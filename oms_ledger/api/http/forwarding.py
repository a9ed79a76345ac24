"""Forwards what is asked of an account that another cell hosts, as the directory says.

A balancer that knows the accounts saves the way; without one, or with an old map, a request costs
a hop and not an error. A request is forwarded once: a cell that gets one for an account that is
not its own either answers 503, and the client asks again. While an account leaves a cell, writes
wait for the other cell to take it; reads are answered. The back office is each cell's own: what
its pages ask is not forwarded.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from http.cookies import CookieError, SimpleCookie

import aiohttp
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT, REQUESTED_PATH
from oms_ledger.api.http.errors import body_of
from oms_ledger.cell import Cell
from oms_ledger.directory import DirectoryCache
from oms_ledger.http_client.open_sockets import OpenSockets
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.operators.signed_in import STATE

HOPS = b"x-oms-hops"
PATIENCE = 5.0
"""Seconds that a write waits while its account is on its way to another cell."""
LOOK = 0.1
READ_TIMEOUT = 75.0
"""Seconds between bytes of an answer: a poll of the change stream may wait for 60."""
CHUNK = 65_536
_READS = ("GET", "HEAD", "OPTIONS")
_OF_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", HOPS)
)
_ELSEWHERE = "Another cell hosts the account, and is not reached just now. Try again"
_KEY = re.compile(r"vtexappkey-([a-z0-9]{1,40})-[0-9A-F]{6}")

log = structlog.get_logger(__name__)


_rest = asyncio.sleep


class _ClientGone(Exception):
    """Whoever asked has hung up: nobody waits for the answer."""


class Forwarding:
    """In front of the API of a cell that the directory knows (`OMS_CELL`)."""

    def __init__(self, app: ASGIApp, cell: Cell, cache: DirectoryCache) -> None:
        self._app, self._cell, self._cache = app, cell, cache
        self._own = cell.settings.cell
        self._session: aiohttp.ClientSession | None = None
        self._sockets = OpenSockets()
        self._refreshing: asyncio.Task[bool] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request here, or forward it to the cell that hosts its account."""
        if scope["type"] != "http":
            try:
                await self._app(scope, receive, send)
            finally:
                await self.close()
            return
        account = account_of(scope, self._cell)
        url = await self._elsewhere(account, scope["method"]) if account else None
        if url is None:
            await self._app(scope, receive, send)
        elif url == "" or STATE in scope["state"] or dict(scope["headers"]).get(HOPS):
            await _refuse(scope, send)
        else:
            await self._forward(url, scope, receive, send)

    async def close(self) -> None:
        """Close the connections to other cells."""
        if self._session is not None:
            await self._session.close()
            await self._sockets.close()
            self._session = None

    async def _elsewhere(self, account: str, method: str) -> str | None:
        """The address to forward to; None when it is for this cell, "" when for nobody now."""
        until = time.monotonic() + PATIENCE
        while True:
            await self._refresh()
            place = self._cache.place(account)
            if place is None or (place.cell == self._own and (place.live or method in _READS)):
                return None
            if place.cell != self._own:
                return self._cache.url(place.cell) or ""
            if time.monotonic() >= until:
                return ""
            await _rest(LOOK)

    async def _refresh(self) -> None:
        """Know what the directory says, at most a second old; one look at a time."""
        if self._cache.fresh and self._refreshing is None:
            return
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(asyncio.to_thread(self._cache.refresh))
            self._refreshing.add_done_callback(self._refreshed)
        await asyncio.shield(self._refreshing)

    def _refreshed(self, task: "asyncio.Task[bool]") -> None:
        self._refreshing = None
        if not task.cancelled() and task.exception() is None and not task.result():
            log.warning("directory_unavailable")

    async def _forward(self, url: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        started = False
        try:
            async with self._client().request(
                scope["method"],
                _target(url, scope),
                headers=_headers(scope),
                data=body.chunks() if _has_body(scope) else None,
                allow_redirects=False,
            ) as answer:
                await send(
                    {
                        "type": "http.response.start",
                        "status": answer.status,
                        "headers": _answered(answer),
                    }
                )
                started = True
                await _stream(answer, body, send)
        except _ClientGone:
            return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("forwarding_failed", cell=url, error=type(error).__name__)
            if started:
                raise
            await _refuse(scope, send)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=READ_TIMEOUT),
                connector=aiohttp.TCPConnector(
                    socket_factory=self._sockets, limit=0, limit_per_host=512
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
                trust_env=False,
            )
        return self._session


class _Body:
    """A request's body as it comes, and whether its client is still there afterwards."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _ClientGone
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk

    async def gone(self) -> None:
        """Wait until the client hangs up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _stream(answer: aiohttp.ClientResponse, body: _Body, send: Send) -> None:
    """Pass an answer on as it comes; end when the client hangs up."""
    gone = asyncio.ensure_future(body.gone())
    try:
        chunks = answer.content.iter_any()
        while True:
            following = asyncio.ensure_future(anext(chunks, None))
            await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                raise _ClientGone
            if not (chunk := following.result()):
                break
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


def account_of(scope: Scope, cell: Cell) -> str | None:
    """The account that a request is for: as it is named, else that of its credential."""
    if (person := scope["state"].get(STATE)) is not None:
        return str(person.account)
    if named := scope["state"].get(REQUESTED_ACCOUNT):
        return str(named)
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    if key := _KEY.fullmatch(headers.get("x-vtex-api-appkey", "")):
        return key[1]
    cookies = _cookies(headers.get("cookie", ""))
    for text in user_tokens.carried(headers, cookies):
        if token := user_tokens.read(cell.encryption, text, cell.clock.now().timestamp()):
            return token.account
    return None


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _target(url: str, scope: Scope) -> URL:
    query = scope.get("query_string", b"").decode("latin-1")
    path = scope["state"][REQUESTED_PATH].decode("latin-1")
    return URL(url + path + (f"?{query}" if query else ""), encoded=True)


def _has_body(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return b"transfer-encoding" in names or b"content-length" in names


def _headers(scope: Scope) -> list[tuple[str, str]]:
    """What the client sent, but for what is of its connection; and that it was forwarded."""
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name.lower() not in _OF_CONNECTION
    ]
    return [*kept, (HOPS.decode(), "1")]


def _answered(answer: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    """The answer's headers, but for those that this cell adds to every answer itself."""
    return [
        (name.lower(), value)
        for name, value in answer.raw_headers
        if name.lower() not in _OF_CONNECTION and name.lower() != b"x-request-id"
    ]


async def _refuse(scope: Scope, send: Send) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"retry-after", b"1"),
    ]
    body = body_of(scope, "OMS503", _ELSEWHERE)
    start: Message = {"type": "http.response.start", "status": 503, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
