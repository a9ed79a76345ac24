"""Filters tried on every version of a real order, and on the history, before they go live."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.responses import Response, StreamingResponse

from oms_ledger.backoffice import asking
from oms_ledger.backoffice.page import Page
from oms_ledger.backoffice.pages.feeds import key_path, keys_of
from oms_ledger.backoffice.pages.order import order_path
from oms_ledger.backoffice.translations import translations
from oms_ledger.whole_numbers import whole_or_text

EXAMPLES = (
    'status = "invoiced"',
    'status = "ready-for-handling" and value > 10000',
    'status = "handling" and isCompleted = true',
    '$exists(marketingData.utmSource) and status = "payment-approved"',
)


async def _key(page: Page) -> str | None:
    """The key whose filter is tried on; any of the account's serves for an expression."""
    keys = [key["appKey"] for key in await keys_of(page)]
    wanted = page.query("key")
    return wanted if wanted in keys else next(iter(keys), None)


def filter_of(expression: str) -> dict[str, Any]:
    """A filter as a feed or hook would be configured with it."""
    return {"type": "FromOrders", "expression": expression, "disableSingleFire": False}


async def _newest(page: Page) -> str:
    if not page.may("list_orders"):
        return ""
    listed = await page.get_or(
        {"list": []}, "/api/oms/pvt/orders", {"per_page": "1", "_stats": "0"}
    )
    return listed["list"][0]["orderId"] if listed["list"] else ""


async def get_playground(page: Page) -> Response:
    """An expression tried on every version of one order, the newest when none is named."""
    page.require("feed_explain")
    order_id = page.query("order").strip() or await _newest(page)
    expression = page.query("expression")
    app_key = await _key(page)
    if not expression and page.query("key") and app_key:
        config = await page.get_or(None, key_path(app_key, "feed", "config"))
        expression = ((config or {}).get("filter") or {}).get("expression") or ""
    expression = expression or EXAMPLES[0]
    explained, error = None, None
    if order_id and app_key:
        body = {"orderId": order_id, "filter": filter_of(expression)}
        answer = await page.ask("POST", key_path(app_key, "feed", "explain"), body=body)
        explained, error = (answer.json(), None) if answer.ok else (None, answer.error)
    document = await page.get_or(None, order_path(order_id)) if order_id else None
    query = {"order": order_id, "expression": expression, "key": page.query("key")}
    return await page.render(
        "playground.html",
        order_id=order_id,
        expression=expression,
        examples=EXAMPLES,
        explained=explained,
        error=error,
        app_key=app_key,
        keys=await keys_of(page),
        chosen=page.query("key"),
        since=page.query("since"),
        fields=_fields(document),
        run=urlencode({**query, "since": page.query("since")}) if page.query("since") else "",
    )


def _fields(value: Any, path: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Paths of a document with their values, to put into an expression."""
    if depth > 4 or value is None:
        return []
    if isinstance(value, dict):
        found: list[tuple[str, str]] = []
        for name, member in value.items():
            found += _fields(member, f"{path}.{name}" if path else str(name), depth + 1)
        return found[:150]
    if isinstance(value, list):
        return _fields(value[0], path, depth + 1) if value else []
    return [(path, str(value)[:60])]


async def get_dry_run(page: Page) -> Response:
    """A dry run over the history as server-sent events: how far it is, and what it found."""
    page.require("feed_dry_run")
    app_key = await _key(page)
    body = {
        "since": whole_or_text(page.query("since", "0")),
        "filter": filter_of(page.query("expression")),
        "samples": 0,
    }
    stream = asking.listen(
        page.office.api,
        page.person,
        key_path(app_key or "-", "feed", "dry-run"),
        (),  # type: ignore[arg-type]
        method="POST",
        body=body,
    )
    reports = _reports(stream, page.operator.language)
    return StreamingResponse(reports, 200, media_type="text/event-stream")


async def _reports(stream: AsyncIterator[bytes], language: str) -> AsyncIterator[bytes]:
    rest, first = b"", None
    async for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            report = orjson.loads(line)
            if "error" in report:
                values = {"share": 0, "text": report["error"]["message"], "done": True}
                yield b"data: " + orjson.dumps(values) + b"\n\n"
                return
            first = report["position"] if first is None else first
            yield b"data: " + orjson.dumps(_report(report, first, language)) + b"\n\n"
    if rest:
        message = orjson.loads(rest).get("error", {}).get("message", "")
        yield b"data: " + orjson.dumps({"share": 0, "text": message, "done": True}) + b"\n\n"


PROGRESS = "%(share)s %% · %(evaluated)s looked at · %(matched)s match · %(failed)s failed"


def _report(report: dict[str, Any], first: int, language: str) -> dict[str, Any]:
    whole = max(1, report["head"] - first)
    evaluated = report["evaluated"]
    matched = report["matched"]
    share = 100 if report["done"] else round(100 * (report["position"] - first) / whole)
    numbers = {"share": share, "evaluated": evaluated, "matched": matched}
    text = translations(language).gettext(PROGRESS) % {**numbers, "failed": report["failed"]}
    return {"share": share, "text": text, "done": report["done"]}


ROUTES = [
    ("/admin/{account}/playground", get_playground, ["GET"]),
    ("/admin/{account}/playground/run", get_dry_run, ["GET"]),
]
