"""Lists of carts and offers cost a page, whatever is in the carts and however many there are."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event, update

from projections.carts.tables import carts
from projections.offers import rows
from tests.support.purchases import ACCOUNT
from tests.support.storefront import OFFERS, Browser, load_offers

CARTS, ROWS = "/api/ledger/carts", "/api/ledger/offers"


@pytest.fixture
def filled(cell, client):
    """Three carts, of which one has two lines."""
    load_offers(cell)
    ids = []
    for number in range(3):
        browser = Browser(client)
        opened = browser.ok("POST", "/api/checkout/pub/orderForm", {})
        assert browser.cart_id == opened["orderFormId"]
        items = [
            {"id": "1", "quantity": 2, "seller": "1"},
            {"id": "3", "quantity": 1, "seller": "1"},
        ]
        browser.cart("/items", {"orderItems": items[: number + 1][:2]})
        ids.append(browser.cart_id)
    return ids


@contextmanager
def statements(cell):
    executed = []

    def note(connection, _, statement, parameters, context, many):
        executed.append(statement)

    event.listen(cell.database.engine, "before_cursor_execute", note)
    try:
        yield executed
    finally:
        event.remove(cell.database.engine, "before_cursor_execute", note)


def test_a_list_of_carts_opens_none(cell, client, filled):
    with statements(cell) as executed:
        found = client.call("GET", CARTS).json()["list"]
    assert {one["orderFormId"] for one in found} == set(filled)
    assert sorted((one["lines"], one["units"]) for one in found) == [(1, 2), (2, 3), (2, 3)]
    assert all(one["salesChannel"] == "1" and one["orderGroup"] is None for one in found)
    of_carts = [one for one in executed if "FROM carts" in one]
    assert of_carts
    assert not any("content" in one or "data_key" in one for one in of_carts)


def test_carts_of_before_there_were_summaries_are_listed_alike(cell, client, filled):
    before = client.call("GET", CARTS).json()
    with cell.database.writing() as connection:
        connection.execute(update(carts).values(summary=None).where(carts.c.id != filled[0]))
    assert client.call("GET", CARTS).json() == before
    shown = client.call("GET", f"{CARTS}/{filled[2]}").json()
    assert (shown["lines"], shown["units"], len(shown["items"])) == (2, 3, 2)


def test_counts_of_offers_are_kept_and_not_counted(cell, client):
    load_offers(cell)
    with statements(cell) as executed:
        counts = client.call("GET", ROWS).json()["counts"]
    assert counts == {"offer": 6, "delivery": 4, "pickup-point": 1, "payment": 2, "address": 1}
    assert not any("count(" in one.lower() for one in executed if "offers" in one)
    load_offers(cell, [*OFFERS[:2], {"sku": "n", "price": 1}])
    assert client.call("GET", ROWS).json()["counts"]["offer"] == 7
    with cell.database.writing() as connection:
        rows.remove(connection, ACCOUNT, kind="delivery", sku=None, seller=None)
    assert "delivery" not in client.call("GET", ROWS).json()["counts"]
    with cell.database.writing() as connection:
        rows.load(connection, ACCOUNT, [], replace=True)
    assert client.call("GET", ROWS).json()["counts"] == {}
