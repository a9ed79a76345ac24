"""A person's second factor: turned on by a code of the new secret, off by the password."""

from starlette.responses import Response

from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Elsewhere, Page
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import second_factor, sign_in

ADDRESS = "/admin/-/me/second-factor"


async def get_second_factor(page: Page) -> Response:
    """The second factor of the person, with a new secret to turn it on by."""
    return await _shown(page, second_factor.new_secret())


async def _shown(
    page: Page, secret: str, status: int = 200, error: Refusal | None = None
) -> Response:
    fields = {"message": error.message, "code": ""} if error else None
    return await page.render(
        "second_factor.html",
        status,
        error=fields,
        secret=secret,
        address=second_factor.address_of(secret, page.operator.email),
        offered=second_factor.offer(page.cell, page.operator, secret),
    )


async def post_second_factor(page: Page) -> Response:
    """On, by a code of the secret that was shown; or off. Either takes the password."""
    given = await page.form()
    secret = second_factor.offered(page.cell, page.operator, one(given, "offered"))
    password = given.get("password", [""])[0]
    token_hash = page.session.token_hash
    try:
        match one(given, "do"):
            case "on" if secret is not None:
                await sign_in.verify_again(page.cell, page.operator, token_hash, password)
                code = one(given, "code")
                await second_factor.turn_on(
                    page.cell, page.operator, token_hash, secret=secret, code=code
                )
                message = "Signing in takes a code from now on; other sessions have ended"
            case "off":
                await sign_in.verify_again(page.cell, page.operator, token_hash, password)
                await second_factor.turn_off(page.cell, page.operator)
                message = "The password alone opens again"
            case _:
                raise Elsewhere(ADDRESS)
    except Refusal as refusal:
        shown = secret or second_factor.new_secret()
        return await _shown(page, shown, refusal.status, refusal)
    return await page.done("/admin/-/me", message)


ROUTES = [
    (ADDRESS, get_second_factor, ["GET"]),
    (ADDRESS, post_second_factor, ["POST"]),
]
