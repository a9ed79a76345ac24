"""Views, deliveries, dead letters, bulk runs and erasing, each done in a real browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.services.jobs import runner
from oms_ledger.services.operators import bulk
from projections.notifications import deliveries, hook_letters
from projections.notifications.hooks import Hook
from projections.operators import runs
from tests.browser.conftest import Site, beside, password_hash
from tests.support import hook_deliveries
from tests.support.configuring import begin_session, configure_hook, create_operator
from tests.support.inline_delivery import Postman
from tests.support.purchases import ACCOUNT, place, place_paid
from tests.support.receiver import Receiver
from tests.support.run_until_idle import settle

ROOT = f"/admin/{ACCOUNT}"
BOTH = pytest.mark.parametrize("site", ["sqlite", "postgresql"], indirect=True)
QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345600}


def key_of(site: Site) -> str:
    return site.headers["X-VTEX-API-AppKey"]


def place_many(site: Site, count: int, first: int = 1) -> list[str]:
    """Paid orders, ready for handling."""
    numbers = range(first, first + count)

    async def story() -> None:
        for number in numbers:
            await place_paid(site.cell.ledger, f"v{number}acme-01", number)

    beside(story)
    return [f"v{number}acme-01" for number in numbers]


def colleague(site: Site, chrome: Browser) -> Page:
    """A browser in which another Owner of the account is signed in."""
    cell = site.cell
    other = create_operator(
        cell, ACCOUNT, "Owner", email="bo@example.com", name="Bo", password_hash=password_hash()
    )
    token = begin_session(cell, other)
    context = chrome.new_context(base_url=site.base)
    context.add_cookies([{"name": "oms", "value": token, "url": site.base}])
    return context.new_page()


def place_unpaid(site: Site) -> str:
    """An order that waits for its payment."""
    unpaid = partial(process_order, approved=frozenset())

    async def story() -> None:
        await place(site.cell.ledger, "v1acme-01")
        await site.cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1acme-01", unpaid)

    beside(story)
    return "v1acme-01"


@pytest.mark.scenario(11)
def test_a_shared_view_is_seen_changed_and_removed(site: Site, chrome: Browser, page: Page):
    site.place(1)
    site.place(2)
    page.goto(f"{ROOT}/orders?f_status=ready-for-handling&columns=orderId,sequence")
    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name of the view").fill("Packing now")
    page.get_by_label("for everybody of the account").check()
    page.get_by_role("button", name="Save view").click()
    expect(page.locator("#done")).to_contain_text("The view is saved")

    other = colleague(site, chrome)
    other.goto(f"{ROOT}/orders")
    view = other.locator(".views a", has_text="Packing now")
    expect(view.locator(".n")).to_have_text("2")
    view.click()
    expect(view).to_have_attribute("aria-current", "page")
    expect(other.locator("thead th")).to_have_text(["", "Order", "Sequence"])
    address = other.url
    expect(other.get_by_role("button", name="Update")).to_have_count(0)
    other.goto(address.replace("ready-for-handling", "handling"))
    other.get_by_role("button", name="Update").click()
    expect(other.locator("#done")).to_contain_text("The view is changed")
    expect(view.locator(".n")).to_have_text("0")
    other.goto(f"{ROOT}/orders")
    view.click()
    expect(view).to_have_attribute("aria-current", "page")
    address = other.url
    other.get_by_role("button", name="Remove the view").click()
    expect(view).to_have_count(0)
    answer = other.goto(address)
    assert answer is not None
    assert answer.status == 200
    expect(other.locator(".chip", has_text="Handling")).to_be_visible()
    other.context.close()


@contextmanager
def delivering(site: Site) -> Iterator[Postman]:
    postman = Postman(site.cell)
    try:
        yield postman
    finally:
        postman.close()


def so_many(count: int) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda bodies: len(bodies) == count


def make_due(site: Site) -> None:
    with site.cell.database.writing() as connection:
        hook_deliveries.change(connection, due_at=0)


@pytest.mark.scenario(20)
def test_an_order_shows_what_a_hook_and_a_feed_were_given(site: Site, page: Page):
    key, order_id = key_of(site), site.place()
    feed = {"filter": {"type": "FromWorkflow", "status": []}, "queue": QUEUE}
    assert site.call("POST", "/api/orders/feed/config", feed).status_code == 200
    with Receiver(lambda number: 503 if number <= 2 else 200) as receiver, delivering(site) as post:
        chosen = {"type": "FromWorkflow", "status": ["handling"]}
        configure_hook(site.cell, Hook(key, ACCOUNT, chosen, receiver.url, {}))
        site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
        post.evaluate(ACCOUNT)
        receiver.wait_for(so_many(1))
        page.goto(f"{ROOT}/orders/{order_id}")
        hook = page.locator("tr[data-delivery]", has_text="hook")
        for attempt in (1, 2):
            expect(hook).to_contain_text("HTTP 503")
            expect(hook.locator("td").nth(4)).to_have_text(str(attempt))
            expect(hook).to_contain_text("pending")
            make_due(site)
            post.signal_hook(key)
            receiver.wait_for(so_many(attempt + 1))
        expect(hook).to_contain_text("delivered")  # the page looked again by itself
        expect(hook.locator("td").nth(4)).to_have_text("3")

        post.evaluate(ACCOUNT)
        items = site.call("GET", "/api/orders/feed?maxlot=10").json()
        assert len(items) > 1
        half = [item["handle"] for item in items[: len(items) // 2]]
        site.call("POST", "/api/orders/feed", {"handles": half})
        page.reload()
        left = page.locator("tr[data-delivery]", has_text="feed")
        expect(left).to_have_count(len(items) - len(half))
        expect(left.first).to_contain_text("hidden")

        page.locator("#deliveries").get_by_role("link", name="Send again…").click()
        page.get_by_label("To").select_option(f"hook:{key}")
        page.get_by_role("button", name="Continue").click()
        post.signal_hook(key)
        receiver.wait_for(so_many(4))
        expect(hook).to_contain_text("delivered")
        expect(hook).to_contain_text("replayed")
        assert len({headers["webhook-id"] for headers in receiver.headers}) == 1


@pytest.mark.scenario(22)
def test_dead_letters_of_one_order_are_put_back_and_no_others(site: Site, page: Page):
    key, subscription = key_of(site), f"hook:{key_of(site)}"
    orders = [site.place(1), site.place(2)]
    chosen = {"type": "FromWorkflow", "status": []}
    configure_hook(site.cell, Hook(key, ACCOUNT, chosen, "http://127.0.0.1:9/hook", {}))
    letters = {position: orders[position % 3 == 0] for position in range(1, 1_201)}
    with site.cell.database.writing() as connection:
        hook_deliveries.bury(connection, key, letters)
    page.goto(ROOT)
    expect(page.locator(".needs").first).to_contain_text("1,200 notifications")
    page.goto(f"{ROOT}/feeds/{key}/dead-letters")
    page.get_by_role("searchbox", name="One order").fill(orders[1])
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="all 400").click()
    expect(page.locator("#done")).to_contain_text("400 wait again")
    with site.cell.database.snapshot() as connection:
        left = hook_letters.page(connection, subscription, 0, 2_000)
        waiting = [one.position for one in deliveries.peek(connection, key, 0, 2_000)]
    assert {letter.order_id for letter in left} == {orders[0]}
    assert len(left) == 800
    assert waiting == [n for n, order_id in letters.items() if order_id == orders[1]]
    page.goto(ROOT)
    expect(page.locator(".needs").first).to_contain_text("800 notifications")


@pytest.mark.scenario(23)
@BOTH
def test_a_run_over_a_filter_survives_its_worker(site: Site, page: Page, monkeypatch):
    monkeypatch.setattr(bulk, "PAUSE", 0)
    orders = place_many(site, 300)
    for order_id in orders[:20]:
        site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
    page.goto(f"{ROOT}/orders")
    page.locator("[name=all]").check()
    page.get_by_role("button", name="Preview…").click()
    expect(page.get_by_role("status")).to_contain_text("280 can")
    expect(page.get_by_role("status")).to_contain_text("20 ")
    page.get_by_role("button", name="Start 280").click()
    expect(page.locator("#done")).to_contain_text("The run has begun")
    run = page.url.partition("#")[0].rpartition("/")[2]

    record, reported = runs.record, []

    def dies(connection: Any, run_id: str, outcome: Any) -> None:
        """The worker that goes before it says the outcome of the 150th order."""
        reported.append(outcome.order_id)
        if len(reported) == 150:
            raise KeyboardInterrupt
        record(connection, run_id, outcome)

    async def worker() -> None:
        while await runner.carry_on(site.cell, run):
            pass

    monkeypatch.setattr(runs, "record", dies)
    with pytest.raises(KeyboardInterrupt):
        beside(worker)
    monkeypatch.setattr(runs, "record", record)
    beside(worker)
    page.reload()
    expect(page.get_by_role("status").last).to_contain_text("280 done, 20 refused, of 300")
    for order_id in orders:
        events = site.call("GET", f"/api/ledger/orders/{order_id}/events").json()["events"]
        started = [event for event in events if event["name"] == "handling-started"]
        assert len(started) == 1
        assert (started[0]["cause"] == f"run:{run}") == (order_id not in orders[:20])


@pytest.mark.scenario(24)
def test_a_person_is_erased_and_named_nowhere(site: Site, page: Page, caplog):
    email = "ana@example.com"
    orders = place_many(site, 4)
    for order_id in orders[:3]:
        site.call("POST", f"/api/oms/pvt/orders/{order_id}/start-handling")
        invoice = {"type": "Output", "invoiceNumber": "NF-1", "invoiceValue": 2000}
        invoice["issuanceDate"] = "2026-01-02T03:04:05Z"
        site.call("POST", f"/api/oms/pvt/orders/{order_id}/invoice", invoice)
    beside(lambda: settle(site.cell))
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{ROOT}/people")
    page.locator("#f-erase").fill(email)
    page.get_by_role("button", name="Look what would go").click()
    expect(page.get_by_text("3 would be erased, 1 are open and stay")).to_be_visible()
    page.get_by_label("Type the e-mail or document again").fill(email)
    page.get_by_label("Your password").fill("correct horse battery")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("heading", name="Erased", level=1)).to_be_visible()
    expect(page.locator("dl.kv")).to_contain_text("3")
    for order_id in orders[:3]:
        versions = site.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]
        order = f"{ROOT}/orders/{order_id}"
        for address in (
            order,
            f"{order}/raw",
            *(f"{order}?version={n + 1}" for n in range(versions)),
        ):
            page.goto(address)
            assert email not in page.content(), address
            assert "Souza" not in page.content(), address
    page.goto(f"{ROOT}/stream")
    assert email not in page.content()
    page.goto(f"{ROOT}/orders/{orders[3]}")
    expect(page.locator("main")).to_contain_text(email)
    beside(lambda: settle(site.cell))
    page.goto("/admin/-/system")
    page.get_by_role("link", name="Verify…").click()
    expect(page.locator("[data-run] [data-text]")).to_contain_text("agree")
    expect(page.locator("[data-run] progress")).to_have_attribute("value", "100")
    assert not any("ana" in url.partition("?")[2] or "%40" in url for url in requested)
    assert email not in caplog.text


def test_a_newcomer_finds_why_invoices_and_sees_what_was_sent(site: Site, page: Page):
    """The tour of the documentation: one order, from why not to a filter tried on it."""
    key, order_id = key_of(site), place_unpaid(site)
    with Receiver() as receiver, delivering(site) as post:
        chosen = {"type": "FromWorkflow", "status": ["invoiced"]}
        configure_hook(site.cell, Hook(key, ACCOUNT, chosen, receiver.url, {}))
        with site.cell.database.writing() as connection:
            hook_deliveries.bury(connection, key, {1: order_id})
        page.goto(ROOT)
        page.locator("#find").fill(order_id)
        page.keyboard.press("Enter")
        page.locator("[data-actions] summary").click()
        why = page.locator('[data-refused="invoice (Output)"]')
        expect(why).to_contain_text("payment-pending")
        page.keyboard.press("Escape")
        expect(why).to_be_hidden()
        page.locator("[data-action=payment]").click()
        page.get_by_role("button", name="Payment received").click()
        page.locator("[data-action=start-handling]").click()
        page.get_by_role("button", name="Start handling").click()
        page.locator("[data-action=invoice]").click()
        page.get_by_label("Invoice number").fill("NF-1")
        page.get_by_role("button", name="Invoice", exact=True).click()
        expect(page.locator("h1 + .st")).to_contain_text("Invoiced")
        post.evaluate(ACCOUNT)
        receiver.wait_for(so_many(1))
        page.reload()
        expect(page.locator("tr[data-delivery]", has_text="HTTP 200")).to_contain_text("delivered")
        page.goto(f"{ROOT}/feeds/{key}/dead-letters")
        page.get_by_role("checkbox", name="Select position 1").check()
        page.get_by_role("button", name="Put back").click()
        expect(page.locator("#done")).to_contain_text("1 wait again")
        post.signal_hook(key)
        receiver.wait_for(so_many(2))
    page.goto(f"{ROOT}/orders/{order_id}")
    page.get_by_role("link", name="Try a filter on this order").click()
    page.get_by_label("JSONata").fill('status = "invoiced"')
    page.get_by_role("button", name="Try").click()
    expect(page.locator("[data-version]").first).to_be_visible()
