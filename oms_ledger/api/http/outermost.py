"""What holds for every answer, whatever part of the application gave it.

No answer is kept by a browser or a proxy unless it says so itself. `HEAD` is `GET` without the
body. An exception that nobody turned into an answer becomes one here, and is logged once: the
server would log its text.
"""

import asyncio
import uuid
from collections.abc import Awaitable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oms_ledger.api.http.errors import body_of

_KEPT = ("/healthz", "/readyz", "/docs", "/openapi.json", "/admin/-/static/")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_NO_STORE = (b"cache-control", b"no-store")
_JSON = (b"content-type", b"application/json; charset=utf-8")

log = structlog.get_logger(__name__)


class Outermost:
    """Answers HEAD as GET without a body, and refuses a host that is none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see to what holds for every answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        if problem := _ambiguous(scope):
            await answer.refuse(400, "OMS004", problem)
            return
        try:
            if answer.head:
                await answer.until_headers(
                    self._app({**scope, "method": "GET"}, receive, answer.send)
                )
            else:
                await self._app(scope, receive, answer.send)
        except Exception as error:
            if answer.started:
                return  # it was logged where it was answered, or its client is gone
            request_id = uuid.uuid4().hex
            log.error("request_failed", request_id=request_id, exc_info=error)
            message = f"Something went wrong. Request id {request_id}"
            await answer.refuse(500, "1", message)


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.head = scope["method"] == "HEAD"
        self.started = False
        self._ended = asyncio.Event() if self.head else None

    async def until_headers(self, answering: Awaitable[None]) -> None:
        """Answer until the headers are out; what would make a body then does not go on."""
        assert self._ended is not None
        work, ended = asyncio.ensure_future(answering), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((work, ended), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            for task in (work, ended):
                task.cancel()
            await asyncio.gather(work, ended, return_exceptions=True)

    async def send(self, message: Message) -> None:
        if self._ended is not None and self._ended.is_set():
            return
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", []))
            message = {**message, "headers": [*headers, *self._missing(headers)]}
            await self._send(message)
            if self._ended is not None:
                await self._send({"type": "http.response.body", "body": b""})
                self._ended.set()
            return
        await self._send(message)

    async def refuse(self, status: int, code: str, message: str) -> None:
        start = {"type": "http.response.start", "status": status, "headers": [_JSON]}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body_of(self._scope, code, message)})

    def _missing(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        given = {name.lower() for name, _ in headers}
        kept = self._scope["path"].startswith(_KEPT)
        wanted = _HEADERS if kept else (*_HEADERS, _NO_STORE)
        return [header for header in wanted if header[0] not in given]


_ONCE = (b"x-vtex-api-appkey", b"x-vtex-api-apptoken", b"authorization", b"idempotency-key")


def _ambiguous(scope: Scope) -> str | None:
    """What a proxy in front may have read in another way than it is read here, if anything.

    Of two hosts it may have believed one, and the account would be taken from the other; of a body
    of two lengths it may take the rest for the next request of somebody else.
    """
    names = [name for name, _ in scope["headers"]]
    if not scope["path"].startswith("/"):
        return "The address: expected a path"
    if b"transfer-encoding" in names and b"content-length" in names:
        return "Content-Length: found one beside Transfer-Encoding, expected one of them"
    for name in _ONCE:
        if names.count(name) > 1:
            return f"{name.decode()}: found {names.count(name)}, expected one"
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) == 1 and hosts[0].strip():
        return None
    found = "none" if not hosts else "an empty one" if len(hosts) == 1 else f"{len(hosts)}"
    return f"Host: found {found}, expected one"
