"""Every page in both schemes and three widths: accessible, in one column, and well formed."""

import pytest
from playwright.sync_api import Page, Request, expect
from sqlalchemy import update

from oms_ledger.backoffice.translations import LONGER
from projections.operators.tables import operators
from tests.browser.conftest import OF_COLORS, Site, axe
from tests.browser.test_operations import place_many
from tests.support.purchases import ACCOUNT

ROOT = f"/admin/{ACCOUNT}"
WIDTHS = (1360, 768, 360)
TABS = ("overview", "queue", "attempts", "dead-letters", "settings")


def addresses(site: Site) -> list[str]:
    order_id = site.place()
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    queue = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345600}
    feed = {"filter": {"type": "FromWorkflow", "status": []}, "queue": queue}
    site.call("POST", "/api/orders/feed/config", feed)
    key = site.headers["X-VTEX-API-AppKey"]
    order = f"{ROOT}/orders/{order_id}"
    return [
        *(ROOT, f"{ROOT}/orders", f"{ROOT}/orders?f_status=canceled", f"{ROOT}/orders/filters"),
        *(order, f"{order}?version=2", f"{order}/events/1", f"{order}/changes?from=1"),
        *(f"{order}/raw", f"{order}/conversation", f"{order}/invoice", f"{order}/change"),
        *(f"{order}/cancel", f"{order}/start-handling", f"{ROOT}/nothing"),
        *(f"{ROOT}/stream", f"{ROOT}/stream/5", f"{ROOT}/feeds", f"{ROOT}/feeds/replay"),
        *(f"{ROOT}/feeds/{key}/{tab}" for tab in TABS),
        *(f"{ROOT}/playground", f"{ROOT}/outbox", f"{ROOT}/tasks", f"{ROOT}/people"),
        *(f"{ROOT}/runs", f"{ROOT}/team", f"{ROOT}/keys", f"{ROOT}/settings"),
        *(f"{ROOT}/carts", f"{ROOT}/offers", f"{ROOT}/offers?kind=delivery", f"{ROOT}/partners"),
        *(f"{ROOT}/partners/sellers/1", f"{ROOT}/masterdata", f"{ROOT}/masterdata/CL"),
        *(f"{ROOT}/history", "/admin/-/me", "/admin/-/me/second-factor"),
        *("/admin/-/verify", "/admin/-/system"),
    ]


@pytest.mark.scenario(25)
def test_pages_have_no_barrier_no_weight_and_do_not_scroll_sideways(site: Site, page: Page):
    """Each page once: wide and narrow, in both schemes."""
    found = []
    page.emulate_media(reduced_motion="reduce")  # colors change at once
    for address in addresses(site):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        found += [f"{address}: {one}" for one in too_heavy(site, page, address)]
        assert page.locator("h1").count() == 1, address
        assert page.title().count("oms-ledger") == 1, address
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{address} at {width}: {wide} px wide")
            if width == 768:
                continue
            page.emulate_media(color_scheme="light")
            found += [f"{address} at {width}: {one}" for one in axe(page)]
            page.emulate_media(color_scheme="dark")
            found += [f"{address} at {width}, dark: {one}" for one in axe(page, OF_COLORS)]
    assert not found, "\n".join(found)


@pytest.mark.scenario(25)
def test_pages_hold_longer_words(site: Site, page: Page):
    """A pseudo-language whose texts are 40 % longer, on the widest and the narrowest screen."""
    targets = addresses(site)
    with site.cell.database.writing() as connection:
        connection.execute(update(operators).values(language=LONGER))
    found = []
    for target in targets:
        page.goto(target)
        assert "ē" in page.locator("body").inner_text()
        for width in (WIDTHS[0], WIDTHS[-1]):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{target} at {width}: {wide} px wide")
    assert not found, "\n".join(found)


# Bytes as sent: the most that a page may take.
HEAVIEST = {f"{ROOT}/orders?per_page=50": 10_240, f"{ROOT}/orders/v1acme-01": 14_336}
OTHERS = 10_240


def too_heavy(site: Site, page: Page, address: str) -> list[str]:
    """Open a page; what is beyond its budget of packed bytes, elements and requests."""
    requested: list[str] = []

    def note(request: Request) -> None:
        if not request.url.partition("?")[0].endswith("/news"):
            requested.append(request.url)

    page.on("request", note)
    answer = page.goto(address)
    assert answer is not None
    size = answer.request.sizes()["responseBodySize"]
    elements = page.evaluate("document.getElementsByTagName('*').length")
    page.remove_listener("request", note)
    within = {
        f"{size} bytes": size <= HEAVIEST.get(address, OTHERS),
        "not packed": answer.headers.get("content-encoding") == "gzip",
        f"{elements} elements": elements <= 1_800,
        f"asked for {requested}": len([url for url in requested if "/static/" not in url]) == 1,
        f"from elsewhere: {requested}": all(url.startswith(site.base) for url in requested),
    }
    return [what for what, holds in within.items() if not holds]


def test_the_longest_pages_are_as_light_as_promised(site: Site, page: Page):
    """A cold browser's requests too."""
    addresses(site)
    place_many(site, 50, 2)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(ROOT)
    expect(page.locator(".beat")).to_have_attribute("data-state", "live")
    assert len([url for url in requested if not url.partition("?")[0].endswith("/news")]) <= 6, (
        requested
    )
    for address in HEAVIEST:
        assert too_heavy(site, page, address) == []
