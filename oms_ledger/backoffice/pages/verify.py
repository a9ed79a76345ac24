"""Asking again for the password before what is dangerous, when it was not given just now."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.entrance import own_path
from oms_ledger.backoffice.page import Elsewhere, Page, url
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import sign_in


async def ask_again(page: Page, password: str) -> dict[str, Any] | None:
    """None when the password is right, or was given just now; else why not."""
    if page.verified and not password:
        return None
    try:
        await sign_in.verify_again(page.cell, page.operator, page.session.token_hash, password)
    except Refusal as refusal:
        return {"message": refusal.message, "code": ""}
    return None


def require_verified(page: Page) -> None:
    """Lead to the form that asks for the password, and back to this page."""
    if not page.verified:
        raise Elsewhere(url("/admin/-", "verify", next=page.request.url.path))


async def get_verify(page: Page) -> Response:
    """The form that asks for the password again."""
    return await page.render("verify.html", wanted=own_path(page.query("next")), error=None)


async def post_verify(page: Page) -> Response:
    """Take the password and go back to the page that needed it; 401 for a wrong one."""
    given = await page.form()
    wanted = own_path(one(given, "next"))
    if error := await ask_again(page, given.get("password", [""])[0] or " "):
        return await page.render("verify.html", 401, wanted=wanted, error=error)
    raise Elsewhere(wanted)


ROUTES = [
    ("/admin/-/verify", get_verify, ["GET"]),
    ("/admin/-/verify", post_verify, ["POST"]),
]
