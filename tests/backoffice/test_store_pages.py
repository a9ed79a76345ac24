"""Carts, offers, partners and Master Data: what is there, what goes out, who may change it."""

import asyncio
import re

import pytest

from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle
from tests.support.storefront import Browser as Storefront
from tests.support.storefront import load_offers, set_account

ROOT = f"/admin/{ACCOUNT}"
SELLER = {
    "id": "warehouse",
    "name": "<b>Warehouse</b>",
    "isActive": True,
    "fulfillmentEndpoint": "https://warehouse.example.com/api?token=SECRET",
    "password": "PASSWORD",
}
SCHEMA = {
    "properties": {"email": {"type": "string"}, "vip": {"type": "boolean"}},
    "v-indexed": ["email"],
    "v-triggers": [
        {
            "name": "welcome",
            "active": True,
            "condition": "vip=true",
            "action": {"type": "http", "uri": "http://127.0.0.1:1/none", "method": "POST"},
        }
    ],
}


@pytest.fixture
def client(cell, app):
    key, token = create_key(cell, ACCOUNT, "Owner", "erp")
    return Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})


@pytest.fixture
def cart(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Storefront(Client(app)).fill(("1", 5), ("4", 3), sla="Express")


def test_a_cart_is_listed_and_looked_at_without_a_change(cell, client, browser, cart):
    cart_id = cart["orderFormId"]
    listed = client.call("GET", "/api/ledger/carts").json()
    assert [(one["orderFormId"], one["lines"], one["units"]) for one in listed["list"]] == [
        (cart_id, 2, 8)
    ]
    assert listed["next"] is None
    stored = client.call("GET", f"/api/ledger/carts/{cart_id}").json()
    assert [(one["id"], one["quantity"], one["price"]) for one in stored["items"]] == [
        (one["id"], one["quantity"], one["price"]) for one in cart["items"]
    ]
    shown = browser.get(f"{ROOT}/carts")
    assert cart_id in shown.text
    page = browser.get(f"{ROOT}/carts/{cart_id}")
    assert page.status == 200, page.text
    assert cart["items"][0]["id"] in page.text
    assert browser.get(f"{ROOT}/carts?cart={cart_id}").location == f"{ROOT}/carts/{cart_id}"
    assert browser.get(f"{ROOT}/carts/{'0' * 32}").status == 404
    assert client.call("GET", f"/api/ledger/carts/{cart_id}").json() == stored


def test_carts_come_in_pages_each_once(cell, app, client):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    made = {Storefront(Client(app)).fill(("1", 1))["orderFormId"] for _ in range(5)}
    found, before = [], ""
    while True:
        page = client.call("GET", f"/api/ledger/carts?limit=2&before={before}").json()
        found += [one["orderFormId"] for one in page["list"]]
        if (before := page["next"]) is None:
            break
    assert (sorted(found), len(found)) == (sorted(made), 5)
    refused = client.call("GET", "/api/ledger/carts?before=x")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "OMS004")


def test_carts_of_other_accounts_and_other_roles_are_closed(cell, app, client, cart):
    key, token = create_key(cell, ACCOUNT, "OMS - Full access")
    other = Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})
    assert other.call("GET", "/api/ledger/carts").status == 403
    assert other.call("GET", f"/api/ledger/carts/{cart['orderFormId']}").status == 403


def test_offers_are_listed_by_kind_and_sku(cell, client, browser):
    load_offers(cell)
    found, after = [], ""
    while True:
        page = client.call("GET", "/api/ledger/offers?limit=2&after=" + after).json()
        found += [(one["sku"], one["seller"]) for one in page["list"]]
        if page["next"] is None:
            break
        after = page["next"].replace("[", "%5B").replace('"', "%22").replace("]", "%5D")
    assert len(found) == len(set(found)) == page["counts"]["offer"]
    sku = found[0][0]
    only = client.call("GET", f"/api/ledger/offers?sku={sku}").json()["list"]
    assert {one["sku"] for one in only} == {sku}
    assert client.call("GET", "/api/ledger/offers?kind=none").status == 400
    assert f">{sku}<" in browser.get(f"{ROOT}/offers").html
    shown = browser.get(f"{ROOT}/offers?kind=delivery")
    assert shown.status == 200
    assert "Express" in shown.text


