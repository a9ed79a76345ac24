"""The account's change stream: every event of its orders by position, polled or pushed (ours).

Positions are handed out in the order of commit, and an answer says nothing beyond a head that it
saw first: so whoever goes on after `next` misses nothing and sees nothing twice, whatever is
written meanwhile. `head` is the account's own. Personal fields are left out; the order has them.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from oms_ledger.api.auth.dependencies import Caller, TheCell, known_caller, requires
from oms_ledger.api.history.history import Entry, ResponseModel
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore.adoption import position_here
from oms_ledger.eventstore.head_watcher import HeadWatcher
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.instants import parse as parse_instant
from oms_ledger.services.event_entry import entry
from projections.subscriptions.lookup import EventFilter, backwards

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayFollow = Annotated[Caller, Depends(requires("account_events"))]
LONGEST_WAIT = 60  # seconds that a poll may wait
LONGEST_STREAM = 600.0  # seconds after which a client connects again
PLACE = r"^([a-z][a-z0-9-]{0,19}:)?[0-9]{1,18}$"
"""A position, with the cell that it is of."""
SILENCE = 15.0  # seconds after which a stream shows that it is alive


class StreamEntry(Entry):
    """An event of the account, with the order that it is of."""

    order_id: str | None = Field(
        description="Null where the event is of no order, as those of Master Data's documents",
        examples=["v502559acme-01"],
    )


class Stream(ResponseModel):
    """`next` is the durable position: the `after` of the next request.

    Where there are several cells it names its own, like `a:48211`: so it stays good when the
    account moves to another one. Backwards it is the `before` of the next request, and null at
    the beginning.
    """

    events: list[StreamEntry]
    next: int | str | None = Field(examples=[48211])
    head: int = Field(description="The last position of the account's events", examples=[48211])
    searched_to: int | None = Field(
        default=None, description="Backwards: the position down to which was looked", examples=[3]
    )


_EXAMPLE = (
    'id: 48211\nevent: handling-started\ndata: {"orderId":"v502559acme-01","position":48211,…}\n\n'
)


@router.get(
    "/events",
    response_model=Stream,
    responses={200: {"content": {"text/event-stream": {"example": _EXAMPLE}}}},
)
async def get_stream(
    request: Request,
    cell: TheCell,
    caller: MayFollow,
    after: Annotated[
        str, Query(pattern=PLACE, description="Position to go on after, as `next` says it.")
    ] = "0",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most events of a page.")] = 100,
    wait: Annotated[
        int | None, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for an event.")
    ] = None,
    before: Annotated[
        int | None, Query(ge=1, lt=2**62, description="Newest first, below this position.")
    ] = None,
    name: Annotated[list[str] | None, Query(description="Backwards: names of events.")] = None,
    status: Annotated[list[str] | None, Query(description="Backwards: statuses after.")] = None,
    actor: Annotated[str | None, Query(description="Backwards: who did it.")] = None,
    cause: Annotated[str | None, Query(description="Backwards: what led to it.")] = None,
    since: Annotated[
        str | None, Query(alias="from", description="Backwards: an instant in ISO 8601.")
    ] = None,
    until: Annotated[
        str | None, Query(alias="to", description="Backwards: an instant in ISO 8601.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="What an event source sends when it connects again.")
    ] = None,
) -> Response:
    """Events after a position. With `Accept: text/event-stream`, as server-sent events.

    A stream of server-sent events lives ten minutes at most, or until `wait` seconds bring
    nothing; the client then connects again with `Last-Event-ID`, as event sources do.

    With `before`, newest first and filtered: one request looks through 20,000 of the account's
    events at most, and says by `searchedTo` how far it came. Go on with `before` as `next` says.
    """
    if before is not None:
        between = _micros(since, "from"), _micros(until, "to")
        wanted = EventFilter(tuple(name or ()), tuple(status or ()), actor, cause, *between)
        fields = await asyncio.to_thread(_backwards, cell, caller.account, before, limit, wanted)
        return json_response(fields)
    place = after if last_event_id is None else _place(last_event_id)
    begin = await asyncio.to_thread(_position, cell, caller.account, place)
    page = Page(cell, request.app.state.news, caller.account, limit, partial(known_caller, request))
    head = await asyncio.to_thread(_head, cell, caller.account)
    if begin > head:
        raise bad_request(f"after: found {begin}, but the account's last position is {head}")
    if "text/event-stream" in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        body = page.stream(begin, wait)
        return StreamingResponse(body, media_type="text/event-stream", headers=headers)
    answer = await page.wait(begin, wait or 0)
    return json_response({**answer, "next": place_of(cell, answer["next"])})


def _micros(text: str | None, name: str) -> int | None:
    if not text:
        return None
    instant = parse_instant(text.strip().replace(" 0", "+0", 1) if "T" in text else text.strip())
    if instant is None:
        raise bad_request(f"{name}: found {text[:60]!r}, expected an instant in ISO 8601")
    return micros(instant)


def _backwards(
    cell: Cell, account: str, before: int, limit: int, wanted: EventFilter
) -> dict[str, Any]:
    rows, to = backwards(cell.database, account, before=before, limit=limit, wanted=wanted)
    fields = []
    for row in rows:
        event = EVENT_TYPES.decode(row.name, bytes(row.body), None)
        fields.append({"orderId": row.order_id, **entry(row, event, personal=False)})
    head = _head(cell, account)
    return {"events": fields, "next": to or None, "head": head, "searchedTo": to}


def _head(cell: Cell, account: str) -> int:
    """The last position of the account: what others record is nothing that it may count."""
    return cell.store.head_of(account, cell.store.head())


def _place(text: str) -> str:
    if not re.fullmatch(PLACE, text):
        raise bad_request(f"Last-Event-ID: found {text[:60]!r}, expected a position")
    return text


def _position(cell: Cell, account: str, place: str) -> int:
    """Where this cell has the events up to a place, which may be another cell's."""
    name, _, position = place.rpartition(":")
    if not name or name == cell.settings.cell:
        return int(position)
    with cell.database.reading() as connection:
        return position_here(connection, account, name, int(position))


