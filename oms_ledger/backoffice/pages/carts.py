"""Carts: what shoppers have not bought yet, as it is stored; looking changes nothing."""

from starlette.responses import Response

from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.page import Elsewhere, Page, url

CARTS = ("api", "ledger", "carts")


async def get_carts(page: Page) -> Response:
    """The carts of the account, fifty a page; the id of one leads to it."""
    page.require("list_carts")
    if cart := page.query("cart").strip():
        raise Elsewhere(url(page.base, "carts", cart))
    query = {"limit": "50"}
    if page.query("before"):
        query["before"] = page.query("before")
    fields = await page.get(path_of(*CARTS), query)
    return await page.render("carts.html", carts=fields["list"], next=fields["next"])


async def get_cart(page: Page) -> Response:
    """One cart."""
    page.require("list_carts")
    cart = await page.get(path_of(*CARTS, page.param("cart")))
    return await page.render("cart.html", cart=cart)


ROUTES = [
    ("/admin/{account}/carts", get_carts, ["GET"]),
    ("/admin/{account}/carts/{cart}", get_cart, ["GET"]),
]
