"""Which account a request is to, under which path: before any routing (contract 02 §1).

The account is named by `?an=`, the host's first label, or a leading path segment. Path words of
the API are matched without case, ids keep theirs; one trailing slash more is the same path. A
segment is decoded once, on the raw path, so `%2F` inside an invoice number survives: it stays
`%2F` in the routed path, and a parameter of the type `PathId` is what was meant.

Given route templates (`/api/oms/pvt/orders/{order_id}/invoice`), only their literal segments are
spelled as published. Given bare words, every segment that is such a
word is, ids included: templates are to be preferred.
"""

import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes

from pydantic import AfterValidator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oms_ledger.api.http.errors import body_of
from oms_ledger.orders.order_ids import is_path_segment

REQUESTED_ACCOUNT, REQUESTED_PATH = "requested_account", "requested_path"
"""Keys of a scope's state: the account that a request names, and its path as it came."""
QUERY_LIMIT = 64 * 1024
NAME_LIMIT = 256  # characters of an account name in the query
NO_ACCOUNTS = {"api", "www", "localhost"}
WITHOUT_API = {
    *("dataentities", "authorization-dimensions", "commercial-authorizations"),
    *("seller-register", "fulfillment"),
}
"""First words of paths that are published without `/api`, too."""
FIRST_WORDS = {
    *WITHOUT_API,
    *("api", "admin", "split", "docs", "openapi.json", "healthz", "readyz", "metrics", "redoc", ""),
}
AFTER_ACCOUNT = {"api", "do", *WITHOUT_API}
_ACCOUNT = re.compile(r"[a-z][a-z0-9]{1,39}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+")
"""Paths of which every segment is what it says: there is nothing to decode or to refuse."""


@dataclass
class Templates:
    """Route templates as a tree: below each segment, the words and the parameter after it."""

    words: dict[str, tuple[str, "Templates"]] = field(default_factory=dict)
    parameter: "Templates | None" = None
    rests: list[list[str]] = field(default_factory=list)  # what follows a `{name:path}`
    ends: bool = False

    def add(self, template: str) -> str:
        """Keep a template; answers its shape, in which parameters have no names."""
        node, parts = self, template.strip("/").split("/")
        shape = "/".join("{}" if part.startswith("{") else part for part in parts)
        for at, part in enumerate(parts):
            if part.endswith(":path}"):
                node.rests.append(parts[at + 1 :])
                node.rests.sort(key=len, reverse=True)
                return shape
            if part.startswith("{"):
                node.parameter = node.parameter or Templates()
                node = node.parameter
            else:
                node = node.words.setdefault(part.lower(), (part, Templates()))[1]
        node.ends = True
        return shape

    def published(self, segments: list[str]) -> list[str] | None:
        """The segments as the template they match spells them; None when none does."""
        found = self._match(segments)
        return None if found is None else [spelled for spelled, _ in found]

    def shape(self, segments: list[str]) -> str | None:
        """The shape of the template that the segments match; None when none does."""
        found = self._match(segments)
        return None if found is None else "/".join(part for _, part in found if part)

    def _match(self, segments: list[str]) -> list[tuple[str, str]] | None:
        """Each segment as it is spelled, and its part of the template; "" within a rest."""
        if not segments:
            return [] if self.ends else None
        here, after = segments[0], segments[1:]
        word = self.words.get(here.lower()) if here.isascii() else None
        if word and (tail := word[1]._match(after)) is not None:
            return [(word[0], word[0]), *tail]
        if here and self.parameter and (tail := self.parameter._match(after)) is not None:
            return [(here, "{}"), *tail]
        for rest in self.rests:
            cut = len(segments) - len(rest)
            if cut > 0 and [s.lower() for s in segments[cut:]] == [w.lower() for w in rest]:
                free = zip(segments[:cut], ["{}", *[""] * (cut - 1)], strict=True)
                return [*free, *((word, word) for word in rest)]
        return None


class AccountResolver:
    """Set account, path and id of the request in the scope's state, and the path as published."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        self._app = app
        self._words: dict[str, str] = {}
        self._templates = Templates()
        for path in paths:
            if path.startswith("/"):
                self._templates.add(path)
            else:
                self._words[path.lower()] = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request its id, its account and its published path, and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        requested = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = requested if _REQUEST_ID.fullmatch(requested) else secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state["request_id"], state["arrived"] = request_id, time.monotonic()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", []), extra]
            await send(message)

        if refusal := self._readdressed(scope, headers):
            await _refuse(scope, answer, *refusal)
            return
        await self._app(scope, receive, answer)

    def _readdressed(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Set account and path in the scope; status and reason when the request is refused."""
        raw = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
        plain = _PLAIN.fullmatch(raw) is not None
        try:
            segments = _plain(raw) if plain else [_decoded(part) for part in raw.split(b"/")[1:]]
        except ValueError as error:
            return 400, str(error)
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        in_path = None
        if (
            len(segments) > 1
            and segments[0].lower() not in FIRST_WORDS
            and segments[1].lower() in AFTER_ACCOUNT
        ):
            in_path = segments.pop(0).lower()
        if segments[0].lower() in WITHOUT_API:
            segments.insert(0, "api")
        segments = self._templates.published(segments) or [
            self._words.get(path_id.lower(), path_id) for path_id in segments
        ]
        if not plain:
            segments = [s.replace("%", "%25").replace("/", "%2F") for s in segments]
        scope["state"][REQUESTED_PATH] = raw
        path = "/" + "/".join(segments)
        scope["path"] = path
        scope["raw_path"] = path.encode() if plain else quote(path, safe="/%").encode()
        query = scope.get("query_string", b"")
        if len(query) > QUERY_LIMIT:
            return 414, f"The query string is longer than {QUERY_LIMIT} bytes"
        if b"%00" in query:
            return 400, "The query holds a NUL character"
        named = _named(query)
        if named and (len(named) > NAME_LIMIT or not named.isprintable()):
            return 400, "The account named in the query is no account name"
        host = headers.get(b"host", b"").decode("latin-1")
        scope["state"][REQUESTED_ACCOUNT] = named or of_host(host) or in_path
        if not headers.get(b"content-length", b"0").isdigit():
            return 400, "Content-Length is no number"
        return None


def _plain(raw: bytes) -> list[str]:
    return raw.decode("ascii").split("/")[1:]


def _decoded(part: bytes) -> str:
    """One segment of the raw path, decoded once; ValueError for what no path should hold."""
    try:
        path_id = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("The path is no UTF-8") from None
    if not is_path_segment(path_id):
        raise ValueError("The path has control characters or dots for folders")
    return path_id


def _named(query: bytes) -> str | None:
    if b"an=" not in query and b"accountName=" not in query:
        return None
    fields = parse_qs(query.decode("latin-1"))
    return next((fields[key][0].lower() for key in ("an", "accountName") if fields.get(key)), None)


@lru_cache(1024)
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


def path_id(value: str) -> str:
    """A path parameter as it was meant: what routing kept encoded is decoded here, once."""
    return unquote(value)


PathId = Annotated[str, AfterValidator(path_id)]
"""A path parameter of an endpoint, decoded; what it must not hold was refused before routing."""


async def _refuse(scope: Scope, send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body_of(scope, "OMS004", message)})
