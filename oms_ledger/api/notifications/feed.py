"""Orders Feed v3: configuration, retrieve, commit (contract 04 §§2-4)."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StrictInt

from oms_ledger.accounts.refusals import NoSubscription
from oms_ledger.accounts.subscriptions import FeedConfigured
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.notifications.filters import read_filter
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.services.accounts.subscriptions import configure_feed, remove_feed
from oms_ledger.whole_numbers import is_whole
from projections.notifications import feeds
from projections.notifications.feeds import Feed, ForgedHandle, Lot

router = APIRouter(tags=["Feed v3"])

MayRead = Annotated[Caller, Depends(requires("feed_read"))]
MayCommit = Annotated[Caller, Depends(requires("feed_commit"))]
MaySee = Annotated[Caller, Depends(requires("feed_config_read"))]
MayPeek = Annotated[Caller, Depends(requires("feed_peek"))]
MayConfigure = Annotated[Caller, Depends(requires("feed_config_write"))]


class Queue(Body):
    """For how long a handle hides an item, and for how long items are kept, in seconds."""

    visibility_timeout_in_seconds: Annotated[StrictInt, Field(ge=1, le=43_200)]
    message_retention_period_in_seconds: Annotated[StrictInt, Field(ge=345_600, le=1_209_600)]


def _queue(body: Any) -> Queue:
    queue = body.get("queue") if isinstance(body, dict) else None
    if not isinstance(queue, dict):
        raise bad_request("queue: found nothing, expected visibilityTimeoutInSeconds and more")
    odd = "MessageRetentionPeriodInSeconds"
    if odd in queue:
        queue = {**queue, "messageRetentionPeriodInSeconds": queue[odd]}
    return parse(Queue, queue)


@router.get("/api/orders/feed/config")
async def get_config(cell: TheCell, caller: MaySee) -> Response:
    """Answer the feed of the key."""
    shown, expiry = await asyncio.to_thread(_shown, cell, caller.app_key)
    return json_response(shown, headers=expiry)


def _shown(cell: Cell, app_key: str) -> tuple[dict[str, Any], dict[str, str]]:
    with cell.database.snapshot() as connection:
        feed = _found(feeds.get(connection, app_key))
        count, age = feeds.size(connection, app_key, cell.clock.micros())
    shown = {
        "filter": feed.filter,
        "queue": {
            "visibilityTimeoutInSeconds": feed.visibility,
            "messageRetentionPeriodInSeconds": feed.retention,
        },
        "quantity": count,
        "approximateAgeOfOldestMessageInSeconds": age,
    }
    return shown, _expiry(cell, feed.expires_at)


def _found(feed: Feed | None) -> Feed:
    if feed is None:
        raise _no_feed()
    return feed


def _no_feed() -> NoSubscription:
    return NoSubscription("feed")


@router.post("/api/orders/feed/config")
async def post_config(request: Request, cell: TheCell, caller: MayConfigure) -> Response:
    """Configure the feed of the key; a new one starts with the next event."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body: expected an object with filter and queue")
    queue = _queue(body)
    filter, warning = await asyncio.to_thread(read_filter, body.get("filter"))
    requested = FeedConfigured(
        caller.app_key,
        filter,
        queue.visibility_timeout_in_seconds,
        queue.message_retention_period_in_seconds,
    )

    await configure_feed(cell, caller.context, requested)
    shown, expiry = await asyncio.to_thread(_shown, cell, caller.app_key)
    return json_response(shown, headers={**warning, **expiry})


@router.delete("/api/orders/feed/config")
async def delete_config(cell: TheCell, caller: MayConfigure) -> Response:
    """Remove the feed of the key and what waits in it."""
    await remove_feed(cell, caller.context, caller.app_key)
    return Response(status_code=200)


@router.get("/api/orders/feed")
async def retrieve(request: Request, cell: TheCell, caller: MayRead) -> Response:
    """Retrieve up to ten items, hidden until they are committed or their handles expire."""
    lot = await _retrieved(request, cell, caller, most=10)
    items = [_item(handle, item) for handle, item in lot.items]
    return json_response(items, headers=_expiry(cell, lot.expires_at))


@router.get("/api/oms/pvt/feed/orders/status", deprecated=True)
async def retrieve_v2(request: Request, cell: TheCell, caller: MayRead) -> Response:
    """Feed v2: the same items of the key's feed; `commitToken` is the handle to commit them by."""
    lot = await _retrieved(request, cell, caller, most=1000)
    items = [
        {
            "orderId": item["order_id"],
            "status": item["state"],
            "dateTime": instant_text(item["current_change"]),
            "commitToken": handle,
        }
        for handle, item in lot.items
    ]
    sinks = {"Deprecation": "true", "Link": '</api/orders/feed>; rel="successor-version"'}
    return json_response(items, headers={**sinks, **_expiry(cell, lot.expires_at)})


