"""A person's orders, and erasing a person for good."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Elsewhere, Page, RefusedAnswer
from oms_ledger.backoffice.pages.verify import ask_again


async def get_people(page: Page) -> Response:
    """The form that looks a person up."""
    page.require("look_up_person")
    return await page.render("people.html", who="", error=None)


def _who(text: str) -> dict[str, str]:
    return {"email": text} if "@" in text else {"document": text}


async def post_people(page: Page) -> Response:
    """Look a person up; the list of their orders is opened by a keyed hash."""
    page.require("look_up_person")
    text = one(await page.form(), "who")
    answer = await page.ask("POST", "/api/ledger/people", body=_who(text))
    if not answer.ok:
        return await page.render("people.html", answer.status, who=text, error=answer.error)
    fields = answer.json()
    if not fields["orders"]:
        error = {"message": "No order of this person", "code": ""}
        return await page.render("people.html", 404, who=text, error=error)
    raise Elsewhere(f"{page.base}/orders?{urlencode({'person': fields['person']})}")


async def post_erase(page: Page) -> Response:
    """First the dry run, then the erasure: the e-mail typed again, the password just given."""
    page.require("erase_person")
    given = await page.form()
    text = one(given, "who")
    include_open = one(given, "include-open") == "yes"
    body: dict[str, Any] = {**_who(text), "includeOpen": include_open}
    error = None
    if one(given, "do") == "erase":
        if one(given, "again") != text:
            error = {"message": "The text typed again is another one", "code": ""}
        elif refused := await ask_again(page, one(given, "password")):
            error = refused
        else:
            answer = await page.ask(
                "POST",
                "/api/ledger/erasures",
                body={**body, "dryRun": False},
                once=f"page-{one(given, 'key')}",
            )
            if not answer.ok:
                raise RefusedAnswer(answer)
            return await page.render("erased.html", erasure=answer.json())
    answer = await page.ask("POST", "/api/ledger/erasures", body={**body, "dryRun": True})
    if not answer.ok:
        return await page.render("people.html", answer.status, who=text, error=answer.error)
    return await page.render(
        "erase.html",
        400 if error else 200,
        who=text,
        erasure=answer.json(),
        include_open=include_open,
        error=error,
    )


ROUTES = [
    ("/admin/{account}/people", get_people, ["GET"]),
    ("/admin/{account}/people", post_people, ["POST"]),
    ("/admin/{account}/people/erase", post_erase, ["POST"]),
]
