"""A store sells for an account of another cell as it does for one of its own (scale: T5)."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from oms_ledger import directory
from oms_ledger.cell import Cell
from oms_ledger.clock import Clock
from oms_ledger.directory import Directory, DirectoryCache
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.http_client.partner_client import PartnerAnswer, PartnerClient
from oms_ledger.services.marketplace.account_calls import (
    PATH,
    SIGNED,
    AccountCall,
    read,
    signature,
    written,
)
from oms_ledger.settings import Settings
from oms_ledger.web import build
from tests.conftest import MASTER_KEY, prepared_database
from tests.support.cells import TwoCells
from tests.support.client import Client
from tests.support.crossing_sales import Deployment, Sale, differences, invoice, opened
from tests.support.sales import open_accounts
from tests.support.storefront import CODE, load_offers, set_account

CHECKOUT = "/api/checkout/pub"
SYSTEM = "/api/order-system/orders"
ACCOUNTS = {"upper": "a", "lower": "a", "northern": "a", "southern": "b"}


def delivered(sale: Sale) -> None:
    assert sale.place().status == 201
    assert sale.look() == ("payment-approved", "ready-for-handling")
    sale.at_shop("POST", "/start-handling", status=204)
    sale.at_shop("POST", "/invoice", invoice("1", 1000, 1))
    sale.look()
    tracking = {"trackingNumber": "T1", "trackingUrl": "https://example.com/T1", "courier": "Post"}
    sale.at_shop("PATCH", "/invoice/1", tracking)
    sale.look()
    delivery = {
        "isDelivered": True,
        "events": [{"date": "2026-01-02", "city": "Rio", "description": "at the door"}],
    }
    sale.at_shop("PUT", "/invoice/1/tracking", delivery)
    sale.at_shop("POST", "/invoice", invoice("2", 2000, 2))
    assert sale.look() == ("invoiced", "invoiced")


def canceled_by_handshake(sale: Sale) -> None:
    assert sale.place().status == 201
    sale.look()
    sale.at_shop("POST", "/start-handling", status=204)
    sale.at_store("POST", "/cancel", {"reason": "too late"})
    assert sale.look() == ("waiting-for-seller-decision", "cancellation-requested")
    deny = f"/api/orders/pvt/document/{sale.below}/deny-cancellation-request"
    requested = sale.at_shop("GET", "")["cancellationRequests"][0]["id"]
    denial = {"cancellationRequestId": requested, "denyReason": "packed"}
    sale.deployment.call(sale.shop, "POST", deny, denial, status=200)
    assert sale.look() == ("payment-approved", "handling")
    sale.at_store("POST", "/cancel", {"reason": "still too late"})
    sale.look()
    sale.at_shop("POST", "/cancel", {"reason": "so be it"})
    assert sale.look() == ("canceled", "canceled")


def canceled_by_the_seller(sale: Sale) -> None:
    assert sale.place().status == 201
    sale.look()
    for _ in range(2):  # requested, and confirmed
        sale.at_shop("POST", "/cancel", {"reason": "out of stock"})
    assert sale.look() == ("window-to-change-seller", "canceled")


def changed_by_both(sale: Sale) -> None:
    """v2 and v1 changes, each requested on one side, and then invoiced as they left the order."""
    assert sale.place().status == 201
    sale.look()
    sale.at_shop("POST", "/start-handling", status=204)
    more = {"reason": "one more", "add": {"items": [{"id": "9", "quantity": 1, "price": 500}]}}
    sale.deployment.call(sale.store, "PATCH", f"{SYSTEM}/{sale.order_id}/changes", more, 202)
    sale.look()
    less = {"reason": "one less", "remove": [{"items": [{"id": "7", "quantity": 1}]}]}
    sale.deployment.call(sale.shop, "PATCH", f"{SYSTEM}/{sale.below}/changes", less, 202)
    assert sale.look() == ("payment-approved", "handling")
    assert sale.at_store("GET", "")["value"] == sale.at_shop("GET", "")["value"] == 2500
    sale.at_shop("POST", "/invoice", {**invoice("1", 2500, 2), "items": []})
    assert sale.look() == ("invoiced", "invoiced")


def registered_on_both_sides(sale: Sale) -> None:
    assert sale.place().status == 201
    sale.look()
    sale.at_shop("POST", "/start-handling", status=204)
    one = {"requestId": "r1", "reason": "broken", "discountValue": 100, "incrementValue": 0}
    sale.at_store("POST", "/changes", one)
    sale.look()
    sale.at_shop("POST", "/changes", {**one, "requestId": "r2", "incrementValue": 300})
    sale.look()
    assert sale.at_store("GET", "")["value"] == sale.at_shop("GET", "")["value"] == 3100


@pytest.mark.parametrize("story", [delivered, canceled_by_handshake, changed_by_both])
def test_both_sides_show_the_same_as_in_one_cell(cells: TwoCells, story: Callable[[Sale], None]):
    _compare(cells, story)


@pytest.mark.parametrize("story", [canceled_by_the_seller, registered_on_both_sides])
def test_rarer_sales_show_the_same_as_in_one_cell(
    on_sqlite: TwoCells, story: Callable[[Sale], None]
):
    _compare(on_sqlite, story)


def _compare(cells: TwoCells, story: Callable[[Sale], None]) -> None:
    with opened(cells, ACCOUNTS) as deployment:
        one = Sale(deployment, "upper", "lower")
        two = Sale(deployment, "northern", "southern")
        story(one)
        story(two)
        unlike = two.differences(one)
        assert not unlike, "\n".join(unlike)


@pytest.fixture(autouse=True)
def look_each_time(monkeypatch):
    """A change of the directory is seen at once, and not within a second."""
    monkeypatch.setattr(directory, "FRESH", 0.0)


@pytest.fixture
def crossing(on_sqlite: TwoCells) -> Iterator[Deployment]:
    """A store in one cell and three shops in the other, on SQLite."""
    accounts = {"northern": "a", "southern": "b", "eastern": "b", "western": "b"}
    with opened(on_sqlite, accounts) as deployment:
        yield deployment


@pytest.mark.parametrize("chain", [("southern", "northern"), ("nobody",), ("southern", "nobody")])
def test_sellers_that_cannot_be_are_refused_in_whichever_cell(crossing, chain):
    answer = Sale(crossing, "northern", "southern").place(*chain)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0024")


def test_an_account_of_another_cell_that_names_no_partner_is_not_there(crossing):
    asyncio.run(open_accounts(crossing.cells.b, "southern", partners="eastern"))
    answer = Sale(crossing, "northern", "southern").place()
    assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0024")
    asyncio.run(open_accounts(crossing.cells.b, "eastern", accepts_orders=False))
    answer = Sale(crossing, "northern", "eastern").place()
    assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0045")


def test_a_chain_goes_over_both_cells(crossing):
    asyncio.run(open_accounts(crossing.cells.a, "eastmost"))
    crossing.cells.directory.claim("eastmost", "a")
    sale = Sale(crossing, "northern", "southern")
    assert sale.place("southern", "eastmost").status == 201
    crossing.rest()
    order = asyncio.run(crossing.cells.a.ledger.order("eastmost", f"00-{sale.below}"))
    assert str(order.status) == "ready-for-handling"
    assert sale.look() == ("payment-approved", "waiting-seller-handling")


def test_a_shop_that_went_to_sleep_refuses_what_is_handed_on(crossing):
    sale = Sale(crossing, "northern", "southern")
    assert sale.place().status == 201
    asyncio.run(open_accounts(crossing.cells.b, "southern", accepts_orders=False))
    crossing.rest()
    assert crossing.status("northern", sale.order_id) == "canceled"


def test_a_cell_that_is_away_keeps_messages_waiting_and_purchases_out(crossing):
    sale = Sale(crossing, "northern", "southern")
    assert sale.place().status == 201
    known = crossing.hide("b")
    answer = Sale(crossing, "northern", "southern").place()
    assert (answer.status, answer.json()["error"]["code"]) == (503, "OMS503")
    assert answer.header("retry-after") == "5"
    crossing.rest()
    assert crossing.status("northern", sale.order_id) == "waiting-for-authorization"
    crossing.cells.directory.add_cell(known, [])
    crossing.later(minutes=5)
    assert sale.look() == ("payment-approved", "ready-for-handling")


@pytest.mark.parametrize(
    ("story", "calls"),
    [
        (delivered, {"place", "authorize", "report-invoice", "report-tracking"}),
        (canceled_by_handshake, {"cancel", "report-denial", "report-cancellation"}),
        (changed_by_both, {"accept-change", "agree-change", "complete-change"}),
        (registered_on_both_sides, {"register-change"}),
    ],
)
def test_an_answer_that_gets_lost_is_requested_again(crossing, monkeypatch, story, calls):
    """Every message is carried out and its first answer lost: nothing is there twice."""
    lost = set[tuple[str, str]]()
    ask = PartnerClient.ask

    async def forgetful(self, method, endpoint, body, headers):
        answer = await ask(self, method, endpoint, body, headers)
        call = read(body, "")
        key = (call.name, str(call.cause))
        if "@" in key[1] and key not in lost:  # of the outbox
            lost.add(key)
            return PartnerAnswer(None, b"", "the connection broke off")
        return answer

    sale, expected = Sale(crossing, "northern", "southern"), Sale(crossing, "eastern", "western")
    crossing.patience = 10
    for one in (expected, sale):
        story(one)
        monkeypatch.setattr(PartnerClient, "ask", forgetful)
    assert {name for name, _ in lost} >= calls
    # Of two messages that lead to one event, another one may be the first to come through.
    unlike = [one for one in sale.differences(expected) if ".cause: " not in one]
    assert not unlike, "\n".join(unlike)


def test_a_directory_that_is_away_stops_no_sale_within_a_cell(crossing, monkeypatch):
    """A process that never read it: what is live in its cell is here, all else is not known."""
    never_read = DirectoryCache(Directory("sqlite:////nowhere/directory.sqlite3", Clock()))
    sales = [Sale(crossing, "eastern", "western"), Sale(crossing, "southern", "northern")]
    with monkeypatch.context() as patch:
        patch.setitem(vars(crossing.cells.b), "directory", never_read)
        assert [sale.place().status for sale in sales] == [201, 503]
        assert sales[0].look() == ("payment-approved", "ready-for-handling")


def test_offers_of_a_seller_come_from_whichever_cell(crossing):
    """The same lines in a simulation and in a cart, at one seller here and at one over there."""
    for store, shop in (("northern", "southern"), ("eastern", "western")):
        load_offers(crossing.cell_of(shop), account=shop)
        asyncio.run(set_account(crossing.cell_of(shop).ledger, shop, offers="table"))
        ledger = crossing.cell_of(store).ledger
        asyncio.run(set_account(ledger, store, offers="table", anonymous_checkout=True))

    def shown(store: str, shop: str) -> tuple[Any, list[Any]]:
        lines = [{"id": sku, "quantity": 2, "seller": shop} for sku in ("1", "2", "none")]
        question = {"items": lines, "country": "BRA", "postalCode": CODE}
        simulated = crossing.call(store, "POST", f"{CHECKOUT}/orderForms/simulation", question, 200)
        cart = crossing.call(store, "GET", f"{CHECKOUT}/orderForm", status=200).json()
        added = {"orderItems": lines[:2]}
        url = f"{CHECKOUT}/orderForm/{cart['orderFormId']}/items"
        carted = crossing.call(store, "POST", url, added, 200).json()
        parts = ("items", "logisticsInfo", "messages")
        masked = [_without_ids(simulated.json().get(name), store, shop) for name in parts]
        figures = [(i["price"], i["availability"], i["quantity"]) for i in carted["items"]]
        return masked, [figures, carted["value"]]

    across, within = shown("northern", "southern"), shown("eastern", "western")
    assert list(differences("", list(across), list(within))) == []
    figures, value = across[1]
    assert figures == [(3190, "available", 2), (15999, "available", 2)]
    assert value == sum(price * quantity for price, _, quantity in figures)


def test_two_sellers_of_one_other_cell_each_answer_for_themselves(crossing):
    offers = {"southern": 3190, "western": 4000, "eastern": 5000}
    for shop, price in offers.items():
        load_offers(crossing.cells.b, [{"sku": "1", "price": price}], account=shop)
        asyncio.run(set_account(crossing.cells.b.ledger, shop, offers="table"))
    asyncio.run(open_accounts(crossing.cells.b, "eastern", partners="southern"))
    lines = [{"id": "1", "quantity": 1, "seller": shop} for shop in offers]
    question = {"items": lines, "country": "BRA", "postalCode": CODE}
    answer = crossing.call("northern", "POST", f"{CHECKOUT}/orderForms/simulation", question, 200)
    items = {one["seller"]: one["price"] for one in answer.json()["items"]}
    assert items == {"southern": 3190, "western": 4000}


def _without_ids(value: Any, store: str, shop: str) -> Any:
    text = json.dumps(value).replace(store, "STORE").replace(shop, "SHOP")
    return json.loads(re.sub("[0-9A-F]{32}", "ID", text))


def test_only_the_deployment_calls_for_a_pair_of_accounts(crossing):
    """What opens a call opens no other: another account, another body, or later."""
    secret = crossing.cells.a.encryption
    call = AccountCall("northern", "southern", None, "terms")
    now, body = int(crossing.cells.b.clock.now().timestamp()), written(call)
    good = signature(secret, call, now + 60, body)
    other = replace(call, recipient="eastern")

    def status(signed: str, to: str = "southern", sent: bytes = body, method: str = "POST") -> int:
        client = Client(crossing.apps["b"], {SIGNED: signed}, over_http=True, conforming=False)
        return client.call(method, f"{PATH}?an={to}", sent).status

    assert status(good) == 200
    assert status(good, to="eastern") == 403
    assert status(signature(secret, other, now + 60, body)) == 403
    assert status(good, sent=body + b" ") == 403
    assert status(signature(secret, call, now - 1, body)) == 403
    assert status(signature(Encryption(bytes(32)), call, now + 60, body)) == 403
    assert status(good.replace("northern", "eastern")) == 403
    assert status(good, method="GET") == 403
    assert status("") == status("a.b.c.d") == status("..." + "9" * 5000) == 403
    for unreadable in (b"[]", b"{}", written(replace(call, name="no-such-call"))):
        assert status(signature(secret, call, now + 60, unreadable), sent=unreadable) == 501
    lent = written(replace(call, sender="eastern"))
    assert status(signature(secret, call, now + 60, lent), sent=lent) == 403


def test_a_cell_that_is_alone_has_no_such_path(tmp_path):
    with prepared_database("sqlite", tmp_path) as url:
        cell = Cell(Settings(data_dir=tmp_path, database_url=url, master_key=MASTER_KEY))
        cell.require_key()
        client = Client(build(cell), over_http=False, conforming=False)
        assert client.call("POST", f"{PATH}?an=acme", b"{}").status == 404
        cell.close()
