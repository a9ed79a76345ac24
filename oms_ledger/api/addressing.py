"""Which account is asked, under which path: before any routing (contract 02 §1).

The account is named by `?an=`, the host's first label, or a leading path segment. Path words of
the API are matched without case, ids keep theirs; one trailing slash more is the same path. A
segment is decoded once, on the raw path, so `%2F` inside an invoice number survives: it stays
`%2F` in the routed path and `segment()` gives the endpoint what was meant.
"""

import re
import uuid
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oms_ledger.api.errors import ApiError, body_of

QUERY_LIMIT = 64 * 1024
NO_ACCOUNTS = {"api", "www", "localhost"}
FIRST_WORDS = {"api", "split", "docs", "openapi.json", "healthz", "readyz", "metrics", "redoc", ""}
_ACCOUNT = re.compile(r"[a-z][a-z0-9]{1,39}")
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}")


class Addressing:
    def __init__(self, app: ASGIApp, words: Iterable[str], body_limit: int) -> None:
        self._app = app
        self._words = {word.lower(): word for word in words}
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): v for name, v in scope["headers"]}
        asked = headers.get("x-request-id", b"").decode("latin-1")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", []), extra]
            await send(message)

        if refusal := self._readdressed(scope, headers):
            await _refuse(scope, answer, *refusal)
            return
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise ApiError(413, "OMS004", f"The body is larger than {self._limit} bytes")
            return message

        await self._app(scope, limited, answer)

    def _readdressed(self, scope: Scope, headers: dict[str, bytes]) -> tuple[int, str] | None:
        """Set account and path in the scope; status and reason when the request is refused."""
        query = scope.get("query_string", b"")
        if len(query) > QUERY_LIMIT:
            return 414, f"The query string is longer than {QUERY_LIMIT} bytes"
        length = headers.get("content-length", b"0")
        if not length.isdigit():
            return 400, "Content-Length is no number"
        if int(length) > self._limit:
            return 413, f"The body is larger than {self._limit} bytes"
        raw = (scope.get("raw_path") or scope["path"].encode()).split(b"?")[0]
        segments = []
        for part in raw.split(b"/")[1:]:
            try:
                segment = unquote_to_bytes(part).decode("utf-8")
            except UnicodeDecodeError:
                return 400, "The path is no UTF-8"
            if segment in (".", "..") or any(
                ord(char) < 32 or ord(char) == 127 for char in segment
            ):
                return 400, "The path has control characters or dots for folders"
            segments.append(self._words.get(segment.lower(), segment))
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        in_path = None
        if len(segments) > 1 and segments[0] not in FIRST_WORDS and segments[1] == "api":
            in_path = segments.pop(0)
        named = parse_qs(query.decode("latin-1"))
        account = next(
            (named[key][0] for key in ("an", "accountName") if named.get(key)), None
        ) or of_host(headers.get("host", b"").decode("latin-1"))
        scope["state"]["account_asked"] = account or in_path
        path = "/" + "/".join(s.replace("%", "%25").replace("/", "%2F") for s in segments)
        scope["path"], scope["raw_path"] = path, path.encode()
        return None


def of_host(host: str) -> str | None:
    """The account that a host's first label names; after the last `--` of a workspace."""
    name = host.rsplit(":", 1)[0] if not host.startswith("[") else host
    label, dot, _ = name.lower().partition(".")
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        pass
    else:
        return None
    label = label.rpartition("--")[2]
    return label if dot and label not in NO_ACCOUNTS and _ACCOUNT.fullmatch(label) else None


def segment(value: str) -> str:
    """A path parameter as it was meant: what routing kept encoded is decoded here, once."""
    return unquote(value)


async def _refuse(scope: Scope, send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body_of(scope, "OMS004", message)})
