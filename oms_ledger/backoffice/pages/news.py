"""Events of the account's orders as server-sent events, thinned to one message a second."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from oms_ledger.backoffice.page import Page
from oms_ledger.whole_numbers import is_whole

EVERY = 1.0  # seconds
PLACED = "order-placed"


async def get_news(page: Page) -> Response:
    """Which orders changed since a position; `true` for those placed just now."""
    page.require("account_events")
    after = page.request.headers.get("last-event-id") or page.query("after", "0")
    position = int(after) if is_whole(after) else page.position
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    body = _thinned(page, await asyncio.to_thread(_reached, page, position))
    return StreamingResponse(body, 200, headers, media_type="text/event-stream")


def _reached(page: Page, position: int) -> int:
    """A position of the account: pages name the ledger's, where others may have been since."""
    return page.cell.store.head_of(page.account or "", min(position, page.position))


async def _thinned(page: Page, after: int) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    orders: dict[str, bool] = {}
    position, rest, spoke = after, b"", 0.0
    async for piece in page.listen("/api/ledger/events", {"after": after}):
        *whole, rest = (rest + piece).split(b"\n\n")
        for event in map(_event, whole):
            if event:
                position = event["position"]
            if event and event["orderId"] is not None:  # a document's event has none
                fresh = orders.get(event["orderId"], False) or event["name"] == PLACED
                orders[event["orderId"]] = fresh
        now = time.monotonic()
        if orders and now - spoke >= EVERY:
            fields = orjson.dumps({"position": position, "orders": orders})
            yield b"id: %d\ndata: %s\n\n" % (position, fields)
            orders, spoke = {}, now
        elif not piece and now - spoke >= 15 * EVERY:
            yield b": nothing new\n\n"
            spoke = now


def _event(text: bytes) -> dict[str, Any] | None:
    for line in text.split(b"\n"):
        if line.startswith(b"data: "):
            found: dict[str, Any] = orjson.loads(line[6:])
            return found
    return None


ROUTES = [("/admin/{account}/news", get_news, ["GET"])]
