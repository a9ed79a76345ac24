"""How large a body each operation takes, and for how long a request may take to bring it.

What announces more is answered 413 at once, unread: before a key is looked up, before anything is
parsed. Large bodies are few at a time, and those beyond have to come back.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oms_ledger.api.http.addressing import Templates
from oms_ledger.api.http.errors import ApiError, body_of

log = structlog.get_logger(__name__)

KIB, MIB = 1024, 1024 * 1024

SMALL = 16 * KIB
"""Bytes that every operation takes: those that are not listed take no more."""

LIMITS: Mapping[str, int] = {
    "place_order": 2 * MIB,
    **dict.fromkeys(("place_fulfillment", "authorize_fulfillment", "authorize_chain"), MIB),
    **dict.fromkeys(("invoice_order", "invoice_document", "test_expression"), 2 * MIB),
    **dict.fromkeys(("feed_config_write", "hook_config_write"), MIB),
    **dict.fromkeys(("track_invoice", "update_invoice", "change_order", "modify_order"), MIB),
    **dict.fromkeys(("feed_commit", "feed_requeue", "hook_requeue"), 256 * KIB),
    **dict.fromkeys(("feed_dry_run", "feed_explain", "hook_dry_run", "hook_explain"), 256 * KIB),
    **dict.fromkeys(("send_payments", "start_transaction", "change_seller"), 256 * KIB),
    **dict.fromkeys(("use_cart", "simulate_cart", "simulate_cart_with_key"), 256 * KIB),
    **dict.fromkeys(("extended_search", "export_orders"), MIB),
    "write_documents": 2 * MIB,
    "write_schemas": MIB,
    "mail_templates": MIB,
    "mail_incoming": MIB,
    "write_policies": MIB,
    "integrate_orders": MIB,
    "import_orders": 8 * MIB,
    **dict.fromkeys(("write_sellers", "manage_affiliates"), 64 * KIB),
    "write_notes": 64 * KIB,  # 2000 characters, each of which may be escaped
    "manage_triggers": MIB,
}
"""Bytes of a body, by operation."""

LARGE, HUGE = 32 * KIB, 256 * KIB
"""Bytes from which on a body is parsed beside the event loop, and behind none but its like."""

IN_FLIGHT = 16 * MIB
"""Bytes of bodies above `SMALL` that a process reads and works on at a time."""

QUIET, WHOLE = 15.0, 60.0
"""Seconds that a body may bring no byte for, and that all of it may take."""

CLOSE = {"Connection": "close"}

NO_BODY = "no_body"
"""In the state of a request that has no body: it says no length, and its protocol asks for one."""

_FRAMED = ("1.0", "1.1")

PASSED_OVER = 16 * MIB
"""Bytes that are let come after a 413: who is still sending reads no answer."""


class LargeBodies:
    """The bodies that a process has in hand, weighed in bytes; a thread parses large ones, and
    another the huge ones.
    """

    def __init__(self, limit: int = IN_FLIGHT) -> None:
        self._limit = limit
        self.weight = 0
        self._parser = ThreadPoolExecutor(1, "large-bodies")
        self._parser_of_huge = ThreadPoolExecutor(1, "huge-bodies")

    def parser(self, size: int) -> ThreadPoolExecutor:
        """Who parses a body of so many bytes."""
        return self._parser_of_huge if size > HUGE else self._parser

    def take(self, size: int) -> None:
        """Make room for so many bytes; 503 when others have it."""
        if self.weight + size > self._limit:
            message = "Too many large bodies are being read: try again in a moment"
            raise ApiError(503, "OMS503", message, {"Retry-After": "1"})
        self.weight += size

    def refund(self, size: int) -> None:
        """Give the room of a body back."""
        self.weight -= size


class BodyLimits:
    """Refuses what is too large, too slow or too much; `routes` are method, template, operation."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[tuple[str, str, str]],
        most: int = 10 * MIB,
        *,
        quiet: float = QUIET,
        whole: float = WHOLE,
        large: LargeBodies | None = None,
    ) -> None:
        self._app = app
        self._most, self._quiet, self._whole = most, quiet, whole
        self._large = large or LargeBodies()
        self._templates = Templates()
        self._limits: dict[tuple[str, str], int] = {}
        for method, template, operation in routes:
            key = method, self._templates.add(template)
            self._limits[key] = max(LIMITS.get(operation, SMALL), self._limits.get(key, 0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as its body comes; 413, 415, 408 or 503 for what may not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"])
        announced = _announced(sent)
        if encoding := _encoding(sent):
            await _refuse(scope, send, _encoded(encoding))
            await _pass_over(receive, self._quiet)
            return
        limit = SMALL if announced <= SMALL else self.limit(scope["method"], scope["path"])
        if announced > limit:
            await _refuse(scope, send, _too_large(limit))
            await _pass_over(receive, self._quiet)
            return
        state = scope.setdefault("state", {})
        state["large_bodies"] = self._large
        if (
            not announced
            and b"transfer-encoding" not in sent
            and scope.get("http_version") in _FRAMED
        ):
            state[NO_BODY] = True
        body = _Body(self, scope, receive, announced)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._large.refund(body.taken)
            if body.cut_off:
                await _pass_over(receive, self._quiet)

    def limit(self, method: str, path: str) -> int:
        """Bytes that a request of this method to this routed path may bring."""
        shape = self._templates.shape(path.strip("/").split("/"))
        known = self._limits.get((method, shape), SMALL) if shape is not None else SMALL
        return min(known, self._most)


class _Body:
    """One request's body, as far as it has come."""

    def __init__(self, limits: BodyLimits, scope: Scope, receive: Receive, announced: int) -> None:
        self._limits, self._scope, self._receive = limits, scope, receive
        self._announced = announced
        self._until: float | None = None
        self._read = 0
        self._complete = False
        self.taken = 0
        self.cut_off = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        message = await self._next()
        self._read += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        limits = self._limits
        if self._read > SMALL or self._announced > SMALL:
            limit = limits.limit(self._scope["method"], self._scope["path"])
            if self._read > limit:
                self.cut_off = not self._complete
                raise _too_large(limit)
            if not self.taken:
                self.cut_off = not self._complete
                size = self._announced or limit
                limits._large.take(size)
                self.cut_off, self.taken = False, size
        return message

    async def _next(self) -> Message:
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._limits._whole
        patience = min(self._limits._quiet, self._until - now)
        try:
            async with asyncio.timeout(max(patience, 0)):
                message = await self._receive()
        except TimeoutError:
            fields = "The body did not come: no byte of it for long, or too slowly"
            raise ApiError(408, "OMS004", fields, CLOSE) from None
        except Exception as error:  # noqa: BLE001 - what the server raises differs
            log.info("body_broken", error=type(error).__name__)
            raise ApiError(400, "OMS004", "The body cannot be read to its end", CLOSE) from None
        if message["type"] == "http.disconnect":
            raise ApiError(400, "OMS004", "The body broke off", CLOSE)
        return message


def _announced(sent: Mapping[bytes, bytes]) -> int:
    """The length that a request says its body has; 0 when it says none."""
    length = sent.get(b"content-length", b"0")
    return int(length[:18]) if length.isdigit() else 0


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "OMS004", f"The body is larger than {limit} bytes")


def _encoded(encoding: str) -> ApiError:
    message = f"Content-Encoding: found {encoding}, expected none: bodies are read as they come"
    return ApiError(415, "OMS004", message, {"Accept-Encoding": "identity"})


def _encoding(sent: Mapping[bytes, bytes]) -> str | None:
    """How a request says its body is compressed; None where it has none, or as it is."""
    encoding = sent.get(b"content-encoding", b"").decode("latin-1").strip()
    if encoding.lower() in ("", "identity"):
        return None
    comes = sent.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in sent
    return repr(encoding[:60]) if comes else None


async def _refuse(scope: Scope, send: Send, refusal: ApiError) -> None:
    content = body_of(scope, refusal.code, refusal.message)
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *((name.lower().encode(), text.encode()) for name, text in refusal.headers.items()),
    ]
    start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": content})


async def _pass_over(receive: Receive, quiet: float) -> None:
    """Let the rest of an answered body come and go, up to so many bytes."""
    left, more = PASSED_OVER, True
    with suppress(TimeoutError):
        async with asyncio.timeout(quiet):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
