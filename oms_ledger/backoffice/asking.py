"""How a page asks the API: one request in process, as the signed-in person, without a socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote, urlencode

import orjson
from starlette.types import ASGIApp, Message, Scope

from oms_ledger.services.operators.signed_in import STATE, SignedIn

Query = Mapping[str, Any] | list[tuple[str, str]]


@dataclass(slots=True)
class Answer:
    """What the API answered; `made_of` is how the page's footer names the request."""

    method: str
    path: str
    query: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    duration_ms: float = 0

    @property
    def ok(self) -> bool:
        """Whether the API did it or found it."""
        return 200 <= self.status < 300

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def json(self) -> Any:
        """The body as JSON; None without a body."""
        return orjson.loads(self.body) if self.body else None

    @property
    def error(self) -> dict[str, Any]:
        """The refusal as the API words it: code and message, in whichever family's form."""
        try:
            fields = self.json()
        except orjson.JSONDecodeError:
            fields = None
        if isinstance(fields, list) and fields:
            fields = fields[0]
        if not isinstance(fields, dict):
            fields = {}
        error = fields.get("error")
        if isinstance(error, dict):
            return error
        message = error or fields.get("Message") or f"HTTP {self.status}"
        code = (fields.get("data") or {}).get("code") or str(self.status)
        return {"code": code, "message": str(message)}

    @property
    def replayed(self) -> bool:
        """Whether this is the stored answer to a request that was sent before."""
        return "idempotent-replayed" in self.headers


def path_of(*segments: str) -> str:
    """An API path out of segments; each is encoded, so an id may hold a slash."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _scope(
    person: SignedIn, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]]
) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "client": None,
        "server": None,
        # No client can set this: the API takes it before it looks at any header.
        "state": {STATE: person},
    }


async def ask(
    api: ASGIApp,
    person: SignedIn,
    method: str,
    path: str,
    *,
    query: Query = (),  # type: ignore[assignment]
    body: Any = None,
    once: str | None = None,
    language: str = "en",
    request_id: str = "",
    more_headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """The API's answer. `once` is the key under which a change is applied once."""
    raw = b"" if body is None else orjson.dumps(body)
    text = urlencode(query, doseq=True)
    headers = [
        (b"content-length", str(len(raw)).encode()),
        (b"accept-language", language.encode()),
    ]
    if request_id:
        headers.append((b"x-request-id", request_id.encode()))
    if once:
        headers.append((b"idempotency-key", once.encode()))
    headers += [(name.encode(), value.encode()) for name, value in more_headers.items()]
    answer, began, sent = Answer(method, path, text), time.perf_counter(), False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the page stays until it is answered
        sent = True
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {
                k.decode("latin-1").lower(): v.decode("latin-1") for k, v in message["headers"]
            }
        else:
            answer.body += message.get("body", b"")

    await api(_scope(person, method, path, text, headers), receive, send)
    answer.duration_ms = (time.perf_counter() - began) * 1000
    return answer


async def listen(
    api: ASGIApp,
    person: SignedIn,
    path: str,
    query: Query,
    *,
    method: str = "GET",
    body: Any = None,
) -> AsyncIterator[bytes]:
    """A streamed answer as it comes; an empty piece after each silent second.

    It ends with its reader.
    """
    pieces: asyncio.Queue[bytes] = asyncio.Queue(100)
    gone = asyncio.Event()
    raw = b"" if body is None else orjson.dumps(body)
    first: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> Message:
        if first:
            return first.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await pieces.put(message.get("body", b""))

    headers = [(b"accept", b"text/event-stream"), (b"content-length", str(len(raw)).encode())]
    scope = _scope(person, method, path, urlencode(query, doseq=True), headers)
    running: Coroutine[Any, Any, None] = api(scope, receive, send)  # type: ignore[assignment]
    task = asyncio.create_task(running)
    try:
        while not (task.done() and pieces.empty()):
            try:
                yield await asyncio.wait_for(pieces.get(), 1)
            except TimeoutError:
                yield b""
    finally:
        gone.set()
        task.cancel()
