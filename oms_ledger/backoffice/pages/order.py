"""One order: where it is, what happened, what may be done, and as it was at any version."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.actors import names_of
from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import buttons
from oms_ledger.backoffice.flow_picture import side_roads, stops
from oms_ledger.backoffice.page import Page, RefusedAnswer, url
from oms_ledger.backoffice.time_line import FILTERS, sums, time_line
from oms_ledger.time_zones import zone_or_utc
from oms_ledger.whole_numbers import is_whole

LAST = 2**31 - 1
EVENTS = 200  # of the newest, which the time line shows


def order_path(order_id: str, *more: str) -> str:
    """The API path of an order, or of what is below it."""
    return path_of("api", "ledger", "orders", order_id, *more)


async def get_order(page: Page) -> Response:
    """An order as it is, or as it was at the version of the query."""
    order_id = page.param("order_id")
    page.require("order_history")
    query = {"before": LAST, "changes": "false", "limit": EVENTS}
    found = await page.ask("GET", order_path(order_id, "events"), query=query)
    if found.status == 404:
        return await _not_found(page, order_id)
    if not found.ok:
        raise RefusedAnswer(found)
    history = found.json()
    last = history["versions"]
    version = await _version(page, order_id, last)
    past = version < last
    shown = await page.ask("GET", order_path(order_id), query={"version": version} if past else {})
    if not shown.ok:
        raise RefusedAnswer(shown)
    events = history["events"][::-1]
    then = [event for event in events if event["version"] <= version] or events[:1]
    entry = then[-1]
    settings = await page.cell.ledger.account(page.account or "")
    document = shown.json()
    first = events[0]["data"] if events[0]["version"] == 1 else {}
    chosen = page.query("only") if page.query("only") in FILTERS else "all"
    return await page.render(
        "order.html",
        o=document,
        order_id=order_id,
        version=version,
        last=last,
        past=past,
        entry=entry,
        rail=stops(first.get("flow") or _flow(document), then, entry["status"]),
        side=side_roads(then),
        days=time_line(events, zone_or_utc(settings.setting("time_zone")), chosen),
        only=chosen,
        filters=FILTERS,
        older=history["next"],
        actors=await names_of(page, (event["actor"] for event in events)),
        money_sums=sums(then),
        packed=_packed(document),
        **await _of_now(page, order_id, past=past),
    )


def _flow(document: dict[str, Any]) -> str:
    return {"Fulfillment": "seller", "Chain": "chain"}.get(document["origin"], "complete")


async def _version(page: Page, order_id: str, last: int) -> int:
    """The version of the address: a number, or what stood at an instant."""
    if at := page.query("at"):
        answer = await page.ask("GET", order_path(order_id), query={"at": at})
        if not answer.ok:
            raise RefusedAnswer(answer)
        return int(answer.headers["x-ledger-version"])
    text = page.query("version")
    return min(max(int(text), 1), last) if is_whole(text, 9) else last


async def _of_now(page: Page, order_id: str, *, past: bool) -> dict[str, Any]:
    """What is of now and of no past version: actions, deliveries, outbox, tasks."""
    nothing: dict[str, Any] = {
        "allowed": [],
        "refused": [],
        "deliveries": [],
        "outbox": [],
        "tasks": [],
    }
    if past:
        return nothing
    actions = (await page.get(order_path(order_id, "actions")))["actions"]
    fields = await page.get_or({"deliveries": []}, order_path(order_id, "deliveries"))
    outbox = await page.get_or(
        {"list": []}, "/api/ledger/outbox", {"orderId": order_id, "limit": "100"}
    )
    tasks: dict[str, Any] = {"items": []}
    if page.may("read_tasks"):
        tasks = await page.get_or(
            tasks, "/api/do/tasks", {"target.id": order_id, "status": "-Closed"}
        )
    return {
        "allowed": buttons(actions),
        "refused": [action for action in actions if not action["allowed"]],
        "deliveries": fields["deliveries"],
        "outbox": outbox["list"],
        "tasks": tasks["items"],
    }


def _packed(document: dict[str, Any]) -> dict[int, int]:
    """How many units of each line went out with an invoice."""
    packed: dict[int, int] = {}
    for package in document["packageAttachment"]["packages"]:
        if package["type"] == "Output":
            for item in package["items"]:
                packed[item["itemIndex"]] = packed.get(item["itemIndex"], 0) + item["quantity"]
    return packed


async def _not_found(page: Page, order_id: str) -> Response:
    guesses = []
    if page.may("find"):
        answer = await page.ask("GET", "/api/ledger/find", query={"q": order_id[:200]})
        hits = answer.json()["hits"] if answer.ok else []
        ids = dict.fromkeys(hit["orderId"] for hit in hits if hit["orderId"])
        guesses = [(one, url(page.base, "orders", one)) for one in ids]
    return await page.render("not_found.html", 404, looked_for=order_id, guesses=guesses)


async def get_event(page: Page) -> Response:
    """What one event changed; the time line loads it when it is opened."""
    order_id, version = page.param("order_id"), page.param("version")
    page.require("order_history")
    event = await page.get(order_path(order_id, "events", version))
    actors = await names_of(page, [event["actor"]])
    return await page.render("event.html", order_id=order_id, event=event, actors=actors)


async def get_compared(page: Page) -> Response:
    """The differences between a version and now, or another version."""
    order_id = page.param("order_id")
    page.require("order_history")
    query = {"from": page.query("from", "1")}
    if until := page.query("to"):
        query["to"] = until
    fields = await page.get(order_path(order_id, "changes"), query)
    return await page.render("compared.html", order_id=order_id, compared=fields)


async def get_raw(page: Page) -> Response:
    """The document as integrations get it, in both shapes."""
    order_id = page.param("order_id")
    page.require("order_history")
    shape = "pii" if page.query("document") == "pii" else "oms"
    query = {"document": shape}
    if is_whole(page.query("version"), 9):
        query["version"] = page.query("version")
    answer = await page.ask("GET", order_path(order_id), query=query)
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.render(
        "raw.html", order_id=order_id, document=answer.json(), shape=shape, answer=answer
    )


async def get_conversation(page: Page) -> Response:
    """What was said between the store and the customer about an order."""
    order_id = page.param("order_id")
    page.require("conversation")
    path = path_of("api", "oms", "pvt", "orders", order_id, "conversation-message")
    return await page.render("conversation.html", order_id=order_id, messages=await page.get(path))


ROUTES = [
    ("/admin/{account}/orders/{order_id}", get_order, ["GET"]),
    ("/admin/{account}/orders/{order_id}/events/{version}", get_event, ["GET"]),
    ("/admin/{account}/orders/{order_id}/changes", get_compared, ["GET"]),
    ("/admin/{account}/orders/{order_id}/raw", get_raw, ["GET"]),
    ("/admin/{account}/orders/{order_id}/conversation", get_conversation, ["GET"]),
]
