"""App keys: what each is for, created, rotated, revoked."""

from typing import Any

from starlette.responses import Response

from oms_ledger.accounts.roles import ROLES
from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Elsewhere, Page
from oms_ledger.backoffice.pages.verify import require_verified

KEYS = ("api", "ledger", "keys")


async def get_keys(page: Page) -> Response:
    """The keys of the account."""
    page.require("manage_keys")
    return await _shown(page)


async def _shown(
    page: Page,
    status: int = 200,
    *,
    error: dict[str, Any] | None = None,
    made: dict[str, Any] | None = None,
) -> Response:
    fields = await page.get(path_of(*KEYS))
    roles = [role for role, resources in ROLES.items() if resources <= page.resources]
    return await page.render(
        "keys.html", status, keys=fields["keys"][::-1], roles=roles, error=error, made=made
    )


async def post_keys(page: Page) -> Response:
    """Create, rotate, revoke or label a key; a new token is shown once."""
    page.require("manage_keys")
    require_verified(page)
    given = await page.form()
    key, label = one(given, "app-key"), one(given, "label") or None
    match one(given, "do"):
        case "create":
            body = {"role": one(given, "role"), "label": label}
            answer = await page.ask("POST", path_of(*KEYS), body=body)
        case "rotate":
            answer = await page.ask("POST", path_of(*KEYS, key, "rotate"))
        case "revoke":
            answer = await page.ask("POST", path_of(*KEYS, key, "revoke"))
        case "label":
            answer = await page.ask("PATCH", path_of(*KEYS, key), body={"label": label})
        case _:
            raise Elsewhere(f"{page.base}/keys")
    if not answer.ok:
        return await _shown(page, answer.status, error=answer.error)
    if answer.json().get("appToken"):
        return await _shown(page, made=answer.json())
    return await page.done(f"{page.base}/keys", "Saved")


ROUTES = [
    ("/admin/{account}/keys", get_keys, ["GET"]),
    ("/admin/{account}/keys", post_keys, ["POST"]),
]
