"""Pages say what the API says: the list, the one box, why not, every version."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from oms_ledger.backoffice.commands import buttons
from tests.browser.conftest import Site
from tests.browser.test_operations import place_many, place_unpaid
from tests.support.purchases import ACCOUNT

ROOT = f"/admin/{ACCOUNT}"


def act(site: Site, order_id: str, command: str, body: Any = None) -> None:
    answer = site.call("POST", f"/api/oms/pvt/orders/{order_id}/{command}", body or {})
    assert answer.status_code in (200, 204), answer.text


def invoice(value: int, number: str = "NF-1") -> dict[str, Any]:
    fields = {"type": "Output", "invoiceNumber": number, "invoiceValue": value}
    return {**fields, "issuanceDate": "2026-01-02T03:04:05Z", "trackingNumber": "TR-7"}


@pytest.mark.scenario(8)
def test_the_list_is_that_of_the_api_and_stays_it(site: Site, page: Page):
    orders = place_many(site, 6)
    for order_id in orders[:3]:
        act(site, order_id, "start-handling")
    act(site, orders[0], "cancel")
    queries: list[dict[str, str]] = [
        {},
        {"f_status": "handling"},
        {"f_status": "handling,cancellation-requested", "orderBy": "orderId,asc"},
        {"q": "v4acme"},
        {"per_page": "2", "page": "2"},
        {"f_status": "invoiced"},
    ]
    for query in queries:
        text = urlencode(query)
        listed = site.call("GET", f"/api/oms/pvt/orders?{text}").json()
        wanted = [row["orderId"] for row in listed["list"]]
        page.goto(f"{ROOT}/orders?{text}")
        links = page.locator("tbody a.id")
        expect(links).to_have_text(wanted)
        total = listed["paging"]["total"]
        expect(page.locator(".head .muted")).to_contain_text(f"{total} order")
        if wanted:
            links.first.click()
            expect(page.locator("h1")).to_have_text(wanted[0])
            page.go_back()
            expect(links).to_have_text(wanted)
        page.reload()
        expect(links).to_have_text(wanted)


@pytest.mark.scenario(10)
def test_one_box_finds_an_order_by_anything(site: Site, page: Page):
    order_id, other = place_many(site, 2)
    act(site, order_id, "start-handling")
    act(site, order_id, "invoice", invoice(2000, "NF-77"))
    order = site.order(order_id)
    events = site.call("GET", f"/api/ledger/orders/{order_id}/events").json()["events"]
    own = [order_id, order["sequence"], order["orderGroup"], "NF-77", "TR-7", events[-1]["cause"]]
    for text in own:
        page.goto(ROOT)
        page.keyboard.press("/")
        page.keyboard.type(str(text))
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text(order_id)
    for text in ("ana@example.com", "7", "PAY"):  # what both have: they are listed
        page.goto(ROOT)
        page.locator("#find").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("main").get_by_role("link", name=order_id).first).to_be_visible()
        expect(page.locator("main").get_by_role("link", name=other).first).to_be_visible()
        assert "ana" not in page.url
    page.goto(ROOT)
    page.locator("#find").fill(str(events[-1]["position"]))
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.base}{ROOT}/stream/{events[-1]['position']}")
    page.goto(ROOT)
    page.locator("#find").fill("nothing like it")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("nothing like it")


@pytest.mark.scenario(15)
def test_each_command_has_its_button_or_its_reason(site: Site, page: Page):
    place_unpaid(site)
    orders = ["v1acme-01", *place_many(site, 4, 2)]
    for order_id in orders[2:]:
        act(site, order_id, "start-handling")
    act(site, orders[3], "cancel")
    act(site, orders[4], "invoice", invoice(2000))
    statuses = set()
    for order_id in orders:
        statuses.add(site.order(order_id)["status"])
        actions = site.call("GET", f"/api/ledger/orders/{order_id}/actions").json()["actions"]
        page.goto(f"{ROOT}/orders/{order_id}")
        shown = page.locator("[data-action]")
        offered = {one.get_attribute("data-action") for one in shown.all()}
        assert offered == {button.form.slug for button in buttons(actions)}
        page.keyboard.press(".")
        for action in actions:
            why = page.locator(f'[data-refused="{action["command"]}"]')
            if action["allowed"]:
                expect(why).to_have_count(0)
            else:
                expect(why).to_be_visible()
                expect(why).to_contain_text(action["refusal"]["code"])
    assert len(statuses) == 5


@pytest.mark.scenario(19)
def test_every_version_is_the_one_of_the_api(site: Site, page: Page):
    (order_id,) = place_many(site, 1)
    act(site, order_id, "start-handling")
    act(site, order_id, "invoice", invoice(2000))
    path = f"/api/ledger/orders/{order_id}"
    versions = site.call("GET", f"{path}/events").json()["versions"]
    page.goto(f"{ROOT}/orders/{order_id}")
    slider = page.locator("#version")
    slider.focus()
    for version in range(versions - 1, 0, -1):
        page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile(rf"version={version}$"))
        expect(page.locator(".band")).to_contain_text(f"version {version} of {versions}")
        assert page.evaluate("document.activeElement.id") == "version"
        answer = site.call("GET", f"{path}?version={version}").json()
        document = answer.get("document", answer)
        total = page.locator("#items tr.sum td.num").inner_text()
        assert re.sub(r"\D", "", total) == str(document["value"])
        expect(page.locator("#items tbody tr")).to_have_count(len(document["items"]))
        packages = document["packageAttachment"]["packages"]
        expect(page.locator("#packages tbody tr")).to_have_count(len(packages))
        expect(page.locator("[data-action]")).to_have_count(0)
    page.goto(f"{ROOT}/orders/{order_id}?version=3")
    expect(slider).to_have_value("3")
