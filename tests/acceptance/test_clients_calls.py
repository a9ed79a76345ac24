"""Calls as published clients make them: paths, methods, spellings of a credential, addresses."""

import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from oms_ledger.api.app import application, routes_of
from oms_ledger.cell import Cell
from oms_ledger.web import build
from tests.acceptance.test_order_life import EVERY, ORDERS, invoice, paid, place, status
from tests.acceptance.test_permissions import carriers, signed_in
from tests.support.asgi import ask
from tests.support.client import Client
from tests.support.purchases import ACCOUNT, purchase

HOST = f"{ACCOUNT}.example.org"
CARD = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]


def bought(client):
    """What a placement answered: transaction, group, order, receiver, template, cookies."""
    answer = place(client, host=HOST)
    fields = answer.json()["transactionData"]
    (merchant,) = fields["merchantTransactions"]
    order = answer.json()["orders"][0]
    cookies = [v.partition(";")[0] for k, v in answer.headers if k == "set-cookie"]
    return merchant["transactionId"], order, fields, cookies


def anonymous(client, cookie=None):
    return Client(client.app, {"host": HOST, **({"Cookie": cookie} if cookie else {})})


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization"])
def test_a_token_may_come_bare(client, name):
    token = signed_in(client).json()["token"]
    for spelled in (token, f"Bearer {token}", f"bearer  {token}", f"BEARER {token}"):
        assert Client(client.app, {name: spelled}).call("GET", ORDERS).status == 200, spelled
    for wrong in (f"Basic {token}", f"{token} x", "Bearer", ""):
        assert Client(client.app, {name: wrong}).call("GET", ORDERS).status == 401, wrong
    assert carriers(token)


@pytest.mark.parametrize("way", range(4))
def test_payments_come_without_key_and_cookie_on_every_path(client, way):
    transaction, _, fields, _ = bought(client)
    urls = [
        f"/api/payments/transactions/{transaction}/payments?orderId=x",
        f"/api/pub/transactions/{transaction}/payments?redirect=false",
        f"/api/payments/pub/transactions/{transaction}/payments",
        fields["receiverUri"],
    ]
    path = urlsplit(urls[way]).path
    assert anonymous(client).call("POST", path, CARD).status == 201
    for unknown in ("none", "A" * 32):
        url = path.replace(transaction, unknown) if way < 3 else f"/split/{unknown}/payments"
        assert anonymous(client).call("POST", url, CARD).status == 401
    other = Client(client.app, {"host": "other.example.org"})
    assert other.call("POST", path, CARD).status == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("prefix", ["", "/api/checkout/pub"])
def test_a_browser_comes_back_by_the_template_and_is_sent_on(client, method, prefix):
    transaction, order, fields, cookies = bought(client)
    anonymous(client).call("POST", f"/api/pub/transactions/{transaction}/payments", CARD)
    path = fields["gatewayCallbackTemplatePath"].replace("{messageCode}", "Success")
    path = (
        path.replace("/checkout/gatewayCallback", f"{prefix}/gatewayCallback") if prefix else path
    )
    assert anonymous(client).call(method, path).status == 401
    answer = anonymous(client, cookies[0]).call(method, path)
    assert (answer.status, answer.header("location")) == (
        302,
        f"/checkout/orderPlaced/?og={order['orderGroup']}",
    )
    assert status(client, order["orderId"]) == "ready-for-handling"


def test_a_browser_whose_payment_was_denied_goes_back_to_pay(client):
    transaction, _, fields, cookies = bought(client)
    denied = [{**CARD[0], "fields": {"cardNumber": "4444333322220002"}}]
    anonymous(client).call("POST", f"/api/pub/transactions/{transaction}/payments", denied)
    path = fields["gatewayCallbackTemplatePath"].replace("{messageCode}", "Success")
    answer = anonymous(client, cookies[1]).call("GET", path)
    assert (answer.status, answer.header("location")) == (302, "/checkout/#/payment")


