"""Carts keep persons encrypted, forget them in time, and show them masked where that is chosen."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from oms_ledger.eventstore.tables import metadata
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.storefront import ADDRESS, PROFILE, Browser, load_offers, set_account
from workers import scheduler


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app))


def stored_bytes(cell):
    """All that the database keeps, as bytes."""
    with cell.database.snapshot() as connection:
        return b"".join(
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
            for value in row
            if value is not None
        )


@pytest.mark.guarantee("G58")
def test_cart_holds_nothing_personal_in_plain_bytes(browser, cell):
    browser.fill(("1", 1))
    kept = stored_bytes(cell)
    for secret in ("ana@example.com", "Souza", "66203715418", "5511966126116"):
        assert secret.encode() not in kept, secret


@pytest.mark.guarantee("G56")
def test_erasing_a_person_deletes_their_carts(browser, cell, client):
    browser.fill(("1", 1))
    other = Browser(browser.client)
    other.cart("/attachments/clientProfileData", {"email": "bia@example.com"})
    path = "/api/ledger/erasures"
    dry = client.call("POST", path, {"email": " ANA@example.com"}).json()
    assert (dry["carts"], dry["dryRun"]) == (1, True)
    fields = client.call("POST", path, {"email": "ana@example.com", "dryRun": False}).json()
    assert fields["carts"] == 1
    old = browser.cart_id
    assert browser.ok("GET", f"/api/checkout/pub/orderForm/{old}")["orderFormId"] != old
    assert other.cart("", {})["clientProfileData"]["email"] == "bia@example.com"


def test_cart_lives_for_its_days_after_the_last_write(browser, cell):
    browser.add(("1", 1))
    first, now = browser.cart_id, cell.clock.now()
    set_clock(cell, now + timedelta(days=29))
    browser.add(("1", 2))
    set_clock(cell, now + timedelta(days=58))
    assert browser.ok("GET", f"/api/checkout/pub/orderForm/{first}")["orderFormId"] == first
    set_clock(cell, now + timedelta(days=60))
    assert browser.ok("GET", f"/api/checkout/pub/orderForm/{first}")["orderFormId"] != first


def test_expired_carts_are_deleted_by_the_scheduler(browser, cell, monkeypatch):
    kept = browser.cart_id
    now = cell.clock.now()
    set_clock(cell, now - timedelta(days=31))
    for _ in range(3):
        browser.call("POST", "/api/checkout/pub/orderForm?forceNewCart=true")
    set_clock(cell, now)
    monkeypatch.setattr(scheduler, "CARTS_AT_ONCE", 2)
    seconds, rests = iter((0.0, 0.0, 1.0)), list[float]()
    removal = scheduler.ExpiredCarts(cell, lambda: next(seconds, 1.0))
    assert removal.step(rests.append) is True  # its time is over before the carts are
    assert (removal.removed, rests) == (2, [scheduler.BREATH])
    seconds = iter((0.0, 0.0))
    assert removal.step(rests.append) is False
    assert removal.removed == 3
    assert browser.ok("GET", f"/api/checkout/pub/orderForm/{kept}")["orderFormId"] == kept


@pytest.fixture
def masked(browser, cell):
    asyncio.run(set_account(cell.ledger, pii=True))
    browser.fill(("1", 1))
    return browser


def test_masked_cart_shows_its_person_to_its_owner_alone(masked, client, client_of):
    mine = masked.cart("", {})
    assert mine["clientProfileData"]["firstName"] == PROFILE["firstName"]
    assert mine["canEditData"] is True
    path = f"/api/checkout/pub/orderForm/{masked.cart_id}"
    theirs = Browser(masked.client).ok("GET", path)
    assert theirs["canEditData"] is False
    profile, address = theirs["clientProfileData"], theirs["shippingData"]["address"]
    assert (profile["firstName"], profile["document"]) == ("Ana******", "*6*0*7*5*1*")
    assert (profile["phone"], profile["email"]) == ("******6116", "ana@example.com")
    assert (address["postalCode"], address["city"]) == ("******100", "São *****")
    assert (address["receiverName"], address["number"]) == ("Ana***uza", "***")
    assert address["neighborhood"] == "Bel*******"
    assert client.call("GET", path).json()["canEditData"] is True
    assert client_of("Storefront").call("GET", path).json()["canEditData"] is False


def test_who_sees_masks_changes_items_and_not_the_person(masked):
    anonymous = Browser(masked.client)
    anonymous.jar["checkout.vtex.com"] = masked.jar["checkout.vtex.com"]
    assert anonymous.refused("/attachments/clientProfileData", PROFILE) == (403, "CHK003")
    assert anonymous.refused("/attachments/shippingData", {"address": ADDRESS}) == (403, "CHK003")
    assert anonymous.add(("1", 3))["items"][0]["quantity"] == 3


def test_ownership_cookie_has_one_length_and_is_renewed(masked):
    name = "CheckoutOrderFormOwnership"
    first = masked.jar[name]
    masked.cart("/attachments/shippingData", {"address": ADDRESS})
    second = masked.jar[name]
    assert (first != second, len(first) == len(second) > 0) == (True, True)
    masked.jar[name] = first
    assert masked.cart("", {})["canEditData"] is False


@pytest.mark.guarantee("G58")
def test_masked_text_that_comes_back_leaves_what_is_stored(browser):
    browser.cart("/attachments/clientProfileData", PROFILE)
    sent = {**PROFILE, "firstName": "Ana******", "document": "*6*0*7*5*1*"}
    cart = browser.cart("/attachments/clientProfileData", sent)
    assert cart["clientProfileData"]["firstName"] == "Ana"
    assert cart["clientProfileData"]["document"] == PROFILE["document"]
    sent = {**PROFILE, "firstName": "Bia******"}
    assert browser.refused("/attachments/clientProfileData", sent) == (400, "ORD007")
    sent = {"address": {**ADDRESS, "street": "***"}}
    assert browser.refused("/attachments/shippingData", sent) == (400, "ORD006")
