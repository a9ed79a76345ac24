"""Exports: begun from a filter, made in the background, fetched when complete."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import RedirectResponse, Response, StreamingResponse

from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Page, RefusedAnswer
from oms_ledger.backoffice.pages.orders import api_query

EXPORTS = ("api", "ledger", "exports")
SHOWN_ABOVE = ("bulk-run", "export")
"""Kinds of jobs that the page has a table of."""


async def get_runs(page: Page) -> Response:
    """Exports, runs over many orders, and the other jobs."""
    page.require("export_orders")
    exports: list[dict[str, Any]] = await page.get(path_of(*EXPORTS))
    bulk: dict[str, Any] = {"runs": []}
    if page.may("bulk_run"):
        bulk = await page.get("/api/ledger/runs")
    listed = await page.get(path_of("api", "ledger", "jobs"))
    jobs = [job for job in listed["jobs"] if job["kind"] not in SHOWN_ABOVE]
    return await page.render("runs.html", exports=exports, bulk=bulk["runs"], jobs=jobs)


async def post_job(page: Page) -> Response:
    """Cancel a job."""
    page.require("jobs")
    job = page.param("job")
    answer = await page.ask("POST", path_of("api", "ledger", "jobs", job, "cancel"))
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.done(f"{page.base}/runs", "The job is cancelled")


async def post_exports(page: Page) -> Response:
    """Begin an export of what the filter of the list matches, once per form."""
    page.require("export_orders")
    given = await page.form()
    query = api_query(parse_qsl(one(given, "query")))
    answer = await page.ask(
        "POST",
        path_of(*EXPORTS),
        query=[p for p in query if p[0] not in ("page", "per_page")],
        body={"format": one(given, "format")},
        once=f"page-{one(given, 'key')}",
    )
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.done(f"{page.base}/runs", "The export has begun; it goes on when you leave")


async def get_download(page: Page) -> Response:
    """The file of an export that is complete, as it is read; back to the list before that."""
    page.require("export_orders")
    export = page.param("export")
    fields = await page.get(path_of(*EXPORTS, export))
    if fields["state"] != "complete":
        return RedirectResponse(f"{page.base}/runs", 303)
    name = f'attachment; filename="orders.{fields["format"]}"'
    content = page.listen(path_of(*EXPORTS, export, "download"), ())  # type: ignore[arg-type]
    headers = {"content-disposition": name, "x-content-type-options": "nosniff"}
    return StreamingResponse(content, 200, headers, media_type="application/octet-stream")


ROUTES = [
    ("/admin/{account}/runs", get_runs, ["GET"]),
    ("/admin/{account}/jobs/{job}", post_job, ["POST"]),
    ("/admin/{account}/exports", post_exports, ["POST"]),
    ("/admin/{account}/exports/{export}", get_download, ["GET"]),
]
