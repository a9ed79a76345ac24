"""A browser without a screen: it keeps cookies, sends forms, follows redirects on demand."""

import asyncio
import gzip
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@dataclass
class Shown:
    """An answer of the back office."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """The words of the page, without its tags."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.html)).split())

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def location(self) -> str | None:
        return self.header("location")


@dataclass
class Browser:
    app: Any
    host: str = "127.0.0.1:8080"
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, target: str, **headers: str) -> Shown:
        return self.send("GET", target, None, headers)

    def post(self, target: str, fields: Any = (), **headers: str) -> Shown:
        """A form of a page of this origin; `sec_fetch_site` and others may say otherwise."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", target, fields, given or SAME_ORIGIN)

    def follow(self, shown: Shown) -> Shown:
        assert shown.location, shown.text
        return self.get(shown.location)

    def send(self, method: str, target: str, fields: Any, headers: dict[str, str]) -> Shown:
        return asyncio.run(self._send(method, target, fields, headers))

    async def _send(self, method: str, target: str, fields: Any, headers: dict[str, str]) -> Shown:
        parts = urlsplit(target)
        text = fields if isinstance(fields, str) else urlencode(fields or (), doseq=True)
        body = text.encode()
        sent = {"host": self.host, "accept-encoding": "gzip", **self.headers, **headers}
        sent["content-length"] = str(len(body))
        if self.cookies:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": quote(parts.path, safe="/%").encode(),
            "query_string": parts.query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 5),
        }
        messages: list[Any] = []
        requested = False

        async def receive() -> dict[str, Any]:
            nonlocal requested
            if requested:
                await asyncio.Event().wait()
            requested = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start = messages[0]
        values = [(k.decode().lower(), v.decode("latin-1")) for k, v in start["headers"]]
        content = b"".join(m.get("body", b"") for m in messages[1:])
        if dict(values).get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        for name, value in values:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                kept = rest.split(";")[0].strip('"')
                if kept:
                    self.cookies[key] = kept
                else:
                    self.cookies.pop(key, None)
        return Shown(start["status"], values, content)
