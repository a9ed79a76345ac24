"""What is open says what happens meanwhile, whatever else happens in the ledger."""

import json
from itertools import count
from typing import Any

import requests
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site, beside
from tests.support.purchases import ACCOUNT, open_account

ROOT = f"/admin/{ACCOUNT}"


def first_news(site: Site, after: int) -> dict[str, Any]:
    """The first message of the stream after a position; it stays open until there is one."""
    answer = requests.get(
        f"{site.base}{ROOT}/news?after={after}",
        cookies={"oms": site.session()},
        stream=True,
        timeout=30,
    )
    with answer:
        for line in answer.iter_lines():
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[6:])
                return found
    raise AssertionError("the stream ended without news")


def test_news_pass_over_what_is_of_no_order(site: Site):
    order_id = site.place()
    head = site.cell.store.head()
    saved = site.call("POST", "/api/dataentities/CL/documents", {"email": "zoe@example.com"})
    assert saved.status_code == 201, saved.text
    site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    assert first_news(site, head)["orders"] == {order_id: False}


def test_news_come_where_another_account_was_last(site: Site):
    order_id = site.place()
    beside(lambda: open_account(site.cell.ledger, name="other"))
    signed_in = {"oms": site.session()}
    head = site.cell.store.head()
    page = requests.get(f"{site.base}{ROOT}", cookies=signed_in, timeout=30)
    assert f'data-position="{head}"' in page.text
    with requests.get(
        f"{site.base}{ROOT}/news?after={head}",
        cookies=signed_in,
        stream=True,
        timeout=30,
    ) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"retry: 1000"
        site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
        data = next(line for line in lines if line.startswith(b"data: "))
    assert json.loads(data[6:])["orders"] == {order_id: False}


def test_a_change_is_shown_though_the_first_look_at_it_failed(site: Site, page: Page):
    order_id = site.place()
    page.clock.install()
    page.goto(f"{ROOT}/orders/{order_id}")
    expect(page.locator(".beat")).to_have_attribute("data-state", "live")
    looks = count()

    def fails_once(route: Route) -> None:
        if next(looks):
            route.continue_()
        else:
            route.fulfill(status=503, body="<main id=main>away</main>")

    page.route(f"**/orders/{order_id}", fails_once)
    with page.expect_response(lambda answer: answer.status == 503):
        site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    expect(page.locator("h1")).to_have_text(order_id)
    page.clock.run_for(5000)
    expect(page.locator("h1 + .st")).to_contain_text("Handling")
