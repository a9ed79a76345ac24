"""What people do at once, beside each other and against each other, in a real browser."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import EMAIL, PASSWORD, Site, beside
from tests.browser.test_everywhere import addresses
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle

ROOT = f"/admin/{ACCOUNT}"
BOTH = pytest.mark.parametrize("site", ["sqlite", "postgresql"], indirect=True)


def events_of(site: Site, order_id: str) -> list[dict[str, Any]]:
    path = f"/api/ledger/orders/{order_id}/events?limit=200"
    found: list[dict[str, Any]] = site.call("GET", path).json()["events"]
    return found


def signed_in(site: Site, chrome: Browser) -> Page:
    made = chrome.new_context(base_url=site.base)
    made.add_cookies([{"name": "oms", "value": site.session(), "url": site.base}])
    return made.new_page()


@pytest.mark.scenario(3)
def test_signing_out_everywhere_ends_the_other_browser_too(site: Site, chrome: Browser):
    one, other = signed_in(site, chrome), signed_in(site, chrome)
    other.goto(f"{ROOT}/orders")
    one.goto("/admin/-/me")
    one.get_by_role("button", name="Sign out everywhere").click()
    expect(one.get_by_role("heading", name="Sign in")).to_be_visible()
    other.get_by_role("link", name="Outbox").first.click()
    other.get_by_label("E-mail").fill(EMAIL)
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Outbox", level=1)).to_be_visible()


@contextmanager
def foreign_page(html: str) -> Iterator[str]:
    """A page of another origin: the same host, another port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = threading.Thread(target=server.serve_forever)
    running.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        running.join()
        server.server_close()


@pytest.mark.scenario(5)
def test_a_page_of_another_origin_changes_nothing(site: Site, chrome: Browser):
    order_id = site.place()
    before = len(events_of(site, order_id))
    target = f"{site.base}{ROOT}/orders/{order_id}/start-handling"
    form = f'<form method="post" action="{target}"><input name="version" value="{before}"></form>'
    html = f'<img src="{target}">{form}<script>document.forms[0].submit()</script>'
    page = signed_in(site, chrome)
    with foreign_page(html) as address:
        with page.expect_navigation(url=target) as navigation:
            page.goto(address)
        assert navigation.value is not None
        assert navigation.value.status == 403
    assert len(events_of(site, order_id)) == before


