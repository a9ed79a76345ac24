"""Forms by the keyboard alone, refused with what was typed, and previewed to the cent."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import EMAIL, PASSWORD, Site, beside
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle

ROOT = f"/admin/{ACCOUNT}"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until it has the focus, which is seen at every step."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """selector => {
                const one = document.activeElement, look = getComputedStyle(one);
                return [one.matches(selector), one === document.body
                    || look.outlineStyle !== 'none' || look.boxShadow !== 'none', one.outerHTML];
            }""",
            selector,
        )
        assert focus[1], focus[2][:200]
        if focus[0]:
            return
    raise AssertionError(f"Tab does not lead to {selector}")


@pytest.mark.scenario(12)
def test_from_signing_in_to_the_invoice_without_the_mouse(site: Site, chrome: Browser):
    order_id = site.place()
    page = chrome.new_page(base_url=site.base)
    page.goto("/admin/-/sign-in")
    tab_to(page, "#f-email")
    page.keyboard.type(EMAIL)
    tab_to(page, "#f-password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(order_id)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(order_id)
    tab_to(page, "[data-action=start-handling]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Start handling")
    tab_to(page, "#command button")
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_be_visible()
    tab_to(page, "[data-action=invoice]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Invoice")
    tab_to(page, "#f-number")
    page.keyboard.type("NF-1")
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1 + .st")).to_contain_text("Invoiced")
    assert site.order(order_id)["status"] == "invoiced"


@pytest.mark.scenario(14)
def test_a_refused_form_keeps_what_was_typed(site: Site, page: Page):
    order_id = site.place()
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    events = f"/api/ledger/orders/{order_id}/events"
    before = site.call("GET", events).json()["versions"]
    page.goto(f"{ROOT}/orders/{order_id}/invoice")
    page.get_by_label("Invoice number").fill("NF-9")
    page.get_by_label("Value").fill("99999.99")
    page.get_by_label("Carrier").fill("Fast & Sons")
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name="Invoice", exact=True).click()
    assert navigation.value is not None
    assert navigation.value.status == 400
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Invoice value exceeds order value")
    expect(refusal.locator("code")).not_to_be_empty()
    expect(refusal).to_be_focused()
    expect(page.get_by_label("Invoice number")).to_have_value("NF-9")
    expect(page.get_by_label("Value")).to_have_value("99999.99")
    expect(page.get_by_label("Carrier")).to_have_value("Fast & Sons")
    assert site.call("GET", events).json()["versions"] == before


def cents(texts: list[str]) -> list[int]:
    return [int(re.sub(r"\D", "", text)) for text in texts]


@pytest.mark.scenario(18)
def test_a_change_is_previewed_as_it_is_typed(site: Site, page: Page):
    order_id = site.place()
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    versions = site.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]
    page.goto(f"{ROOT}/orders/{order_id}/change")
    page.get_by_label("Discount").fill("1.23")
    page.get_by_label("Reason").fill("A scratch")
    sums = page.locator("#preview tr.sum td.num")
    expect(sums).to_have_count(3)
    body = {"reason": "A scratch", "manualDiscountValue": 123}
    path = f"/api/order-system/orders/{order_id}/changes/preview"
    totals = site.call("POST", path, body).json()["orderTotals"]
    after = sum(total["value"] for total in totals)
    assert cents(sums.all_inner_texts()) == [2000, after, 2000 - after]
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator("#done")).to_be_visible()
    expect(page.locator(".beat")).to_have_attribute("data-state", "live")
    beside(lambda: settle(site.cell))
    total = page.locator("#items tr.sum td.num")
    expect(total).to_contain_text("18.77")
    page.goto(f"{ROOT}/orders/{order_id}?version={versions}")
    expect(total).to_contain_text("20.00")
