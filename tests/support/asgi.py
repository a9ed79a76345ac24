"""Asks an ASGI application one question, in as many chunks and as raw a path as a test wants."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Explanation:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.body)["error"]
        return fields


def ask(
    app: Any,
    target: str,
    *chunks: bytes,
    method: str = "GET",
    headers: Sequence[tuple[str, str]] = (),
    raw_path: bool = True,
    host: str | None = "127.0.0.1",
) -> Explanation:
    """The answer, at `host` unless a header names another.

    An exception that the application raises after answering is not repeated.
    """
    if host is not None and not any(name.lower() == "host" for name, _ in headers):
        headers = [("host", host), *headers]
    path, _, query = target.partition("?")
    waiting = list(chunks) or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        **({"raw_path": path.encode("latin-1")} if raw_path else {}),
        "query_string": query.encode("latin-1"),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
    }
    try:
        asyncio.run(app(scope, receive, send))
    except Exception:
        if not sent:
            raise
    start, *rest = sent
    fields = [(k.decode().lower(), v.decode()) for k, v in start["headers"]]
    assert len(dict(fields)) == len(fields), "a header stands twice"
    return Explanation(start["status"], dict(fields), b"".join(m.get("body", b"") for m in rest))
