"""One command of an order as a page: what it would do, its form, and the command itself."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.actors import names_of
from oms_ledger.backoffice.asking import Answer, path_of
from oms_ledger.backoffice.commands import (
    BY_SLUG,
    CommandForm,
    WrongField,
    action_of,
    api_path,
    dated,
    one,
)
from oms_ledger.backoffice.page import Elsewhere, Page, RefusedAnswer, url
from oms_ledger.backoffice.pages.order import LAST, order_path
from oms_ledger.whole_numbers import is_whole

CAUSE = "page-"


async def get_action(page: Page) -> Response:
    """The form of a command and what it would do; 404 for a command that there is not."""
    form = BY_SLUG.get(page.param("slug"))
    if form is None:
        return await page.render("not_found.html", 404, looked_for=page.param("slug"), guesses=[])
    fields = {n: page.request.query_params.getlist(n) for n in page.request.query_params}
    return await _shown(page, form, fields)


async def post_action(page: Page) -> Response:
    """Send the command; confirmed again when the order went on since the form was shown."""
    order_id, form = page.param("order_id"), BY_SLUG.get(page.param("slug"))
    if form is None:
        return await page.render("not_found.html", 404, looked_for=page.param("slug"), guesses=[])
    given = await page.form()
    key = one(given, "key")
    since = await _since(page, order_id, one(given, "version"))
    repeated = any(event["cause"] == CAUSE + key for event in since)
    if since and not repeated:
        return await _shown(page, form, given, 409, since=since)
    actions, document = await _state(page, order_id)
    action = action_of(form, actions, _number(page))
    if action is None and not repeated:
        await page.tell_once("This cannot be done any more: see what happened")
        raise Elsewhere(url(page.base, "orders", order_id))
    action = action or next(a for a in actions if a["command"] == form.command)
    try:
        body = form.body(dated(given, page.cell.clock.now()), document, action)
    except WrongField as wrong:
        error = {"message": f"{wrong.field}: {wrong.message}", "code": ""}
        return await _shown(page, form, given, 400, error=error)
    page.request.scope["state"]["request_id"] = CAUSE + key
    answer = await page.ask(
        action["method"], api_path(action, given), body=body, once=f"{CAUSE}{key}"
    )
    if not answer.ok:
        return await _shown(page, form, given, answer.status, error=answer.error)
    return await _done(page, order_id, form, answer)


async def _done(page: Page, order_id: str, form: CommandForm, answer: Answer) -> Response:
    values = "This was done already" if answer.replayed else form.button
    return await page.done(url(page.base, "orders", order_id) + "#done", values)


def _number(page: Page) -> int:
    text = page.query("n", "0")
    return int(text) if is_whole(text, 3) else 0


async def _state(page: Page, order_id: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    seller = {"seller": page.query("seller")} if page.query("seller") else {}
    actions = await page.get(order_path(order_id, "actions"), seller)
    document = await page.get(order_path(order_id))
    return actions["actions"], document


async def _since(page: Page, order_id: str, version: str) -> list[dict[str, Any]]:
    """What happened since the form was shown."""
    shown = int(version) if is_whole(version, 9) else 0
    query = {"after": shown, "changes": "false", "limit": 100}
    answer = await page.ask("GET", order_path(order_id, "events"), query=query)
    if answer.status == 400:
        return []
    if not answer.ok:
        raise RefusedAnswer(answer)
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def _shown(
    page: Page,
    form: CommandForm,
    given: dict[str, list[str]],
    status: int = 200,
    *,
    error: dict[str, Any] | None = None,
    since: list[dict[str, Any]] | None = None,
) -> Response:
    order_id = page.param("order_id")
    actions, document = await _state(page, order_id)
    action = action_of(form, actions, _number(page))
    if action is None:
        await page.tell_once("This cannot be done any more: see what happened")
        raise Elsewhere(url(page.base, "orders", order_id))
    newest = await page.get(
        order_path(order_id, "events"), {"before": LAST, "limit": 1, "changes": "false"}
    )
    preview = await _preview(page, form, given, document, action)
    if error is None and not action["allowed"]:
        error, status = action["refusal"], action["refusal"]["status"] if status == 200 else status
    return await page.render(
        "action.html",
        status,
        order_id=order_id,
        o=document,
        form=form,
        action=action,
        number=_number(page),
        given=given,
        value_of=lambda name, default="": one(given, name) or default,
        error=error,
        since=since or [],
        actors=await names_of(page, [event["actor"] for event in since or []]),
        version=newest["versions"],
        preview=preview,
        left=_left(document),
    )


def _left(document: dict[str, Any]) -> list[int]:
    """Units of each line that no invoice has yet."""
    left = [item["quantity"] for item in document["items"]]
    for package in document["packageAttachment"]["packages"]:
        if package["type"] == "Output":
            for item in package["items"]:
                left[item["itemIndex"]] -= item["quantity"]
    return [max(0, quantity) for quantity in left]


async def _preview(
    page: Page,
    form: CommandForm,
    given: dict[str, list[str]],
    document: dict[str, Any],
    action: dict[str, Any],
) -> dict[str, Any] | None:
    """Before and after of a change, as the API reckons it; nothing before a field was changed."""
    if form.slug != "change":
        return None
    try:
        body = form.body(dated(given, page.cell.clock.now()), document, action)
    except WrongField as wrong:
        return {"error": {"message": f"{wrong.field}: {wrong.message}", "code": ""}}
    if not body.keys() - {"reason"}:
        return None
    path = path_of("api", "order-system", "orders", page.param("order_id"), "changes", "preview")
    answer = await page.ask("POST", path, body={"reason": "preview", **body})
    if not answer.ok:
        return {"error": answer.error}
    values: dict[str, Any] = answer.json()
    before = {total["id"]: total["value"] for total in document["totals"]}
    after = {total["id"]: total["value"] for total in values["orderTotals"]}
    names = {total["id"]: total["name"] for total in document["totals"]}
    rows = [
        {"name": names.get(id_, id_), "before": before.get(id_, 0), "after": after.get(id_, 0)}
        for id_ in {**before, **after}
    ]
    return {"error": None, "serialized": values, "rows": rows, "before": document["value"]}


async def post_comment(page: Page) -> Response:
    """A line for the order's log."""
    order_id = page.param("order_id")
    given = await page.form()
    body = {"source": page.operator.name[:200], "message": one(given, "message")}
    path = path_of("api", "oms", "pvt", "orders", order_id, "interactions")
    answer = await page.ask("POST", path, body=body, once=f"{CAUSE}{one(given, 'key')}")
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.done(url(page.base, "orders", order_id) + "#done", "Comment added")


ROUTES = [
    ("/admin/{account}/orders/{order_id}/comment", post_comment, ["POST"]),
    ("/admin/{account}/orders/{order_id}/{slug}", get_action, ["GET"]),
    ("/admin/{account}/orders/{order_id}/{slug}", post_action, ["POST"]),
]