def test_the_order_placed_page_is_read_by_cookie_shopper_and_key(client, client_of):
    _, order, _, cookies = bought(client)
    _, foreign, _, _ = bought(client)
    email = order["clientProfileData"]["email"]
    tokens = [
        client.call("POST", "/api/ledger/shopper-tokens", {"email": one}).json()["token"]
        for one in (email, "nobody@x.com")
    ]
    own, other = (Client(client.app, {"VtexIdclientAutCookie": token}) for token in tokens)
    here, there = (f"/api/checkout/pub/orders/{o['orderId']}" for o in (order, foreign))
    groups = [f"/api/checkout/pub/orders/order-group/{o['orderGroup']}" for o in (order, foreign)]
    for cookie in cookies:
        bearer = anonymous(client, cookie)
        assert bearer.call("GET", here).json()["orderId"] == order["orderId"]
        assert bearer.call("GET", groups[0]).json()[0]["orderId"] == order["orderId"]
        assert {bearer.call("GET", url).status for url in (there, groups[1])} == {401}
    assert own.call("GET", here).status == own.call("GET", groups[0]).status == 200
    for url, code in ((here, "CHK0201"), (groups[0], "CHK0201")):
        answer = other.call("GET", url)
        assert (answer.status, answer.json()["error"]["code"]) == (404, code)
    assert client_of("OMS - Read only").call("GET", here).status == 200
    assert client_of("Feed reader").call("GET", here).status == 401
    answer = anonymous(client).call("GET", here)
    assert (answer.status, answer.json()["error"]["code"]) == (401, "ORD062")
    missing = client.call("GET", "/api/checkout/pub/orders/order-group/none")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "CHK0199")
    assert client.call("GET", "/api/checkout/pub/orders/none-01").status == 404


def test_a_sellers_invoice_on_the_public_path_is_taken(client):
    order_id = paid(client)
    url = f"/api/oms/pub/orders/{order_id}/invoice"
    assert client.call("POST", url, invoice()).status == 200
    assert status(client, order_id) == "invoiced"


def test_items_of_feed_v2_are_confirmed_one_or_many(cell, client):
    from tests.acceptance.test_order_life import drain

    client.call("POST", "/api/orders/feed/config", EVERY)
    paid(client)
    drain(cell, client)
    url = "/api/oms/pvt/feed/orders/status"
    items = client.call("GET", f"{url}?maxLot=100").json()
    assert len(items) > 3
    one, *many = ({"commitToken": item["commitToken"]} for item in items)
    assert client.call("POST", f"{url}/confirm", one).status == 200
    assert client.call("POST", f"{url}/confirm", many).status == 200
    assert client.call("GET", "/api/ledger/feed/items").json()["items"] == []
    for wrong in ({}, [], [{"commitToken": 7}], {"commitToken": "forged"}):
        assert client.call("POST", f"{url}/confirm", wrong).status == 400


def test_what_a_transaction_can_do_is_shown_as_it_stands(client):
    order_id = paid(client)
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    (transaction,) = document["paymentData"]["transactions"]
    url = f"/api/pvt/transactions/{transaction['transactionId']}/capabilities"
    able = {"voidable": True, "refundable": False, "capturable": True}
    assert client.call("GET", url).json() == able
    client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice())
    able = {"voidable": False, "refundable": True, "capturable": False}
    assert client.call("GET", url).json() == able
    systems = client.call("GET", "/api/pvt/payment-systems").json()
    assert {"id": 2, "name": "Visa", "groupName": "creditCard"} in systems


@pytest.mark.parametrize(
    ("headers", "settings", "expected"),
    [
        ({}, {}, f"http://{HOST}"),
        ({"X-Forwarded-Proto": "https"}, {}, f"http://{HOST}"),
        ({"X-Forwarded-Proto": "https"}, {"proxies": "127.0.0.0/8"}, f"https://{HOST}"),
        ({"X-Forwarded-Proto": "http, https"}, {"proxies": "127.0.0.0/8"}, f"https://{HOST}"),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": f"evil.example, {HOST}"},
            {"proxies": "127.0.0.1/32"},
            f"https://{HOST}",
        ),
        ({"X-Forwarded-Proto": "https"}, {"proxies": "10.0.0.0/8"}, f"http://{HOST}"),
        ({}, {"public": f"https://{HOST}"}, f"https://{HOST}"),
        ({}, {"public": "https://elsewhere.example.org"}, f"http://{HOST}"),
    ],
)
def test_addresses_and_cookies_are_of_the_scheme_of_the_request(
    cell, client, headers, settings, expected
):
    proxies = (ip_network(settings["proxies"]),) if "proxies" in settings else ()
    public = settings.get("public")
    opened = Cell(replace(cell.settings, trusted_proxies=proxies, public_url=public), cell.clock)
    behind = Client(_Peer(build(opened)), {**client.headers, **headers}, over_http=False)
    answer = place(behind, host=HOST)
    opened.close()
    fields = answer.json()["transactionData"]
    assert fields["receiverUri"].startswith(f"{expected}/split/")
    cookies = [v for k, v in answer.headers if k == "set-cookie"]
    assert len(cookies) == 2
    for cookie in cookies:
        assert ("; secure" in cookie) is expected.startswith("https")
        assert "httponly; samesite=lax" in cookie
        assert "max-age=3600" in cookie


