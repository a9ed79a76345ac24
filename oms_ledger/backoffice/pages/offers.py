"""Offers: what carts are priced by, as it was loaded."""

from starlette.responses import Response

from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.page import Page

KINDS = ("offer", "delivery", "pickup-point", "payment", "address")


async def get_offers(page: Page) -> Response:
    """Offers, deliveries or another kind of row, a hundred a page."""
    page.require("read_offers")
    kind = page.query("kind") if page.query("kind") in KINDS else KINDS[0]
    sku = page.query("sku").strip() if kind == "offer" else ""
    query = {"kind": kind, "limit": "100", "after": page.query("after"), "sku": sku}
    given = {name: value for name, value in query.items() if value}
    fields = await page.get(path_of("api", "ledger", "offers"), given)
    return await page.render(
        "offers.html",
        rows=fields["list"],
        counts=fields["counts"],
        next=fields["next"],
        kind=kind,
        kinds=KINDS,
        sku=sku,
    )


ROUTES = [("/admin/{account}/offers", get_offers, ["GET"])]
