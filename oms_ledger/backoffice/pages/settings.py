"""The account's settings, each a form of its own, and the account's history."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.actors import names_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Page
from oms_ledger.whole_numbers import is_whole

ACCOUNT = "/api/ledger/account"


async def get_settings(page: Page) -> Response:
    """The settings of the account."""
    page.require("read_account")
    return await _shown(page)


async def _shown(page: Page, status: int = 200, error: dict[str, Any] | None = None) -> Response:
    fields = await page.get(ACCOUNT)
    return await page.render("settings.html", status, settings=fields["settings"], error=error)


async def post_settings(page: Page) -> Response:
    """Change one setting; a refusal stands beside its form."""
    page.require("change_account")
    given = await page.form()
    answer = await page.ask("PATCH", ACCOUNT, body={one(given, "name"): one(given, "value")})
    if not answer.ok:
        return await _shown(page, answer.status, answer.error)
    return await page.done(f"{page.base}/settings", "Saved")


async def get_history(page: Page) -> Response:
    """The events of the account, newest first, with who did it."""
    page.require("account_history")
    before = page.query("before")
    query = {"before": before} if is_whole(before) else {}
    fields = await page.get(f"{ACCOUNT}/events", query)
    actors = await names_of(page, [event["actor"] for event in fields["events"]])
    return await page.render("history.html", history=fields, actors=actors)


ROUTES = [
    ("/admin/{account}/settings", get_settings, ["GET"]),
    ("/admin/{account}/settings", post_settings, ["POST"]),
    ("/admin/{account}/history", get_history, ["GET"]),
]
