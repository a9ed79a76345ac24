"""Partners: sellers and affiliates as they are registered, and what goes out to each."""

from typing import Any

from starlette.responses import Response

from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Page, RefusedAnswer, url
from oms_ledger.whole_numbers import is_whole

SELLERS = ("api", "seller-register", "pvt", "sellers")
AFFILIATES = ("api", "fulfillment", "pvt", "affiliates")
PER_PAGE = 100


async def get_partners(page: Page) -> Response:
    """Both registers; who may not see affiliates sees the sellers."""
    page.require("read_sellers")
    first = int(page.query("from")) if is_whole(page.query("from"), 9) else 0
    query = {"from": str(first), "to": str(first + PER_PAGE)}
    if keyword := page.query("keyword").strip():
        query["keyword"] = keyword
    sellers = await page.get(path_of(*SELLERS), query)
    affiliates = await page.get(path_of(*AFFILIATES)) if page.may("manage_affiliates") else []
    return await page.render(
        "partners.html",
        sellers=sellers["items"],
        paging=sellers["paging"],
        affiliates=affiliates,
        keyword=keyword,
    )


async def get_seller(page: Page) -> Response:
    """A seller, its sales channels, and the messages to it."""
    page.require("read_sellers")
    seller = page.param("seller")
    entry = await page.get(path_of(*SELLERS, seller))
    channels = await page.get(path_of(*SELLERS, seller, "sales-channel", "mapping"))
    return await page.render(
        "partner.html",
        kind="seller",
        entry=entry,
        name=entry["name"],
        fields=_shown(entry),
        channels=channels,
        messages=await _messages(page, f"seller:{seller}"),
    )


async def post_seller(page: Page) -> Response:
    """Let a seller take orders, or none."""
    page.require("write_sellers")
    seller, given = page.param("seller"), await page.form()
    operation = {"operation": "replace", "path": "/isActive"}
    body = [{**operation, "value": one(given, "do") == "activate"}]
    answer = await page.ask("PATCH", path_of(*SELLERS, seller), body=body)
    if not answer.ok:
        raise RefusedAnswer(answer)
    return await page.done(url(page.base, "partners", "sellers", seller), "Saved")


async def get_affiliate(page: Page) -> Response:
    """An affiliate, and the messages to it."""
    page.require("manage_affiliates")
    affiliate = page.param("affiliate")
    entry = await page.get(path_of(*AFFILIATES, affiliate))
    return await page.render(
        "partner.html",
        kind="affiliate",
        entry=entry,
        name=entry.get("name") or affiliate,
        fields=_shown(entry),
        channels=[],
        messages=await _messages(page, f"affiliate:{affiliate}"),
    )


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    """What an entry says; endpoints are secrets, whatever the role may read of them."""
    return {
        name: "•••" if "endpoint" in name.lower() and isinstance(value, str) and value else value
        for name, value in entry.items()
        if value not in (None, "", [], {})
    }


async def _messages(page: Page, recipient: str) -> list[dict[str, Any]]:
    if not page.may("view_calls"):
        return []
    query = {"recipient": recipient, "limit": "50"}
    found: list[dict[str, Any]] = (await page.get("/api/ledger/outbox", query))["list"]
    return found


ROUTES = [
    ("/admin/{account}/partners", get_partners, ["GET"]),
    ("/admin/{account}/partners/sellers/{seller}", get_seller, ["GET"]),
    ("/admin/{account}/partners/sellers/{seller}", post_seller, ["POST"]),
    ("/admin/{account}/partners/affiliates/{affiliate}", get_affiliate, ["GET"]),
]