class _Peer:
    """The application, as a client of this machine reaches it."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        await self._app({**scope, "client": ("127.0.0.1", 5)}, receive, send)


def test_an_address_names_its_account_where_the_host_does_not(client):
    fields = place(client).json()["transactionData"]
    assert fields["receiverUri"].endswith(f"?an={ACCOUNT}")
    assert fields["gatewayCallbackTemplatePath"].endswith(f"/{{messageCode}}?an={ACCOUNT}")
    parts = urlsplit(fields["receiverUri"])
    url = f"{parts.path}?{parts.query}"
    assert Client(client.app).call("POST", url, CARD).status == 201


def test_allow_is_exact_and_options_tells_it(cell, client):
    app = build(cell)
    by_path: dict[Any, Any] = {}
    for route in routes_of(application(cell)):
        path = re.sub(r"\{(\w+)(:path)?\}", "none", route.path)
        by_path.setdefault(path, set()).update(route.methods)
    for path, methods in by_path.items():
        expected = {*methods, "OPTIONS", *({"HEAD"} & {"HEAD"} if "GET" in methods else ())}
        fields = ask(app, path, method="OPTIONS")
        assert fields.status == 204, path
        assert expected <= set(fields.headers["allow"].split(", ")), path
        assert "x-request-id" in fields.headers
        refused = ask(app, path, method="TRACE")
        assert (refused.status, refused.headers["allow"]) == (405, fields.headers["allow"]), path
    assert ask(app, "/nowhere/at/all", method="OPTIONS").status == 404


def test_a_card_that_was_never_sent_is_not_paid(client):
    """The published answer is a failure to send the payment data; sent, the order goes on."""
    body = purchase()
    del body["paymentData"]["payments"][0]["accountId"]
    placed = client.call("PUT", "/api/checkout/pub/orders", body).json()
    (order,), transaction = placed["orders"], placed["transactionData"]["merchantTransactions"][0]
    callback = f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}"
    for _ in range(2):
        answer = client.call("POST", callback)
        assert (answer.status, answer.json()["error"]["code"]) == (500, "001")
    assert status(client, order["orderId"]) is None
    template = placed["transactionData"]["gatewayCallbackTemplatePath"]
    came_back = client.call("GET", template.replace("{messageCode}", "Success"))
    assert came_back.header("location") == "/checkout/#/payment"
    # As three clients send them: nothing but what it is about.
    sent = [{"referenceId": transaction["transactionId"], "savePersonalData": True}]
    url = f"/api/payments/transactions/{transaction['transactionId']}/payments"
    assert client.call("POST", url, sent).status == 201
    assert client.call("POST", callback).status == 204
    assert status(client, order["orderId"]) == "ready-for-handling"


@pytest.mark.parametrize("system", ["6", "17", "47", "125", "201", "16", "12"])
def test_other_payments_need_not_be_sent(client, system):
    body = purchase()
    body["paymentData"]["payments"] = [
        {"paymentSystem": system, "value": 2000, "referenceValue": 2000, "installments": 1}
    ]
    (order,) = client.call("PUT", "/api/checkout/pub/orders", body).json()["orders"]
    url = f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}"
    assert client.call("POST", url).status == 204


def addresses_in(value):
    """Every text of an answer that is an address of this server, or a path of it."""
    if isinstance(value, dict):
        for one in value.values():
            yield from addresses_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from addresses_in(one)
    elif isinstance(value, str) and value.startswith((f"http://{HOST}", f"https://{HOST}", "/")):
        yield value


@pytest.mark.parametrize("costs", [2000, 0], ids=["paid", "free"])
@pytest.mark.parametrize("denied", [False, True], ids=["approved", "denied"])
def test_every_address_that_an_answer_hands_out_works_as_it_is(client, costs, denied):
    """Walk over a placement's answers: follow what they name, and what those name in turn."""
    body = purchase(costs) if costs else {**purchase(0), "paymentData": {"payments": []}}
    answer = client.call("PUT", "/api/checkout/pub/orders", body, host=HOST)
    cookies = "; ".join(v.partition(";")[0] for k, v in answer.headers if k == "set-cookie")
    browser = anonymous(client, cookies)
    number = "4444333322220002" if denied else "4444333322221111"
    card = [{**CARD[0], "fields": {"cardNumber": number}}]
    waiting, followed = list(addresses_in(answer.json())), {}
    assert waiting
    while waiting:
        address = waiting.pop(0)
        if address in followed or not address.strip("/"):
            continue
        parts = urlsplit(address.replace("{messageCode}", "Success"))
        url = parts.path + (f"?{parts.query}" if parts.query else "")
        pays = parts.path.endswith("/payments")
        got = browser.call("POST", url, card) if pays else browser.call("GET", url)
        followed[address] = got.status
        assert got.status in ((201,) if pays else (200, 302)), (address, got.status, got.body)
        if location := got.header("location"):
            waiting.append(location)
    ends = {urlsplit(one).path for one in followed}
    assert ("/checkout/" if denied and costs else "/checkout/orderPlaced/") in ends
