"""Tasks: what needs a person, with the order's matching action right there."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.actors import names_of
from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Page, RefusedAnswer, url

TASKS = ("api", "do", "tasks")
VIEWS = {"open": "-Closed", "closed": "Closed", "mine": "-Closed"}
PER_PAGE = "50"


async def get_tasks(page: Page) -> Response:
    """Open, closed or the person's own tasks."""
    page.require("read_tasks")
    view = page.query("view") if page.query("view") in VIEWS else "open"
    query = {"status": VIEWS[view], "perPage": PER_PAGE, "page": page.query("page") or "1"}
    if view == "mine":
        query["assignee.email"] = page.operator.email
    fields = await page.get(path_of(*TASKS), query)
    return await page.render(
        "tasks.html", tasks=fields["items"], paging=fields["paging"], view=view
    )


async def get_task(page: Page) -> Response:
    """A task with its history."""
    page.require("read_tasks")
    task = await page.get(path_of(*TASKS, page.param("task")))
    actors = [line["by"] for line in task["history"]] + [task["createdBy"]["id"] or ""]
    return await page.render(
        "task.html", task=task, order_id=_order_of(task), actors=await names_of(page, actors)
    )


def _order_of(task: dict[str, Any]) -> str | None:
    if task["orderId"]:
        return str(task["orderId"])
    return next((t["id"] for t in task["target"] if t["type"].lower() == "order"), None)


async def post_task(page: Page) -> Response:
    """A comment, or another status."""
    page.require("write_tasks")
    task, given = page.param("task"), await page.form()
    if text := one(given, "text"):
        answer = await page.ask("POST", path_of(*TASKS, task, "comments"), body={"text": text})
        fields = "Comment added"
    else:
        answer = await page.ask("PUT", path_of(*TASKS, task), body={"status": one(given, "status")})
        fields = "Saved"
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.done(url(page.base, "tasks", task), fields)


ROUTES = [
    ("/admin/{account}/tasks", get_tasks, ["GET"]),
    ("/admin/{account}/tasks/{task}", get_task, ["GET"]),
    ("/admin/{account}/tasks/{task}", post_task, ["POST"]),
]
