"""Offers that a store answers over HTTP: they hold for a while, and silence costs its lines."""

import asyncio
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import pytest

from oms_ledger.cell import Cell
from oms_ledger.settings import Settings
from oms_ledger.web import build
from tests.conftest import MASTER_KEY
from tests.support.client import Client
from tests.support.purchases import open_account
from tests.support.storefront import ADDRESS, PROFILE, Browser, load_offers, set_account


class Store:
    """Answers simulations; `price` may be nonsense, `silent` answers nothing of use."""

    def __init__(self):
        self.price, self.silent, self.asked = 1000, False, []
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                store.asked.append((self.path, body))
                told = json.dumps(store.answer(body)).encode()
                self.send_response(503 if store.silent else 200)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/shop?token=secret"

    def answer(self, body):
        known = [(i, one) for i, one in enumerate(body["items"]) if one["id"] != "404"]
        sla = {"id": "Moto", "deliveryChannel": "delivery", "name": "Moto", "price": 700}
        sla |= {"shippingEstimate": "2h"}
        return {
            "items": [
                {"id": one["id"], "requestIndex": i, "quantity": 5, "seller": one["seller"]}
                | {"price": self.price, "listPrice": 2000, "priceTags": []}
                for i, one in reversed(known)
            ],
            "logisticsInfo": [
                {"itemIndex": n, "stockBalance": 3, "shipsTo": ["BRA"], "quantity": 5}
                | {"deliveryChannels": [{"id": "delivery"}]}
                | {"slas": [sla] if body["postalCode"] else []}
                for n in range(len(known))
            ],
        }

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def store():
    store = Store()
    yield store
    store.close()


@pytest.fixture
def cell(prepared_database_url, tmp_path):
    settings = Settings(
        data_dir=tmp_path,
        database_url=prepared_database_url,
        master_key=MASTER_KEY,
        hook_allowed_networks=(ip_network("127.0.0.1/32"),),
    )
    cell = Cell(settings)
    yield cell
    cell.close()


@pytest.fixture
def browser(cell, store):
    asyncio.run(open_account(cell.ledger))
    asyncio.run(open_account(cell.ledger, name="lojab"))
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    asyncio.run(set_account(cell.ledger, "lojab", offers="http", offers_url=store.url))
    load_offers(cell)
    return Browser(Client(build(cell)))


def fill(browser):
    lines = [("1", "1"), ("77", "lojab")]
    entries = [{"id": sku, "quantity": 2, "seller": seller} for sku, seller in lines]
    browser.cart("/items", {"orderItems": entries})
    browser.cart("/attachments/clientProfileData", PROFILE)
    return browser.cart("/attachments/shippingData", {"address": ADDRESS})


def test_source_over_http_prices_its_lines_beside_the_table(browser, store):
    cart = fill(browser)
    mug, other = cart["items"]
    assert (mug["price"], other["price"], other["listPrice"], other["name"]) == (
        3190,
        1000,
        2000,
        "77",
    )
    assert cart["value"] == 6380 + 990 + 2000 + 700
    path, body = store.asked[-1]
    assert path == "/shop/pvt/orderForms/simulation?token=secret&sc=1&an=lojab"
    assert body["items"] == [{"id": "77", "quantity": 2, "seller": "1"}]
    assert "Souza" not in json.dumps([told for _, told in store.asked])
    cart = browser.cart("/items/update", {"orderItems": [{"index": 1, "quantity": 9}]})
    assert cart["items"][1]["quantity"] == 3  # no more than the balance of its stock


def test_answer_holds_for_a_quarter_of_an_hour_or_until_asked(browser, store, cell):
    fill(browser)
    asked = len(store.asked)
    store.price = 1100
    assert browser.cart("", {})["items"][1]["price"] == 1000
    assert len(store.asked) == asked
    path = f"/api/checkout/pub/orderForm/{browser.cart_id}"
    told = browser.ok("POST", f"{path}?refreshOutdatedData=true")
    assert told["items"][1]["price"] == 1100
    store.price, now = 1200, cell.ledger.now()
    cell.ledger.now = lambda: now + timedelta(minutes=16)
    assert browser.cart("", {})["items"][1]["price"] == 1200


def test_silence_costs_the_lines_of_its_source_alone(browser, store, cell):
    cart = fill(browser)
    browser.pay(cart["value"])
    store.silent, now = True, cell.ledger.now()
    refused = browser.refused("/transaction", {})
    assert refused == (503, "ORD015")
    cell.ledger.now = lambda: now + timedelta(minutes=16)
    cart = browser.cart("", {})
    states = [one["availability"] for one in cart["items"]]
    assert states == ["available", "unavailableItemFulfillment"]
    assert cart["value"] == 6380 + 990
    assert cart["messages"][-1]["code"] == "unavailableItemFulfillment"


@pytest.mark.parametrize("price", [10.5, -1, "10", None])
def test_nonsense_is_no_price(browser, store, price):
    store.price = price
    entry = {"id": "77", "quantity": 1, "seller": "lojab"}
    cart = browser.cart("/items", {"orderItems": [entry]})
    assert cart["value"] == 0
    assert cart["items"] == [] or cart["items"][0]["availability"] == "unavailableItemFulfillment"


def test_sick_source_is_left_alone_for_a_while(browser, store):
    store.silent = True
    for sku in range(6):
        entry = {"id": str(sku), "quantity": 1, "seller": "lojab"}
        browser.cart("/items", {"orderItems": [entry]})
    assert len(store.asked) == 3
