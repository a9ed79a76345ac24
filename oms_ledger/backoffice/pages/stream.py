"""The stream of the account's events: newest first, filtered, one event by its position."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from oms_ledger.backoffice.actors import names_of
from oms_ledger.backoffice.page import Elsewhere, Page, RefusedAnswer, url
from oms_ledger.backoffice.pages.order import LAST, order_path
from oms_ledger.whole_numbers import is_whole

NEWEST = 2**60
PER_PAGE = 50
FILTERS = ("name", "status", "actor", "cause", "from", "to")
_AGO = re.compile(r"-(\d{1,4})([mhd])")


async def get_stream(page: Page) -> Response:
    """A page of the account's events, by the filters of the query."""
    page.require("account_events")
    if place := page.query("jump").strip():
        raise Elsewhere(await _jumped(page, place))
    before = page.query("before")
    given = {name: page.query(name).strip() for name in FILTERS if page.query(name).strip()}
    if order_id := page.query("orderId"):
        return await _of_order(page, order_id)
    requested = {"before": before if is_whole(before) else NEWEST, "limit": PER_PAGE, **given}
    answer = await page.ask("GET", "/api/ledger/events", query=requested)
    fields = (
        answer.json() if answer.ok else {"events": [], "next": None, "head": 0, "searchedTo": 0}
    )
    return await _rendered(
        page,
        fields["events"],
        status=answer.status,
        error=None if answer.ok else answer.error,
        given=given,
        head=fields["head"],
        searched_to=fields["searchedTo"],
        older=_link(given, fields["next"]) if fields["next"] else None,
        newest=urlencode(given),
        first=not before,
    )


async def _of_order(page: Page, order_id: str) -> Response:
    """All events of one order, as the stream shows them."""
    before = page.query("before")
    requested = {
        "before": before if is_whole(before) else LAST,
        "limit": PER_PAGE,
        "changes": "false",
    }
    fields = await page.get(order_path(order_id, "events"), requested)
    events = [{"orderId": order_id, **event} for event in fields["events"]]
    given = {"orderId": order_id}
    return await _rendered(
        page,
        events,
        status=200,
        error=None,
        given=given,
        head=page.position,
        searched_to=0,
        older=_link(given, fields["next"]) if fields["next"] else None,
        newest=urlencode(given),
        first=not before,
    )


async def _rendered(
    page: Page, events: list[dict[str, Any]], *, status: int, **fields: Any
) -> Response:
    actors = await names_of(page, (event["actor"] for event in events))
    given: dict[str, str] = fields["given"]
    without = {
        name: urlencode({other: value for other, value in given.items() if other != name})
        for name in given
    }
    return await page.render(
        "stream.html", status, events=events, actors=actors, without=without, **fields
    )


def _link(given: dict[str, str], before: int) -> str:
    return urlencode({**given, "before": before})


async def _jumped(page: Page, place: str) -> str:
    """Where a position, an order id, or an instant is: `2026-11-27 02:06`, or `-2h`."""
    base = f"{page.base}/stream"
    if is_whole(place):
        return url(base, place)
    if ago := _AGO.fullmatch(place):
        unit = {"m": "minutes", "h": "hours", "d": "days"}[ago[2]]
        until = page.cell.clock.now() - timedelta(**{unit: int(ago[1])})
        return url(base) + "?" + urlencode({"to": until.isoformat()})
    if re.match(r"\d{4}-\d\d-\d\d", place):
        return url(base) + "?" + urlencode({"to": place})
    return url(base) + "?" + urlencode({"orderId": place})


async def get_position(page: Page) -> Response:
    """One event: its data, what it changed, whom it got to."""
    page.require("account_events")
    text = page.param("position")
    if not is_whole(text):
        return await page.render("not_found.html", 404, looked_for=text, guesses=[])
    found = await page.get("/api/ledger/events", {"before": int(text) + 1, "limit": 1})
    event = next((e for e in found["events"] if e["position"] == int(text)), None)
    if event is None:
        return await page.render("not_found.html", 404, looked_for=text, guesses=[])
    order_id = event["orderId"]
    if order_id is None:  # of a document of Master Data, which changes no order
        event |= {"versions": event["version"], "changes": []}
        actors = await names_of(page, [event["actor"]])
        values = {"event": event, "order_id": None, "actors": actors, "deliveries": []}
        return await page.render("position.html", **values)
    whole = await page.ask("GET", order_path(order_id, "events", str(event["version"])))
    if not whole.ok:
        raise RefusedAnswer(whole)
    fields = await page.get_or({"deliveries": []}, order_path(order_id, "deliveries"))
    return await page.render(
        "position.html",
        event=whole.json(),
        order_id=order_id,
        actors=await names_of(page, [event["actor"]]),
        deliveries=[d for d in fields["deliveries"] if d["position"] == int(text)],
    )


ROUTES = [
    ("/admin/{account}/stream", get_stream, ["GET"]),
    ("/admin/{account}/stream/{position}", get_position, ["GET"]),
]
