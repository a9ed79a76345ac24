"""Calls the web application, one request, one answer: without a socket, or over HTTP.

`OMS_TEST_HTTP=1` puts the same application behind a real server (`tests.support.over_http`).
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from tests.published.conformance import problems
from tests.published.operations import note
from tests.support import over_http, published_operations


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass
class Client:
    """`headers` go with every request; `conforming`: answers are held against what is published."""

    app: Any
    headers: dict[str, str] = field(default_factory=dict)
    over_http: bool = over_http.ON
    conforming: bool = True

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        return asyncio.run(self.ask(method, url, body, **headers))

    async def ask(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        parts = urlsplit(url)
        path, query = quote(parts.path, safe="/%"), quote(parts.query, safe="=&%+$,:*")
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        sent = {"host": "127.0.0.1", **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.over_http:
            fields = await over_http.ask(self.app, method, f"{path}?{query}", sent, raw)
        else:
            fields = await self._without_a_socket(method, parts.path, path, query, sent, raw)
        status, _, content = fields
        published_operations.note(method, parts.path)
        if not self.conforming:
            return Answer(*fields)
        note(method, parts.path, status)
        unlike = problems(method, parts.path, status, content)
        assert not unlike, "\n".join(unlike)
        return Answer(*fields)

    async def _without_a_socket(
        self, method: str, path: str, raw_path: str, query: str, sent: dict[str, str], raw: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
            "scheme": "http",
            "server": ("127.0.0.1", 80),
        }
        messages: list[Any] = []
        sent_once = False

        async def receive() -> dict[str, Any]:
            nonlocal sent_once
            if sent_once:
                await asyncio.Event().wait()  # the client stays until it is answered
            sent_once = True
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start = messages[0]
        answered = [(k.decode().lower(), v.decode()) for k, v in start["headers"]]
        return start["status"], answered, b"".join(m.get("body", b"") for m in messages[1:])
