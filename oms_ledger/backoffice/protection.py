"""Around every page: who may send a change, and what a browser may do with the answer."""

import uuid
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD"})
BODY_LIMIT = 1024 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def own_origin(public_url: str | None, host: str) -> str | None:
    """Scheme and host that pages are reached at; None where a password must not be sent."""
    if public_url:
        return public_url
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return f"http://{host}" if name in LOOPBACK else None


def from_own_page(method: str, headers: Mapping[str, str], origin: str | None) -> bool:
    """Whether a request may change something: only a page of this very origin may send it.

    `same-site` is foreign too: ports of one host are one site.
    """
    if method in SAFE:
        return True
    site = headers.get("sec-fetch-site")
    if site:
        return site == "same-origin"
    return origin is not None and headers.get("origin") == origin


class Protection:
    """Refuses changes that another site sends, and adds the headers of every page."""

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self._app, self._public_url = app, public_url
        self._secure = urlsplit(public_url or "").scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request with its origin in `state`, and add the headers of each answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        state = scope.setdefault("state", {})
        state["request_id"] = uuid.uuid4().hex
        state["origin"] = own_origin(self._public_url, headers.get("host", ""))
        state["secure"] = self._secure

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._extra(message, state)]
            await send(message)

        try:
            scope["path"] = _path(scope.get("raw_path") or scope["path"].encode())
        except UnicodeDecodeError:
            await _refuse(marked, 400, "The address is no UTF-8.")
            return
        if not from_own_page(scope["method"], headers, state["origin"]):
            await _refuse(marked, 403, "Only a page of this address may send this.")
            return
        if int(headers.get("content-length") or 0) > BODY_LIMIT:
            await _refuse(marked, 413, "The form is too large.")
            return
        await self._app(scope, receive, marked)

    def _extra(self, message: Message, state: dict[str, str]) -> list[tuple[bytes, bytes]]:
        given = {name.lower() for name, _ in message.get("headers", [])}
        fields = {**HEADERS, "x-request-id": state["request_id"], "cache-control": "no-store"}
        if self._secure:
            fields["strict-transport-security"] = "max-age=31536000"
        return [(k.encode(), v.encode()) for k, v in fields.items() if k.encode() not in given]


def _path(raw: bytes) -> str:
    """The path with each segment decoded, but for what would split it again."""
    parts = raw.split(b"?")[0].split(b"/")
    decoded = (unquote_to_bytes(part).decode("utf-8") for part in parts)
    return "/".join(one.replace("%", "%25").replace("/", "%2F") for one in decoded)


async def _refuse(send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": message.encode()})