@pytest.mark.scenario(7)
def test_what_is_put_into_a_page_by_hand_does_not_run(site: Site, chrome: Browser):
    page = signed_in(site, chrome)
    page.goto(ROOT)
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hit = 1";
            document.body.append(script);
            const style = document.createElement("style");
            style.textContent = "h1 { display: none }";
            document.body.append(style);
        }"""
    )
    assert page.evaluate("window.hit === undefined")
    expect(page.locator("h1")).to_be_visible()


@pytest.mark.scenario(7)
def test_no_page_asks_for_what_its_policy_forbids(site: Site, page: Page):
    """The fixture `violations` fails the test on any report of the policy."""
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " e => { (window.refused ||= []).push(e.blockedURI + ' ' + e.violatedDirective); })"
    )
    requested: set[str] = set()
    page.on("request", lambda request: requested.add(request.url))
    for address in addresses(site):
        page.goto(address)
        assert page.evaluate("window.refused || []") == [], address
    assert all(url.startswith(site.base) for url in requested), requested


@pytest.mark.scenario(9)
@BOTH
def test_an_order_is_in_the_list_at_once_without_a_projector(site: Site, page: Page):
    page.goto(f"{ROOT}/orders")
    order_id = site.place()
    page.reload()
    expect(page.locator("tbody a.id", has_text=order_id)).to_be_visible()


@pytest.mark.scenario(13)
@BOTH
def test_going_back_after_an_action_records_nothing(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}")
    page.locator("[data-action=start-handling]").click()
    page.get_by_role("button", name="Start handling").dblclick()
    expect(page.locator("#done")).to_be_visible()
    before = [event["name"] for event in events_of(site, order_id)]
    assert before.count("handling-started") == 1
    page.go_back()
    expect(page.locator("h1")).to_contain_text("Start handling")
    expect(page.locator("h1 + .st")).to_contain_text("Handling")
    page.get_by_role("button", name="Start handling").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert [event["name"] for event in events_of(site, order_id)] == before
    page.goto(f"{ROOT}/orders/{order_id}")
    page.locator("[data-action=cancel]").click()
    page.get_by_label("Reason").fill("no longer wanted")
    page.get_by_role("button", name="Cancel", exact=True).dblclick()
    expect(page.locator("#done")).to_be_visible()
    page.go_back()
    assert site.order(order_id)["status"] == "cancellation-requested"


@pytest.mark.scenario(16)
def test_cancel_loses_against_the_invoice_that_came_first(site: Site, page: Page):
    order_id = site.place()
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    page.goto(f"{ROOT}/orders/{order_id}/cancel")
    page.get_by_label("Reason").fill("too late")
    value = site.order(order_id)["value"]
    invoice = {"type": "Output", "invoiceNumber": "NF-1", "invoiceValue": value}
    invoice["issuanceDate"] = "2026-01-02T03:04:05Z"
    assert site.call("POST", f"/api/oms/pvt/orders/{order_id}/invoice", invoice).status_code == 200
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert site.order(order_id)["status"] == "invoiced"
    page.goto(f"{ROOT}/orders/{order_id}")
    expect(page.locator("#packages")).to_contain_text("NF-1")


@pytest.mark.scenario(17)
def test_the_second_invoice_is_filled_in_with_the_rest(site: Site, page: Page):
    order_id = site.place()
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    value = site.order(order_id)["value"]
    page.goto(f"{ROOT}/orders/{order_id}/invoice")
    page.get_by_label("Invoice number").fill("NF-1")
    page.get_by_label("Value").fill(f"{(value - 100) / 100:.2f}")
    page.get_by_label("Tracking number").fill("TR-1")
    page.get_by_role("button", name="Invoice", exact=True).click()
    expect(page.locator("#packages")).to_contain_text("TR-1")
    expect(page.locator(".beat")).to_have_attribute("data-state", "live")
    beside(lambda: settle(site.cell))
    expect(page.locator("#money")).to_contain_text("Settled")
    page.goto(f"{ROOT}/orders/{order_id}/invoice")
    expect(page.get_by_label("Value")).to_have_value("1.00")
    page.get_by_label("Invoice number").fill("NF-2")
    page.get_by_role("button", name="Invoice", exact=True).click()
    expect(page.locator("h1 + .st")).to_contain_text("Invoiced")
    assert site.order(order_id)["status"] == "invoiced"


@pytest.mark.scenario(21)
def test_a_filter_is_tried_on_an_order_and_on_the_history(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}")
    page.get_by_role("link", name="Try a filter on this order").click()
    page.get_by_label("JSONata").fill('status = "ready-for-handling')
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("JSONata").fill('status = "ready-for-handling"')
    page.get_by_label("Dry run since").fill("0")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("[data-version]").first).to_be_visible()
    expect(page.locator("[data-run] progress")).to_have_attribute("value", "100")
    expect(page.locator("[data-text]")).to_contain_text("looked at · 1 match · 0 failed")


@pytest.mark.scenario(25)
def test_a_page_is_whole_at_twice_the_size_in_forced_colors_and_in_print(site: Site, page: Page):
    order_id = site.place()
    page.goto(f"{ROOT}/orders/{order_id}")
    page.set_viewport_size({"width": 680, "height": 900})  # half as wide is twice as large
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    border = page.evaluate("getComputedStyle(document.querySelector('.st')).borderTopStyle")
    assert border == "solid"
    page.emulate_media(media="print")
    expect(page.locator("nav.nav")).to_be_hidden()
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
