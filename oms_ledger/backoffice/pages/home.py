"""Home: is there anything I must do?"""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.page import Page


async def get_home(page: Page) -> Response:
    listed: dict[str, Any] | None = None
    if page.may("list_orders"):
        query = {"per_page": "1", "_facets": "status", "_stats": "1"}
        listed = await page.get("/api/oms/pvt/orders", query)
    tasks: dict[str, Any] | None = None
    if page.may("read_tasks"):
        tasks = await page.get_or(None, "/api/do/tasks", {"status": "-Closed", "perPage": "10"})
    return await page.render("home.html", listed=listed, tasks=tasks)


ROUTES = [("/admin/{account}", get_home, ["GET"])]
