"""Pages in a real browser: signing in, finding, travelling, acting, and the news."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import EMAIL, PASSWORD, Site
from tests.support.configuring import disable_operator, reset_operator
from tests.support.purchases import ACCOUNT

ROOT = f"/admin/{ACCOUNT}"


def test_sign_in_leads_home_and_sign_out_ends_it(site: Site, chrome, violations):
    page = chrome.new_page(base_url=site.base)
    violations.watch(page)
    page.goto(f"{ROOT}/orders")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Orders", level=1)).to_be_visible()
    page.get_by_text("Ana", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.scenario(1)
def test_link_keeps_its_secret_in_the_fragment(site: Site, chrome, violations):
    disable_operator(site.cell, EMAIL)
    token = reset_operator(site.cell, EMAIL)
    requested: list[str] = []
    page = chrome.new_page(base_url=site.base)
    violations.watch(page)
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"/admin/-/link#{token}")
    expect(page.get_by_label("Code of the link")).to_be_hidden()
    assert token not in page.url
    assert not any(token in url for url in requested if "#" not in url)


def test_orders_are_found_opened_and_handled_by_keys_alone(site: Site, page: Page):
    order_id = site.place()
    page.goto(ROOT)
    page.keyboard.press("/")
    page.keyboard.type(order_id)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=order_id)).to_be_visible()
    action = page.locator("[data-action=start-handling]")
    action.focus()
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Start handling")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_contain_text("Start handling")
    assert site.order(order_id)["status"] == "handling"
    events = site.call("GET", f"/api/ledger/orders/{order_id}/events").json()["events"]
    assert events[-1]["actor"] == f"person:{site.operator}"


def test_list_is_walked_by_keys(site: Site, page: Page):
    for number in (1, 2, 3):
        site.place(number)
    page.goto(f"{ROOT}/orders")
    expect(page.locator("tbody tr")).to_have_count(3)
    for key in "jjx":
        page.keyboard.press(key)
    expect(page.locator("tbody input:checked")).to_have_count(1)
    chosen = page.locator("tr[data-at] a.id").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=chosen)).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()


@pytest.mark.scenario(19)
def test_slider_travels_and_keeps_the_focus(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}")
    slider = page.locator("#version")
    last = int(slider.get_attribute("max") or 0)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".band")).to_contain_text(f"version {last - 1} of {last}")
    expect(page).to_have_url(f"{site.base}{ROOT}/orders/{order_id}?version={last - 1}")
    assert page.evaluate("document.activeElement.id") == "version"
    expect(page.locator("[data-action]")).to_have_count(0)
    page.go_back()
    expect(page.locator(".band")).to_have_count(0)


@pytest.mark.scenario(9)
def test_new_orders_are_shown_by_a_list_and_events_by_an_order(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders")
    expect(page.locator(".beat")).to_have_attribute("data-state", "live")
    site.place(2)
    fresh = page.locator("[data-fresh]")
    expect(fresh).to_contain_text("1 new")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("r")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.goto(f"{ROOT}/orders/{order_id}")
    expect(page.locator(".beat")).to_have_attribute("data-state", "live")
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    expect(page.locator("h1 + .st")).to_contain_text("Handling")


@pytest.mark.scenario(13)
def test_double_click_applies_once(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}/start-handling")
    page.get_by_role("button", name="Start handling").dblclick()
    expect(page.get_by_role("heading", name=order_id)).to_be_visible()
    events = site.call("GET", f"/api/ledger/orders/{order_id}/events").json()["events"]
    assert [event["name"] for event in events].count("handling-started") == 1


def test_changes_of_an_event_are_loaded_on_request(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}")
    page.locator(".timeline summary").first.click()
    page.locator(".timeline a", has_text="changes").first.click()
    expect(page.locator(".timeline #event").first).to_be_visible()


def test_filters_are_loaded_when_opened(site: Site, page: Page):
    site.place()
    page.goto(f"{ROOT}/orders")
    page.locator("[data-filters] summary").click()
    box = page.locator("[data-filters]").get_by_label("Ready for handling")
    box.check()
    page.locator("[data-filters]").get_by_role("button", name="Show").click()
    expect(page.locator(".chip", has_text="Ready for handling")).to_be_visible()


@pytest.mark.scenario(25)
def test_without_script_pages_read_and_act(site: Site, chrome):
    order_id = site.place()
    bare: BrowserContext = chrome.new_context(base_url=site.base, java_script_enabled=False)
    page = bare.new_page()
    page.goto(f"{ROOT}/orders")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=order_id).click()
    page.locator("[data-back]").click()
    expect(page.locator(".band")).to_be_visible()
    page.get_by_role("link", name="Back to now").click()
    page.locator("[data-action=start-handling]").click()
    page.get_by_role("button", name="Start handling").click()
    page.locator("[data-action=invoice]").click()
    page.get_by_label("Invoice number").fill("NF-1")
    page.get_by_role("button", name="Invoice").click()
    expect(page.locator("h1 + .st")).to_contain_text("Invoiced")
    assert site.order(order_id)["status"] == "invoiced"
    bare.close()


@pytest.mark.scenario(15)
def test_what_opens_over_an_order_fits_at_any_width(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}")
    page.get_by_text("Why not…").click()
    for width in (1360, 900, 700, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator("[data-actions] > div").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= min(500, width - 40)  # a reason is read in a few lines
