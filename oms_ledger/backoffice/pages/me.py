"""A person's own settings: name, language, scheme, density, keys, password, sessions."""

import asyncio

from sqlalchemy import Connection
from starlette.responses import Response

from oms_ledger.accounts.operators import OperatorPasswordSet, OperatorRenamed
from oms_ledger.backoffice.page import Page
from oms_ledger.backoffice.translations import LANGUAGES
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords, sign_in
from oms_ledger.services.operators.recording import by_deployment, record_operator
from projections.operators import directory, sessions

SCHEMES = ("system", "light", "dark")
DENSITIES = ("compact", "roomy")


async def get_me(page: Page) -> Response:
    """The person's own settings."""
    return await _shown(page)


async def _shown(page: Page, status: int = 200, error: Refusal | None = None) -> Response:
    fields = {"message": error.message, "code": ""} if error else None
    return await page.render(
        "me.html",
        status,
        error=fields,
        sessions=await page.cell.read(
            sessions.of_operator, page.operator.id, page.cell.clock.micros()
        ),
        schemes=SCHEMES,
        densities=DENSITIES,
    )


async def post_me(page: Page) -> Response:
    """Save language, scheme, density, and whether keys are shortcuts."""
    given = await page.form()

    def chosen(name: str, known: tuple[str, ...], present: str) -> str:
        value = given.get(name, [present])[0]
        return value if value in known else present

    mine = page.operator
    values = {
        "language": chosen("language", tuple(LANGUAGES), mine.language),
        "scheme": chosen("scheme", SCHEMES, mine.scheme),
        "density": chosen("density", DENSITIES, mine.density),
        "shortcuts": "shortcuts" in given,
    }

    await page.cell.write(directory.set_looks, mine.id, **values)
    name = (given.get("name", [""])[0].strip() or mine.name)[:120]
    if name != mine.name:
        renamed = [OperatorRenamed(name)]
        await record_operator(
            page.cell, by_deployment(f"person:{mine.id}"), mine.id, lambda _: renamed
        )
    return await page.done("/admin/-/me", "Saved")


async def post_password(page: Page) -> Response:
    """Another password; the present one is asked for, and all other sessions end."""
    given = await page.form()
    present, new = (given.get(name, [""])[0] for name in ("present", "password"))

    mine, token_hash = page.operator, page.session.token_hash

    def end(connection: Connection) -> None:
        sessions.end_all(connection, mine.id, but=token_hash)

    try:
        await sign_in.verify_again(page.cell, mine, token_hash, present)
        await asyncio.to_thread(passwords.require_good, new, mine.email)
        hashed = await asyncio.to_thread(passwords.hash_password, new)
        changed = [OperatorPasswordSet(password_hash=hashed)]
        ctx = by_deployment(f"person:{mine.id}")
        await record_operator(page.cell, ctx, mine.id, lambda _: changed, fills=[end])
    except Refusal as refusal:
        return await _shown(page, refusal.status, refusal)
    return await page.done("/admin/-/me", "The password is changed; other sessions have ended")


ROUTES = [
    ("/admin/-/me", get_me, ["GET"]),
    ("/admin/-/me", post_me, ["POST"]),
    ("/admin/-/me/password", post_password, ["POST"]),
]
