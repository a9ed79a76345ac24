"""The list of orders, one order, and what may be done about it, as pages."""

import re

import pytest

from tests.acceptance.test_order_life import ORDERS, paid
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT

ROOT = f"/admin/{ACCOUNT}"


@pytest.fixture
def client(cell, app):
    key, token = create_key(cell, ACCOUNT, "Owner", "erp")
    return Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})


def key_and_version(page):
    return {
        name: re.search(rf'name="{name}" value="(\w+)"', page.html)[1]
        for name in ("key", "version")
    }


def test_list_shows_the_orders_of_the_api(client, browser):
    order_id = paid(client)
    shown = browser.get(f"{ROOT}/orders")
    assert shown.status == 200, shown.text
    assert order_id in shown.text
    assert "Ready for handling" in shown.text
    assert browser.get(f"{ROOT}/orders?f_status=handling").text.count("No order matches") == 1


def test_order_page_and_every_version(client, browser):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    now = browser.get(f"{ROOT}/orders/{order_id}")
    assert now.status == 200, now.text
    assert "Handling shipping" in now.text
    versions = client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]
    for version in range(1, versions):
        then = browser.get(f"{ROOT}/orders/{order_id}?version={version}")
        assert then.status == 200, then.text
        assert f"version {version} of {versions}" in then.text
        assert 'data-action="' not in then.html
        assert browser.get(f"{ROOT}/orders/{order_id}/events/{version}").status == 200
        assert browser.get(f"{ROOT}/orders/{order_id}/changes?from={version}").status == 200
    for tail in ("raw", "raw?document=pii", "conversation"):
        assert browser.get(f"{ROOT}/orders/{order_id}/{tail}").status == 200
    assert browser.get(f"{ROOT}/orders/nothing").status == 404


def test_actions_decide_which_buttons_there_are(client, browser):
    order_id = paid(client)
    actions = client.call("GET", f"/api/ledger/orders/{order_id}/actions").json()["actions"]
    html = browser.get(f"{ROOT}/orders/{order_id}").html
    for action in actions:
        assert (f'data-refused="{action["command"]}"' in html) != action["allowed"]
    assert 'data-action="start-handling"' in html
    assert 'data-action="deny-cancellation"' not in html


def test_start_handling_is_done_once_by_the_person(client, browser):
    order_id = paid(client)
    target = f"{ROOT}/orders/{order_id}/start-handling"
    fields = key_and_version(browser.get(target))
    done = browser.post(target, fields)
    assert done.status == 303, done.text
    assert "Start handling" in browser.follow(done).text
    again = browser.post(target, fields)
    assert again.status == 303, again.text
    assert "This was done already" in browser.follow(again).text
    events = client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["events"]
    started = [event for event in events if event["name"] == "handling-started"]
    assert len(started) == 1
    assert started[0]["actor"].startswith("person:p")
    # Going back fetches the form again: nothing that is sent from it is recorded.
    back = browser.get(target)
    assert back.status == 409
    browser.post(target, key_and_version(back))
    later = client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]
    assert later == len(events)


def test_cancel_is_never_confirmed_by_going_back(client, browser):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    target = f"{ROOT}/orders/{order_id}/cancel"
    fields = key_and_version(browser.get(target)) | {"reason": "no longer wanted"}
    assert browser.post(target, fields).status == 303
    assert browser.post(target, fields).status == 303
    assert browser.get(target).status == 303
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    assert document["status"] == "cancellation-requested"
    confirm = browser.get(f"{ROOT}/orders/{order_id}/confirm-cancellation")
    assert confirm.status == 200
    browser.post(f"{ROOT}/orders/{order_id}/confirm-cancellation", key_and_version(confirm))
    assert client.call("GET", f"{ORDERS}/{order_id}").json()["status"] == "canceled"


