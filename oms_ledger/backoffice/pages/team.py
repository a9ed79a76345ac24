"""The people of the account: invited, given a role, removed."""

from typing import Any

from starlette.responses import Response

from oms_ledger.accounts.roles import ROLES
from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Elsewhere, Page
from oms_ledger.backoffice.pages.verify import require_verified

OPERATORS = ("api", "ledger", "operators")


async def get_team(page: Page) -> Response:
    """Who has a role in the account."""
    page.require("manage_users")
    return await _shown(page)


async def _shown(
    page: Page,
    status: int = 200,
    *,
    error: dict[str, Any] | None = None,
    link: str | None = None,
) -> Response:
    fields = await page.get(path_of(*OPERATORS))
    given = {role: resources & page.resources == resources for role, resources in ROLES.items()}
    return await page.render(
        "team.html",
        status,
        people=fields["operators"],
        roles=[role for role, may in given.items() if may],
        table=ROLES,
        error=error,
        link=link,
    )


async def post_team(page: Page) -> Response:
    """Invite a person, change a role, or remove somebody; an invitation's link is shown once."""
    page.require("manage_users")
    require_verified(page)
    given = await page.form()
    named, role = one(given, "operator"), one(given, "role")
    match one(given, "do"):
        case "invite":
            body = {"email": one(given, "email"), "name": one(given, "name"), "role": role}
            answer = await page.ask("POST", path_of(*OPERATORS), body=body)
            token = answer.json().get("token") if answer.ok else None
            if token:
                origin = page.request.scope["state"]["origin"] or ""
                return await _shown(page, link=f"{origin}/admin/-/link#{token}")
            fields = "The person has the role now"
        case "change":
            answer = await page.ask("PATCH", path_of(*OPERATORS, named), body={"role": role})
            fields = "The role is changed; the sessions have ended"
        case "remove":
            answer = await page.ask("DELETE", path_of(*OPERATORS, named))
            fields = "Removed"
        case "end":
            answer = await page.ask("POST", path_of(*OPERATORS, named, "sessions", "end"))
            fields = "Signed out everywhere"
        case "reset":
            answer = await page.ask("POST", path_of(*OPERATORS, named, "second-factor", "reset"))
            fields = "The password alone opens again; the sessions have ended"
        case _:
            raise Elsewhere(f"{page.base}/team")
    if not answer.ok:
        return await _shown(page, answer.status, error=answer.error)
    return await page.done(f"{page.base}/team", fields)


ROUTES = [
    ("/admin/{account}/team", get_team, ["GET"]),
    ("/admin/{account}/team", post_team, ["POST"]),
]
