"""Home: is there anything I must do?"""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.page import Page, url

# kind: what one of it is called, and several.
WORDS = {
    "orders-in-error": ("order in error", "orders in error"),
    "cancellations-requested": ("cancellation requested", "cancellations requested"),
    "fulfillment-to-authorize": (
        "order to authorize for dispatch",
        "orders to authorize for dispatch",
    ),
    "sellers-to-change": ("order that needs another seller", "orders that need another seller"),
    "late-deliveries": ("late delivery", "late deliveries"),
    "orders-retrying": ("order whose messages are retried", "orders whose messages are retried"),
    "outbox-dead": (
        "message to others that failed for good",
        "messages to others that failed for good",
    ),
    "tasks-open": ("open task", "open tasks"),
    "hook-failing": (
        "notification waits for a hook that fails",
        "notifications wait for a hook that fails",
    ),
    "hook-paused": ("hook is paused", "hook is paused"),
    "dead-letters": (
        "notification that could not be delivered",
        "notifications that could not be delivered",
    ),
}
FAMILY = {"error": "error", "decide": "decide", "wait": "new"}


def _target(page: Page, need: dict[str, Any]) -> str:
    if need["appKey"]:
        tab = "dead-letters" if need["kind"] == "dead-letters" else "overview"
        return url(page.base, "feeds", need["appKey"], tab)
    if need["kind"] == "outbox-dead":
        return url(page.base, "outbox", **need["query"])
    if need["kind"] == "tasks-open":
        return url(page.base, "tasks")
    return url(page.base, "orders", **need["query"])


async def get_home(page: Page) -> Response:
    """What needs a person, each with where it is done, and the orders by status."""
    fields = await page.get("/api/ledger/attention")
    needs = [
        {
            **need,
            "words": WORDS.get(need["kind"], (need["kind"],) * 2)[need["count"] != 1],
            "family": FAMILY[need["severity"]],
            "target": _target(page, need),
        }
        for need in fields["needs"]
    ]
    listed: dict[str, Any] | None = None
    if page.may("list_orders"):
        query = {"per_page": "1", "_facets": "status", "_stats": "1"}
        listed = await page.get("/api/oms/pvt/orders", query)
    exports: list[dict[str, Any]] = []
    if page.may("export_orders"):
        exports = await page.get_or([], "/api/ledger/exports")
    return await page.render("home.html", needs=needs, listed=listed, exports=exports[:5])


ROUTES = [("/admin/{account}", get_home, ["GET"])]
