"""What a browser sends by itself changes nothing for a page of another address."""

import asyncio

import pytest

from tests.acceptance.test_order_life import ORDERS, place, status
from tests.acceptance.test_permissions import signed_in
from tests.support.client import Client
from tests.support.purchases import ACCOUNT
from tests.support.storefront import PROFILE, Browser, load_offers, set_account

HOST = f"{ACCOUNT}.example.org"
OWN = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
JSON, TEXT = "application/json", "text/plain"
# What a browser says, with which content type, and whether the change is made.
BROWSERS = [
    ({}, TEXT, True),  # no browser
    ({}, JSON, True),
    (OWN, JSON, True),
    (OWN, f"{JSON}; charset=utf-8", True),
    ({"origin": f"http://{HOST}"}, JSON, True),
    ({"sec-fetch-site": "same-origin"}, JSON, True),
    (OWN, TEXT, False),
    (OWN, "application/x-www-form-urlencoded", False),
    ({"origin": "https://evil.example"}, JSON, False),
    ({"origin": f"https://{HOST}"}, JSON, False),
    ({"origin": f"http://{HOST}:81"}, JSON, False),
    ({"origin": "null"}, JSON, False),
    ({"sec-fetch-site": "cross-site"}, JSON, False),
    ({"sec-fetch-site": "same-site", "origin": f"http://{HOST}"}, JSON, False),
]


@pytest.mark.parametrize(("browser", "content_type", "made"), BROWSERS)
def test_a_change_by_cookie_comes_from_a_page_of_this_address(client, browser, content_type, made):
    order_id = place(client).json()["orders"][0]["orderId"]
    token = signed_in(client).json()["token"]
    sent = {"host": HOST, **browser, "content-type": content_type}
    cookie = {"Cookie": f"VtexIdclientAutCookie_{ACCOUNT}={token}"}
    url = f"{ORDERS}/{order_id}/interactions"
    body = {"source": "x", "message": "m", "status": "s"}
    by_cookie = Client(client.app, {**sent, **cookie}).call("POST", url, body)
    assert (by_cookie.status != 403) is made, by_cookie.body
    by_header = Client(client.app, {**sent, "VtexIdclientAutCookie": token})
    assert by_header.call("POST", url, body).status != 403
    assert Client(client.app, {**sent, **cookie}).call("GET", f"{ORDERS}/{order_id}").status == 200


@pytest.mark.parametrize(("browser", "content_type", "made"), BROWSERS)
def test_a_placements_cookie_is_no_better(client, browser, content_type, made):
    placed = place(client, host=HOST)
    order = placed.json()["orders"][0]
    cookie = next(v for k, v in placed.headers if k == "set-cookie").partition(";")[0]
    sent = {"host": HOST, "Cookie": cookie, **browser, "content-type": content_type}
    url = f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}"
    answer = Client(client.app, sent).call("POST", url, {})
    assert (answer.status == 403) is not made
    assert (status(client, order["orderId"]) is not None) is made


@pytest.mark.parametrize(
    "name",
    [
        *("webhook-signature", "Webhook-Id", "X-Hook-Replayed", "x-hook-anything", "Content-Type"),
        *("Expect", "Proxy-Authorization", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade"),
        *("Transfer-Encoding", "Host", "Content-Length"),
    ],
)
def test_a_hook_has_no_header_that_the_sender_sets(client, name):
    hook = {"url": "https://hooks.example.com/", "headers": {name: "x"}}
    body = {"filter": {"type": "FromWorkflow", "status": []}, "hook": hook}
    answer = client.call("POST", "/api/orders/hook/config", body)
    assert answer.status == 400
    assert f"hook.headers.{name}" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("browser", "content_type", "made"), BROWSERS)
def test_a_carts_cookie_is_no_better(cell, client, browser, content_type, made):
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    load_offers(cell)
    shop = Browser(Client(client.app))
    shop.add(("1", 1))
    cart = f"/api/checkout/pub/orderForm/{shop.cart_id}"
    sent = {"host": HOST, **browser, "content-type": content_type}
    by_cookie = shop.call("POST", "/api/checkout/pub/orderForm", {}, **sent)
    assert (by_cookie.status != 403) is made, by_cookie.body
    named = shop.call("POST", f"{cart}/items/removeAll", {}, **sent)
    assert named.status != 403, "the id in the path is a right by itself"
    assert shop.call("GET", "/api/checkout/pub/orderForm", **sent).status == 200


@pytest.mark.parametrize(("browser", "content_type", "made"), BROWSERS)
def test_the_cookie_of_a_carts_owner_is_no_better(cell, client, browser, content_type, made):
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True, pii=True))
    load_offers(cell)
    shop = Browser(Client(client.app))
    shop.add(("1", 1))
    shop.cart("/attachments/clientProfileData", PROFILE)
    assert shop.jar.get("CheckoutOrderFormOwnership")
    url = f"/api/checkout/pub/orderForm/{shop.cart_id}/attachments/clientProfileData"
    changed = {**PROFILE, "firstName": "Eva"}
    sent = {"host": HOST, **browser, "content-type": content_type}
    answer = shop.call("POST", url, changed, **sent)
    assert (answer.status != 403) is made, answer.body