def test_a_seller_is_shown_without_its_secrets_and_switched_off_by_a_person(
    client, browser, browser_of
):
    assert client.call("POST", "/api/seller-register/pvt/sellers", SELLER).status == 200
    listed = browser.get(f"{ROOT}/partners")
    assert "<b>Warehouse</b>" in listed.text
    page = browser.get(f"{ROOT}/partners/sellers/warehouse")
    assert page.status == 200, page.text
    assert not [secret for secret in ("SECRET", "PASSWORD") if secret in listed.html + page.html]
    done = browser.post(f"{ROOT}/partners/sellers/warehouse", {"do": "deactivate"})
    assert done.status == 303, done.text
    assert "Take orders to it again" in browser.get(done.location).text
    seller = client.call("GET", "/api/seller-register/pvt/sellers/warehouse").json()
    assert seller["isActive"] is False
    history = client.call("GET", "/api/ledger/account/events").json()["events"][0]
    assert history["actor"].startswith("person:")
    reader = browser_of("OMS - Read only", email="reader@example.com")
    assert reader.post(f"{ROOT}/partners/sellers/warehouse", {"do": "activate"}).status == 403
    assert browser.get(f"{ROOT}/partners/sellers/nobody").status == 404


def test_an_affiliate_has_a_page(client, browser):
    body = {"Name": "Market", "SearchURIEndpointVersion": "1.x.x"}
    assert client.call("PUT", "/api/fulfillment/pvt/affiliates/MKT", body).status == 204
    assert "MKT" in browser.get(f"{ROOT}/partners").text
    page = browser.get(f"{ROOT}/partners/affiliates/MKT")
    assert (page.status, "Market" in page.text) == (200, True)


def test_documents_are_found_read_and_put_back_to_a_version(cell, client, browser):
    documents = "/api/dataentities/VIP/documents"
    assert client.call("PUT", "/api/dataentities/VIP/schemas/v1", SCHEMA).status == 200
    for name in ("one", "two"):
        body = {"email": f"{name}@example.com", "vip": False}
        assert client.call("PUT", f"{documents}/{name}", body).status in (200, 201, 204)
    change = client.call("PATCH", f"{documents}/one", {"email": "new@example.com"})
    assert change.status in (200, 204)
    asyncio.run(settle(cell))
    assert "VIP" in browser.get(f"{ROOT}/masterdata").text
    page = browser.get(f"{ROOT}/masterdata/VIP?where=email%3Dtwo@example.com")
    assert "two@example.com" in page.text
    assert "new@example.com" not in page.text
    wrong = browser.get(f"{ROOT}/masterdata/VIP?where=((")
    assert (wrong.status, 'role="alert"' in wrong.html) == (400, True)
    shown = browser.get(f"{ROOT}/masterdata/VIP/one")
    versions = re.findall(r'href="(/admin/[^"]+/one/versions/[^"]+)"', shown.html)
    assert len(versions) == 2, shown.text
    assert "one@example.com" in browser.get(versions[-1]).text
    done = browser.post(versions[-1])
    assert done.status == 303, done.text
    assert "one@example.com" in browser.get(done.location).text
    assert client.call("GET", f"{documents}/one?_fields=email").json() == {
        "email": "one@example.com"
    }


def test_runs_of_a_trigger_are_shown_with_what_they_send(cell, client, browser):
    assert client.call("PUT", "/api/dataentities/VIP/schemas/v1", SCHEMA).status == 200
    body = {"email": "ana@example.com", "vip": True}
    assert client.call("PUT", "/api/dataentities/VIP/documents/one", body).status in (200, 201, 204)
    asyncio.run(settle(cell))
    assert "welcome" in browser.get(f"{ROOT}/masterdata/VIP").text
    target = f"{ROOT}/masterdata/VIP/triggers/v1/welcome"
    shown = browser.get(target)
    assert shown.status == 200, shown.text
    assert "http://127.0.0.1:1/none" in shown.text
    run = re.search(r'name="run" value="([^"]+)"', shown.html)
    if run:  # it ended: a forbidden address is refused for good
        assert browser.post(target, {"run": run[1]}).status == 303
