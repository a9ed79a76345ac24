"""One command over many orders: previewed by reason, begun, followed, stopped."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response

from oms_ledger.backoffice.actors import names_of
from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Page, RefusedAnswer, url
from oms_ledger.backoffice.pages.orders import api_query
from oms_ledger.backoffice.pages.verify import ask_again
from oms_ledger.services.operators.bulk import COMMANDS

RUNS = ("api", "ledger", "runs")
CONFIRMED_FROM = 50  # orders from which on the password is asked for again


def _body(given: dict[str, list[str]]) -> dict[str, Any]:
    body: dict[str, Any] = {"command": one(given, "command"), "reason": one(given, "reason")}
    if given.get("order") and one(given, "all") != "yes":
        return {**body, "orders": given["order"]}
    query: dict[str, Any] = {}
    for name, value in api_query(parse_qsl(one(given, "query"))):
        if name not in ("page", "per_page", "orderBy"):
            query.setdefault(name, []).append(value)
    return {**body, "query": query}


async def post_bulk(page: Page) -> Response:
    """First the preview, then the run of exactly what was previewed."""
    page.require("bulk_run")
    given = await page.form()
    body = _body(given)
    error, status = None, 200
    if one(given, "do") == "start":
        error = await _unconfirmed(page, given, body)
        if error is None:
            key = f"page-{one(given, 'key')}"
            answer = await page.ask("POST", path_of(*RUNS), body=body, once=key)
            if not answer.ok:
                raise RefusedAnswer(answer)
            begun = answer.json()["id"]
            return await page.done(url(page.base, "runs", begun), "The run has begun")
        status = 401
    answer = await page.ask("POST", path_of(*RUNS, "preview"), body=body)
    if not answer.ok:
        error, status = answer.error, answer.status
    preview = answer.json() if answer.ok else None
    return await page.render(
        "bulk.html",
        status,
        preview=preview,
        asks_password=preview is not None
        and preview["matched"] > CONFIRMED_FROM
        and not page.verified,
        error=error,
        orders=body.get("orders", []),
        query=one(given, "query"),
        command=body["command"],
        reason=body["reason"],
        commands=[name for name, operation in COMMANDS.items() if page.may(operation)],
    )


async def _unconfirmed(
    page: Page, given: dict[str, list[str]], body: dict[str, Any]
) -> dict[str, Any] | None:
    """Why a run may not begin: over some orders the password has to be given just now."""
    if page.verified:
        return None
    if "orders" in body:
        count = len(body["orders"])
    else:
        query = [(name, value) for name, values in body["query"].items() for value in values]
        listed = await page.get("/api/oms/pvt/orders", [*query, ("per_page", "1")])
        count = listed["paging"]["total"]
    return await ask_again(page, one(given, "password")) if count > CONFIRMED_FROM else None


async def get_run(page: Page) -> Response:
    """How far a run over many orders is."""
    page.require("bulk_run")
    run = await page.get(path_of(*RUNS, page.param("run")))
    return await page.render("run.html", run=run, actors=await names_of(page, [run["by"]]))


async def post_run(page: Page) -> Response:
    """Stop a run."""
    page.require("bulk_run")
    answer = await page.ask("POST", path_of(*RUNS, page.param("run"), "stop"))
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.done(url(page.base, "runs", page.param("run")), "The run is stopped")


async def post_print(page: Page) -> Response:
    """Packing slips or a pick list of the selected orders, for the printer."""
    page.require("get_order")
    given = await page.form()
    orders = []
    for order_id in given.get("order", [])[:200]:
        found = await page.get_or(None, path_of("api", "ledger", "orders", order_id))
        if found is not None:
            orders.append(found)
    picked: dict[str, dict[str, Any]] = {}
    for order in orders:
        for item in order["items"]:
            row = picked.setdefault(
                item["id"], {"name": item["name"], "ref": item["refId"], "quantity": 0}
            )
            row["quantity"] += item["quantity"]
    return await page.render("print.html", orders=orders, picked=picked)


ROUTES = [
    ("/admin/{account}/orders/bulk", post_bulk, ["POST"]),
    ("/admin/{account}/orders/print", post_print, ["POST"]),
    ("/admin/{account}/runs/{run}", get_run, ["GET"]),
    ("/admin/{account}/runs/{run}", post_run, ["POST"]),
]