@router.post("/api/oms/pvt/feed/orders/status/confirm", deprecated=True)
async def confirm_v2(request: Request, cell: TheCell, caller: MayCommit) -> Response:
    """Feed v2: commit items by their `commitToken`, one or a list of them."""
    body = await json_body(request)
    given = body if isinstance(body, list) else [body]
    sinks = [one.get("commitToken") if isinstance(one, dict) else one for one in given]
    return await _committed(cell, caller, sinks, "commitToken")


async def _retrieved(request: Request, cell: Cell, caller: Caller, most: int) -> Lot:
    query = {name.lower(): value for name, value in request.query_params.items()}
    count = query.get("maxlot", "")
    if not is_whole(count, 4) or not 1 <= int(count) <= most:
        raise bad_request(f"maxlot: found {count!r}, expected a whole number from 1 to {most}")

    def lot() -> Lot | None:
        with cell.database.writing_once() as connection:
            found = feeds.retrieve(
                connection, caller.app_key, int(count), cell.encryption, cell.clock.micros()
            )
        if found is not None:
            return found
        with cell.database.snapshot() as connection:
            return feeds.empty_lot(connection, caller.app_key)

    found = await asyncio.to_thread(lot)
    if found is None:
        raise _no_feed()
    return found


def _expiry(cell: Cell, expires_at: int) -> dict[str, str]:
    """Until when the feed stays if no item comes; nothing where feeds do not expire."""
    return {"X-Feed-Expires-At": instant_text(expires_at)} if cell.settings.feed_expiry else {}


def _item(handle: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventId": item["event_id"],
        "handle": handle,
        "domain": item["domain"],
        "state": item["state"],
        "lastState": item["last_state"],
        "orderId": item["order_id"],
        "lastChange": instant_text(item["last_change"]),
        "currentChange": instant_text(item["current_change"]),
        **({"replayed": True} if item["replayed"] else {}),
    }


@router.post("/api/orders/feed")
async def commit(request: Request, cell: TheCell, caller: MayCommit) -> Response:
    """Commit items by their handles: they are not retrieved again."""
    body = await json_body(request)
    handles = body.get("handles") if isinstance(body, dict) else None
    return await _committed(cell, caller, handles, "handles")


async def _committed(cell: Cell, caller: Caller, given: Any, field: str) -> Response:
    if not isinstance(given, list) or not 1 <= len(given) <= 1000:
        raise bad_request(f"{field}: expected an array of 1 to 1000 handles")
    for index, handle in enumerate(given):
        if not isinstance(handle, str):
            raise bad_request(f"{field}[{index}]: expected a string")
    handles: list[str] = given

    def here(places: list[tuple[str, int]]) -> list[tuple[str, int]]:
        if cell.settings.cell is None:
            return places
        with cell.database.snapshot() as connection:
            return feeds.places_here(connection, caller.app_key, places)

    def remove() -> None:
        with cell.database.writing_once() as connection:
            committed = feeds.commit(connection, caller.app_key, handles, cell.encryption, here)
        if committed < len(handles):
            with cell.database.snapshot() as connection:
                _found(feeds.get(connection, caller.app_key))
                feeds.require_live(connection, caller.app_key)

    try:
        await asyncio.to_thread(remove)
    except ForgedHandle as forged:
        raise bad_request(f"{field}[{forged.args[0]}] is no handle of this key") from None
    return Response(status_code=200)


@router.get("/api/ledger/feed/items", tags=["Feed and hook, beyond the original"])
async def peek(request: Request, cell: TheCell, caller: MayPeek) -> Response:
    """The queue's items, hidden ones too, and nothing changes. Query: `after`, `limit`."""
    after = whole_number(request, "after", 0, 2**63 - 1)
    limit = whole_number(request, "limit", 100, 1000, lowest=1)

    def items() -> dict[str, Any]:
        with cell.database.snapshot() as connection:
            _found(feeds.get(connection, caller.app_key))
            found = feeds.peek(connection, caller.app_key, after, limit)
        now = cell.clock.micros()
        following = found[-1]["position"] if len(found) == limit else None
        return {"items": [_peeked(item, now) for item in found], "next": following}

    return json_response(await asyncio.to_thread(items))


def _peeked(item: dict[str, Any], now: int) -> dict[str, Any]:
    hidden = instant_text(item["visible_at"]) if item["visible_at"] > now else None
    return {
        **_item("", item),
        "handle": None,
        "position": item["position"],
        "producedAt": instant_text(item["produced_at"]),
        "hiddenUntil": hidden,
        "retrievals": item["retrievals"],
    }
