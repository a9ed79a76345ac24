"""What an operation on a cart asks of the database, and that its memory of offers is never old."""

import asyncio
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from oms_ledger.carts.cart import Cart
from oms_ledger.offers.quote import LineInput, Place, Question
from oms_ledger.services.carts.visits import CartVisits
from oms_ledger.services.offers.sources import OfferSources
from projections.carts import store
from projections.offers import lookup, rows
from projections.offers.sight import OfferMemory
from tests.support.client import Client
from tests.support.storefront import ADDRESS, Browser, load_offers, set_account


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    browser = Browser(Client(app))
    browser.cart("/items", {"orderItems": [{"id": "1", "quantity": 1, "seller": "1"}]})
    browser.cart("/attachments/shippingData", {"address": ADDRESS})
    return browser


@contextmanager
def statements(cell):
    """Every statement on a cart or an offer, while the block runs."""
    found = []

    def seen(connection, _, statement, *more):
        if any(name in statement for name in (" carts", " offers", "INTO cart")):
            found.append(statement.split()[0])

    engines = {cell.database.engine, cell.database._unsynced}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", seen)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", seen)


def test_operation_reads_and_writes_in_one_statement_each(browser, cell):
    body = {"orderItems": [{"id": "1", "quantity": 2, "seller": "1"}]}
    with statements(cell) as found:
        browser.cart("/items", body)
    assert found == ["SELECT", "UPDATE"]
    with statements(cell) as found:
        browser.cart("/items", body)  # the same again changes nothing
    assert found == ["SELECT"]


def test_changed_offers_are_seen_at_the_next_answer(browser, cell):
    before = browser.cart("", {})
    load_offers(cell, [{"sku": "1", "price": 1234}])
    after = browser.cart("", {})
    assert before["items"][0]["price"] != 1234 == after["items"][0]["price"]
    with cell.database.writing() as connection:
        assert rows.remove(connection, "acme", kind="delivery", sku=None, seller=None)
    assert browser.cart("", {})["items"][0]["availability"] == "cannotBeDelivered"
    with cell.database.writing() as connection:
        assert rows.remove(connection, "acme", kind=None, sku="1", seller=None)
    after = browser.cart("", {})
    assert (after["items"], [one["code"] for one in after["messages"]]) == (
        [],
        ["changedPriceValue", "ORD027"],
    )


def test_table_that_moves_on_meanwhile_is_read_again(browser, cell, account):
    sources = OfferSources(cell)
    line = LineInput("1", "1", 1)
    question = Question(lines=(line,), now=cell.clock.now(), place=Place("BRA", "01310-100"))
    assert sources.quote(account, question).lines[0].offer.price == 3190
    with cell.database.reading() as connection:
        edition = lookup.edition(connection, "acme")
    load_offers(cell, [{"sku": "1", "price": 1234}])
    # Who has just read the former edition finds in memory what was of its moment, whole.
    old = sources.quote(account, question, editions={"acme": edition})
    assert old.lines[0].offer.price == 3190
    # What memory lacks is read in a snapshot of now, and all else with it.
    more = Question(lines=(line, LineInput("2", "1", 1)), now=question.now, place=question.place)
    new = sources.quote(account, more, editions={"acme": edition})
    assert new.lines[0].offer.price == 1234
    sources.close()


@pytest.fixture
def account(cell):
    return asyncio.run(cell.ledger.account("acme"))


def test_memory_of_offers_is_bounded():
    memory = OfferMemory(limit=2)
    for name in ("a", "b"):
        memory.put(name, name)
    memory.get("a")
    memory.put("c", "c")
    assert [memory.get(name) == name for name in ("a", "b", "c")] == [True, False, True]


def test_writes_at_once_share_a_transaction_and_fail_alone(browser, cell):
    writes = [_write_over(cell, browser.cart_id), _write_over(cell, browser.cart_id)]
    others = [_new_cart(cell, n) for n in range(5)]

    async def at_once():
        visits = CartVisits(cell)
        return await asyncio.gather(*(visits.write(one) for one in (*others, *writes)))

    assert asyncio.run(at_once()) == [True] * 6 + [False]


def _write_over(cell, cart_id):
    with cell.database.reading() as connection:
        (stored,) = store.get(connection, cell.encryption, [cart_id], 0)
    plain = store.encoded(stored.cart)
    return store.over(cell.encryption, stored, stored.cart, plain, now=1, expires_at=2)


def _new_cart(cell, number):
    cart = Cart(id=f"{number:032x}", account="acme", filling="f")
    return store.new(cell.encryption, cart, now=1, expires_at=2)
