"""Custom data of apps and custom fields of a cart."""

import asyncio
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.storefront import ADDRESS, Browser, load_offers, set_account

APPS = [
    {"id": "faststore", "fields": ["cartEtag"], "major": 1},
    {"id": "b2b", "fields": [f"f{n}" for n in range(200)], "major": 2},
]


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    settings: dict[str, Any] = {"anonymous_checkout": True, "order_form": {"apps": APPS}}
    asyncio.run(set_account(cell.ledger, **settings))
    return Browser(Client(app))


def test_apps_keep_texts_with_a_cart(browser):
    path = "/customData/faststore/cartEtag"
    cart = browser.cart(path, {"value": 7}, "PUT")
    assert cart["customData"] == {
        "customApps": [{"id": "faststore", "major": 1, "fields": {"cartEtag": "7"}}],
        "customFields": [],
    }
    cart = browser.cart("/customData/faststore", {"cartEtag": True, "more": "x"}, "PUT")
    assert cart["customData"]["customApps"][0]["fields"] == {"cartEtag": "true", "more": "x"}
    sent = {"more": None, "empty": "", "n": 7}
    cart = browser.cart("/customData/faststore", sent, "PUT")
    fields = {"cartEtag": "true", "empty": "", "n": "7"}
    assert cart["customData"]["customApps"][0]["fields"] == fields
    assert browser.refused("/customData/faststore/n", None, "DELETE") == (404, "CHK0091")
    browser.cart("/customData/faststore", {"empty": None, "n": None}, "PUT")
    assert browser.cart(path, None, "DELETE")["customData"] is None
    assert browser.cart(path, None, "DELETE")["customData"] is None


@pytest.mark.parametrize(
    ("rest", "body", "refusal"),
    [
        ("other/cartEtag", {"value": "x"}, (404, "CHK0090")),
        ("faststore/other", {"value": "x"}, (404, "CHK0091")),
        ("faststore/cartEtag", {}, (400, "CHK0121")),
        ("faststore/cartEtag", {"value": "x" * 10_001}, (400, "CHK0099")),
    ],
)
def test_apps_keep_what_is_configured_alone(browser, rest, body, refusal):
    assert browser.refused(f"/customData/{rest}", body, "PUT") == refusal


def test_fields_are_linked_to_order_line_and_address(browser):
    line = browser.add(("1", 1))["items"][0]["uniqueId"]
    browser.cart("/attachments/shippingData", {"address": ADDRESS})
    field = {"name": "cost", "value": "C1", "refId": "R1"}
    linked = [{"type": "item", "id": line}, {"type": "address", "id": "home"}, {"type": "order"}]
    browser.cart("/customFields", [{"linkedEntity": e, "fields": [field]} for e in linked], "PUT")
    changed = {**field, "value": "C2"}
    cart = browser.cart(f"/customFields/item/{line}", changed, "PUT")
    fields = {
        one["linkedEntity"]["type"]: (one["linkedEntity"], one["fields"])
        for one in cart["customData"]["customFields"]
    }
    assert fields == {
        "item": (linked[0], [changed]),
        "address": (linked[1], [field]),
        "order": (linked[2], [field]),
    }
    browser.cart(f"/customFields/item/{line}?fieldName=cost", None, "DELETE")
    browser.cart("/customFields/address/home/cost", None, "DELETE")
    cart = browser.cart("/customFields/order/any/cost", None, "DELETE")
    assert cart["customData"] is None
    linked = [{"linkedEntity": {"type": "cart"}, "fields": [field]}]
    cart = browser.cart("/customFields", linked, "PUT")
    assert cart["customData"]["customFields"][0]["linkedEntity"] == {"type": "order"}
    assert browser.cart("/customFields/order/cost", None, "DELETE")["customData"] is None


def test_apps_stand_as_configured_and_fields_where_they_were_first(browser):
    line = browser.add(("1", 1))["items"][0]["uniqueId"]
    browser.cart("/customData/b2b", {f"f{n}": "x" for n in range(200)}, "PUT")
    cart = browser.cart("/customData/faststore", {"cartEtag": "y"}, "PUT")
    assert [app["id"] for app in cart["customData"]["customApps"]] == ["faststore", "b2b"]
    assert browser.refused("/customData/b2b", {"more": "x"}, "PUT") == (400, "CHK0121")
    for name in ("PO", "cost"):
        browser.cart("/customFields/order", {"name": name, "value": "1"}, "PUT")
    browser.cart(f"/customFields/item/{line}", {"name": "cost", "value": "1"}, "PUT")
    twice = [{"name": "PO", "value": value} for value in ("2", "3")]
    cart = browser.cart("/customFields/order", {"fields": twice}, "PUT")
    parts = [
        (one["linkedEntity"]["type"], [(field["name"], field["value"]) for field in one["fields"]])
        for one in cart["customData"]["customFields"]
    ]
    assert parts == [("order", [("PO", "3"), ("cost", "1")]), ("item", [("cost", "1")])]


@pytest.mark.parametrize(
    "body",
    [{}, None, {"value": "1"}, {"name": "", "value": "1"}, {"name": "PO"}, {"fields": None}],
)
def test_custom_fields_without_name_or_value_are_refused(browser, body):
    assert browser.refused("/customFields/order", body, "PUT") == (400, "CHK0121")
    one = {"linkedEntity": {"type": "order"}, "fields": [body]}
    assert browser.refused("/customFields", [one], "PUT") == (400, "CHK0121")
    assert browser.refused("/customFields", [{**one, "fields": None}], "PUT") == (400, "CHK0121")


def test_fields_of_a_line_go_with_it(browser):
    line = browser.add(("1", 1))["items"][0]["uniqueId"]
    browser.cart(f"/customFields/item/{line}", {"name": "cost", "value": "C1"}, "PUT")
    cart = browser.cart("/items/update", {"orderItems": [{"index": 0, "quantity": 0}]})
    assert cart["customData"] is None


@pytest.mark.parametrize(
    ("apps", "code"),
    [
        ([{"id": f"a{n}", "major": 1, "fields": []} for n in range(201)], "CHK0122"),
        ([{"id": "a", "major": 1, "fields": [f"f{n}" for n in range(201)]}], "CHK0121"),
    ],
)
def test_configurations_beyond_their_bounds_are_refused(client, apps, code):
    url = "/api/checkout/pvt/configuration/orderForm"
    whole = client.call("GET", url).json()
    answer = client.call("POST", url, {**whole, "apps": apps})
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    assert client.call("GET", url).json() == whole