def test_a_form_that_was_overtaken_asks_once_more(client, browser):
    order_id = paid(client)
    target = f"{ROOT}/orders/{order_id}/cancel"
    fields = key_and_version(browser.get(target)) | {"reason": "reason"}
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    requested = browser.post(target, fields)
    assert requested.status == 409
    assert "went on since" in requested.text
    assert client.call("GET", f"{ORDERS}/{order_id}").json()["status"] == "handling"


def test_invoice_form_is_filled_in_and_completes_the_order(client, browser):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    target = f"{ROOT}/orders/{order_id}/invoice"
    shown = browser.get(target)
    value = client.call("GET", f"{ORDERS}/{order_id}").json()["value"]
    assert f'value="{value / 100:.2f}"' in shown.html
    fields = key_and_version(shown) | {"number": "", "quantity-0": "1", "value": "1,0x"}
    wrong = browser.post(target, fields)
    assert wrong.status == 400
    assert "1.0x" in wrong.text
    fields |= {"number": "NF-1", "value": f"{value / 100:.2f}", "tracking-url": "javascript:1"}
    done = browser.post(target, fields)
    assert done.status == 303, done.text
    page = browser.follow(done)
    assert "NF-1" in page.text
    assert 'href="javascript' not in page.html
    assert client.call("GET", f"{ORDERS}/{order_id}").json()["status"] == "invoiced"


def test_change_is_previewed_before_it_is_requested(client, browser):
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    target = f"{ROOT}/orders/{order_id}/change"
    shown = browser.get(target)
    assert shown.status == 200, shown.text
    preview = browser.get(f"{target}?discount=1.00&reason=x")
    assert "Difference" in preview.text
    assert "-R$1.00" in preview.text.replace("\u200e", "")


def test_read_only_role_has_no_button_that_changes(client, browser_of):
    order_id = paid(client)
    browser = browser_of("OMS - Read only")
    shown = browser.get(f"{ROOT}/orders/{order_id}")
    assert shown.status == 200
    assert 'data-action="' not in shown.html
    assert browser.get(f"{ROOT}/orders").status == 403
    before = client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]
    for slug in ("start-handling", "cancel"):
        answer = browser.post(f"{ROOT}/orders/{order_id}/{slug}", {"key": "k", "version": before})
        assert answer.status == 403, answer.text
    after = client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]
    assert after == before


def test_find_leads_to_the_one_order(client, browser):
    order_id = paid(client)
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    texts = [
        *(order_id, document["orderGroup"], document["sequence"]),
        document["clientProfileData"]["email"],
        document["paymentData"]["transactions"][0]["payments"][0]["id"],
    ]
    for text in texts:
        found = browser.post(f"{ROOT}/find", {"q": text})
        assert found.location == f"{ROOT}/orders/{order_id}", (text, found.text)
    assert browser.post(f"{ROOT}/find", {"q": "nobody at all"}).status == 404


def test_search_keeps_a_person_out_of_the_address(client, browser):
    order_id = paid(client)
    email = client.call("GET", f"{ORDERS}/{order_id}").json()["clientProfileData"]["email"]
    found = browser.post(f"{ROOT}/orders/search", {"q": email})
    assert "person=" in found.location
    assert email not in found.location
    shown = browser.follow(found)
    assert order_id in shown.text


def test_views_are_kept_for_oneself_or_for_everybody(client, browser, browser_of):
    paid(client)
    query = "f_status=ready-for-handling"
    saved = {"name": "Packing", "shared": "yes", "query": query, "columns": "orderId,status"}
    assert browser.post(f"{ROOT}/orders/views", saved).status == 303
    other = browser_of("Owner", "bo@example.com")
    assert "Packing" in other.get(f"{ROOT}/orders").text
    mine = {**saved, "name": "Mine", "shared": ""}
    browser.post(f"{ROOT}/orders/views", mine)
    assert "Mine" in browser.get(f"{ROOT}/orders").text
    assert "Mine" not in other.get(f"{ROOT}/orders").text
