"""Offers that a store answers over HTTP: they hold for a while, and silence costs its lines."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from random import Random
from typing import Any

import pytest

from oms_ledger.api.app import READERS
from oms_ledger.cell import Cell
from oms_ledger.offers.quote import LineInput, Question
from oms_ledger.services.offers import http_source
from oms_ledger.settings import Settings
from oms_ledger.web import build
from tests.conftest import MASTER_KEY
from tests.support.client import Client
from tests.support.clock import SettableClock, set_clock
from tests.support.mutations import mutated
from tests.support.patience import HANGS
from tests.support.purchases import open_account
from tests.support.storefront import ADDRESS, CODE, PROFILE, Browser, load_offers, set_account


class Store:
    """Answers simulations; `price` may be nonsense, `silent` answers nothing of use, and whole
    `answers` are given one after the other, with the SKU that is asked for.

    Who asks waits until it `speaks`.
    """

    def __init__(self):
        self.price, self.silent = 1000, False
        self.answers: list[Any] = []
        self.requests: list[tuple[str, Any]] = []
        self.speaks, self.reached = threading.Event(), threading.Semaphore(0)
        self.speaks.set()
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                store.requests.append((self.path, body))
                store.reached.release()
                assert store.speaks.wait(HANGS)
                content = json.dumps(store.answer(body)).encode()
                self.send_response(503 if store.silent else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/shop?token=secret"

    def answer(self, body):
        if self.answers:
            return json.loads(
                json.dumps(self.answers.pop(0)).replace("SKU", body["items"][0]["id"])
            )
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
    cell = Cell(settings, SettableClock())
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
    path, body = store.requests[-1]
    assert path == "/shop/pvt/orderForms/simulation?token=secret&sc=1&an=lojab"
    assert body["items"] == [{"id": "77", "quantity": 2, "seller": "1"}]
    assert "Souza" not in json.dumps([body for _, body in store.requests])
    cart = browser.cart("/items/update", {"orderItems": [{"index": 1, "quantity": 9}]})
    assert cart["items"][1]["quantity"] == 3  # no more than the balance of its stock


def test_answer_holds_for_a_quarter_of_an_hour_or_until_requested(browser, store, cell):
    fill(browser)
    before = len(store.requests)
    store.price = 1100
    assert browser.cart("", {})["items"][1]["price"] == 1000
    assert len(store.requests) == before
    path = f"/api/checkout/pub/orderForm/{browser.cart_id}"
    refreshed = browser.ok("POST", f"{path}?refreshOutdatedData=true")
    assert refreshed["items"][1]["price"] == 1100
    store.price, now = 1200, cell.clock.now()
    set_clock(cell, now + timedelta(minutes=16))
    assert browser.cart("", {})["items"][1]["price"] == 1200


def test_silence_costs_the_lines_of_its_source_alone(browser, store, cell):
    cart = fill(browser)
    browser.pay(cart["value"])
    store.silent, now = True, cell.clock.now()
    refused = browser.refused("/transaction", {})
    assert refused == (503, "ORD015")
    set_clock(cell, now + timedelta(minutes=16))
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


SLA = {
    "id": "Moto",
    "deliveryChannel": "delivery",
    "name": "Moto",
    "price": 700,
    "listPrice": 800,
    "tax": 1,
    "shippingEstimate": "2bd",
    "availableDeliveryWindows": [
        {"startDateUtc": "2027-01-01T09:00Z", "endDateUtc": "2027-01-01T12:00Z", "price": 5}
    ],
    "deliveryIds": [{"courierId": "c", "courierName": "C", "warehouseId": "w", "dockId": "d"}],
}
POINT = {"postalCode": CODE, "country": "BRA", "geoCoordinates": [-46.6, -23.5]}
WHOLE = {
    "items": [
        {
            "id": "SKU",
            "requestIndex": 0,
            "quantity": 1,
            "price": 1000,
            "listPrice": 2000,
            "priceTags": [
                {"name": "discount@price-1", "value": -1, "rawValue": -0.01, "isPercentual": False}
            ],
            "priceValidUntil": "2027-01-01T00:00:00-03:00",
            "measurementUnit": "un",
            "unitMultiplier": 1.0,
            "offerings": [{"type": "Warranty", "id": "5", "name": "W", "price": 199}],
        }
    ],
    "logisticsInfo": [
        {
            "itemIndex": 0,
            "quantity": 1,
            "stockBalance": 9,
            "shipsTo": ["BRA"],
            "slas": [
                {**SLA, "id": "Normal", "availableDeliveryWindows": []},
                {**SLA, "id": "Express", "availableDeliveryWindows": []},
                SLA,
                {
                    **SLA,
                    "id": "Store",
                    "deliveryChannel": "pickup-in-point",
                    "pickupPointId": "1_p",
                    "pickupStoreInfo": {"friendlyName": "P", "address": POINT},
                },
            ],
            "deliveryChannels": [{"id": "delivery", "stockBalance": 5}],
        }
    ],
    "pickupPoints": [{"id": "1_p", "friendlyName": "P", "address": POINT, "businessHours": []}],
}


@pytest.mark.guarantee("G53")
def test_an_answer_with_a_wrong_part_costs_its_own_line_at_most(browser, store, monkeypatch):
    monkeypatch.setattr(http_source, "FAILURES", 10**6)  # each answer is looked at
    path = "/api/checkout/pub/orderForms/simulation?an=acme&individualShippingEstimates=true"
    client = Client(browser.client.app, conforming=False)  # a line without an offer has no price
    wrong = [("nothing", WHOLE), *mutated(WHOLE, Random(16), 1)]
    for number, (name, answer) in enumerate(wrong):
        store.answers = [answer, answer]
        line = {"id": f"S{number}", "quantity": 1, "seller": "lojab"}
        body = {"items": [line], "country": "BRA", "postalCode": CODE}
        simulated = client.call("POST", path, body)
        assert simulated.status == 200, (name, simulated.body)
        assert number or simulated.json()["items"][0]["priceValidUntil"] == "2027-01-01T03:00:00Z"
    lines = [{"id": f"S{number}", "quantity": 1, "seller": "lojab"} for number in range(len(wrong))]
    for some in range(0, len(lines), 50):
        browser.cart("/items", {"orderItems": lines[some : some + 50]})
    cart = browser.cart("/attachments/shippingData", {"address": ADDRESS})
    assert "available" in [item["availability"] for item in cart["items"]]


def test_failing_source_is_left_alone_for_a_while(browser, store):
    store.silent = True
    for sku in range(6):
        entry = {"id": str(sku), "quantity": 1, "seller": "lojab"}
        browser.cart("/items", {"orderItems": [entry]})
    assert len(store.requests) == 3


LINE = {"id": "77", "quantity": 1, "seller": "lojab"}


def carts_of(client):
    """The carts of the application that the client asks."""
    app = client.app
    while not hasattr(app, "state"):
        app = app._app
    return app.state.carts


def test_silent_source_takes_no_thread_from_others(browser, store):
    browser.add(("1", 1))
    carts_of(browser.client).offers.http.budget = 2 * HANGS
    table = f"/api/checkout/pub/orderForm/{browser.cart_id}/items?an=acme"

    async def story():
        client, paths = Client(browser.client.app), []
        for _ in range(READERS + 1):
            opened = await client.ask("POST", "/api/checkout/pub/orderForm?an=acme", {})
            cart_id = opened.json()["orderFormId"]
            paths.append(f"/api/checkout/pub/orderForm/{cart_id}/items?an=acme")
        store.speaks.clear()
        body = {"orderItems": [LINE]}
        silent = [asyncio.create_task(client.ask("POST", path, body)) for path in paths]
        for _ in silent:
            await asyncio.to_thread(store.reached.acquire)
        async with asyncio.timeout(HANGS):
            own = {"orderItems": [{"id": "1", "quantity": 3, "seller": "1"}]}
            answer = await client.ask("POST", table, own)
        assert not any(task.done() for task in silent)
        store.speaks.set()
        return answer.json(), [one.json() for one in await asyncio.gather(*silent)]

    own, others = asyncio.run(story())
    assert own["items"][0]["quantity"] == 3
    assert {one["items"][0]["price"] for one in others} == {1000}


@pytest.fixture
def now():
    """The clock of the sources; a test sets it."""
    return [0.0]


@pytest.fixture
def sources(now):
    """Sources that are called by a clock that the test sets; three at a time are one's share."""
    networks = (ip_network("127.0.0.1/32"),)
    sources = http_source.HttpSources(lambda _: networks, clock=lambda: now[0], budget=HANGS)
    yield sources
    sources.close()


