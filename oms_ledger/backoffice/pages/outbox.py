"""The outbox: what partners and gateways were not given yet, and what to do about it."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.asking import Answer, path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Page, url

OUTBOX = ("api", "ledger", "outbox")
STATES = ("dead", "pending", "skipped", "delivered")


async def get_outbox(page: Page) -> Response:
    """What waits or failed for partners and gateways, by state or order."""
    page.require("view_calls")
    return await _shown(page)


async def _shown(page: Page, status: int = 200, error: dict[str, Any] | None = None) -> Response:
    state = page.query("state") if page.query("state") in STATES else ""
    query = {"limit": "200"}
    if state:
        query["state"] = state
    if page.query("orderId"):
        query["orderId"] = page.query("orderId")
    fields = await page.get(path_of(*OUTBOX), query)
    return await page.render(
        "outbox.html",
        status,
        messages=fields["list"],
        state=state,
        states=STATES,
        order_id=page.query("orderId"),
        error=error,
    )


async def post_outbox(page: Page) -> Response:
    """Resume or skip the messages that were chosen; show the first refusal."""
    page.require("mend_calls")
    given = await page.form()
    do, reason = one(given, "do"), one(given, "reason")
    done, refused = 0, None
    for message in given.get("message", [])[:200]:
        answer: Answer
        if do == "skip":
            answer = await page.ask(
                "POST", path_of(*OUTBOX, message, "skip"), body={"reason": reason}
            )
        else:
            answer = await page.ask("POST", path_of(*OUTBOX, message, "resume"))
        done += answer.ok
        refused = refused or (None if answer.ok else answer)
    if refused is not None:
        return await _shown(page, refused.status, refused.error)
    fields = f"{done} skipped" if do == "skip" else f"{done} are sent again"
    return await page.done(url(page.base, "outbox", state=page.query("state")), fields)


ROUTES = [
    ("/admin/{account}/outbox", get_outbox, ["GET"]),
    ("/admin/{account}/outbox", post_outbox, ["POST"]),
]