def place_of(cell: Cell, position: int) -> int | str:
    """A position as clients keep it: it names its cell, where there are several."""
    return f"{cell.settings.cell}:{position}" if cell.settings.cell else position


class Page:
    """One reader of an account's events."""

    def __init__(
        self,
        cell: Cell,
        news: HeadWatcher,
        account: str,
        limit: int,
        check_caller: Callable[[], Awaitable[object]],
    ) -> None:
        self._cell, self._news, self._account, self._limit = cell, news, account, limit
        self._check_caller = check_caller

    def read(self, after: int) -> tuple[dict[str, Any], int]:
        """A page after a position, and up to where in the whole ledger was looked."""
        seen = self._cell.store.head()
        head = self._cell.store.head_of(self._account, seen)
        rows = self._cell.store.orders_page(self._account, after, seen, self._limit)
        fields = []
        for row in rows:
            event = EVENT_TYPES.decode(row.name, bytes(row.body), None)
            fields.append({"orderId": row.order_id, **entry(row, event, personal=False)})
        following = rows[-1].position if len(rows) == self._limit else max(after, head)
        return {"events": fields, "next": following, "head": head}, seen

    async def wait(self, after: int, seconds: float) -> dict[str, Any]:
        """The next page; an empty one when nothing came in time.

        Refuses when the caller's credential ended meanwhile.
        """
        until = time.monotonic() + seconds
        while True:
            page, seen = await asyncio.to_thread(self.read, after)
            left = until - time.monotonic()
            if page["events"] or left <= 0 or self._news.closing:
                await self._check_caller()
                return page
            after = page["next"]
            await self._news.wait_past(seen, left)

    async def stream(self, after: int, patience: float | None) -> AsyncIterator[bytes]:
        """Server-sent events until it has lived long enough, or nothing came for so long."""
        until = time.monotonic() + LONGEST_STREAM
        quiet_since = time.monotonic()
        yield b"retry: 1000\n\n"
        while (now := time.monotonic()) < until:
            left = SILENCE if patience is None else patience - (now - quiet_since)
            try:
                page = await self.wait(after, max(0.0, min(SILENCE, left, until - now)))
            except ApiError:
                return  # the credential has ended
            after = page["next"]
            for fields in page["events"]:
                yield _event(place_of(self._cell, fields["position"]), fields)
            if page["events"]:
                quiet_since = time.monotonic()
            elif self._news.closing or (patience is not None and left <= SILENCE):
                return
            else:
                yield b": nothing new\n\n"


def _event(place: int | str, fields: dict[str, Any]) -> bytes:
    head = f"id: {place}\nevent: {fields['name']}\ndata: ".encode()
    return head + orjson.dumps(fields) + b"\n\n"