QUESTION = Question(
    lines=(LineInput("77", "1", 1),), now=datetime(2026, 1, 1, tzinfo=UTC), place=None
)


def test_what_a_proxy_answers_for_another_cell_is_no_quote():
    for content in (b"<html>", b"", b"[]", b'{"outcome": "quote", "lines": 1}'):
        assert http_source.read_quote(content, QUESTION) is None


def test_circuit_of_a_source_opens_and_closes_by_the_clock(sources, store, now):
    source, counts = http_source.Source(store.url, "lojab"), [1]
    store.silent = True
    for broken in (True, True, True, False, False):
        assert sources.ask([(source, QUESTION)]) == [http_source.NoAnswer(broken=broken)]
        counts.append(len(store.requests))
    assert counts == [1, 1, 2, 3, 3, 3]
    now[0] += http_source.OPEN_FOR
    store.silent = False
    [lines] = sources.ask([(source, QUESTION)])
    assert (len(store.requests), lines[0].offer.price) == (4, 1000)


def test_slow_source_costs_its_own_lines_only(sources, store):
    slow = Store()
    try:
        slow.speaks.clear()
        both = [http_source.Source(one.url, "lojab") for one in (slow, store)]
        sources.budget = 2.0
        silent, lines = sources.ask([(one, QUESTION) for one in both])
        assert (silent, lines[0].offer.price) == (http_source.NoAnswer(), 1000)
        sources.budget = 0.05
        for _ in range(http_source.FAILURES - 1):
            assert sources.ask([(both[0], QUESTION)]) == [http_source.NoAnswer()]
        sources.budget = 2 * HANGS  # from now on nobody waits for it at all
        silent, lines = sources.ask([(one, QUESTION) for one in both])
        assert (silent, lines[0].offer.price) == (http_source.NoAnswer(), 1000)
    finally:
        slow.speaks.set()
        slow.close()


def test_source_holds_its_share_at_most(sources, store, monkeypatch):
    monkeypatch.setattr(http_source, "SHARE", 3)
    store.speaks.clear()
    source = http_source.Source(store.url, "lojab")
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(sources.ask, [(source, QUESTION)]) for _ in range(3)]
        for _ in first:
            assert store.reached.acquire(timeout=HANGS)
        assert sources.ask([(source, QUESTION)]) == [
            http_source.NoAnswer()
        ]  # not asked, and no failure of its own
        store.speaks.set()
        assert all(one.result()[0][0].offer.price == 1000 for one in first)
    assert len(store.requests) == 3
    assert sources.ask([(source, QUESTION)])[0][0].offer.price == 1000
