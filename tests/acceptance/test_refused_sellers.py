"""Every refusal of a change of seller: for what the order is, what is asked, and what happened."""

import asyncio
from dataclasses import replace

import pytest

from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from tests.acceptance.order_kinds import act
from tests.acceptance.test_order_life import invoice
from tests.acceptance.test_partners import change_to
from tests.acceptance.test_refusals import refused
from tests.support.run_until_idle import settle
from tests.support.sales import (
    MIDDLE,
    OTHER_SHOP,
    PENDING,
    SHOP,
    STORE,
    open_accounts,
    sell,
    sold,
)

CARD, VOUCHER = (
    events.Payment("PAY", "2", "Visa", "creditCard", 2000, 2000),
    events.Payment("GIFT", "16", "Vale", "giftCard", 1000, 1000),
)
SERVICE = {"bundleItems": [{"id": "1"}]}
UNCHANGED = sold()
KINDS = {
    "CHK0188": (replace(UNCHANGED, seller="outsider"), "current seller is external"),
    "CHK0192": (replace(UNCHANGED, payments=(CARD, VOUCHER)), "split of payments"),
    "CHK0193": (
        replace(UNCHANGED, totals=(events.Total("Items", 2900), events.Total("Tax", 100))),
        "taxes",
    ),
    "CHK0047": (
        replace(UNCHANGED, items=tuple(replace(i, details=SERVICE) for i in UNCHANGED.items)),
        "services or attachments",
    ),
}


@pytest.fixture
def store(cell, app, client_of):
    asyncio.run(open_accounts(cell, STORE, SHOP, OTHER_SHOP, MIDDLE))
    asyncio.run(open_accounts(cell, "asleep", accepts_orders=False))
    return client_of(account=STORE)


def not_changed(store, order_id, change, code, message):
    url = f"/api/checkout/pvt/orders/{order_id}/sellers"
    refused(store, "PUT", url, change, 400, (code, message))


@pytest.mark.parametrize("code", KINDS)
def test_a_change_of_seller_is_refused_for_what_the_order_is(cell, store, code):
    placed, message = KINDS[code]

    async def story():
        await cell.ledger.place(CommandContext(STORE, "shopper"), {"v1stor-01": placed})
        await cell.ledger.change(CommandContext(STORE, "shopper"), "v1stor-01", PENDING)

    asyncio.run(story())
    not_changed(store, "v1stor-01", change_to(OTHER_SHOP), code, message)


CHANGES = {
    "CHK0045": (change_to("asleep"), "Seller asleep is inactive"),
    "CHK0145": (change_to(OTHER_SHOP, 2999), "marketplacePaymentValue is 2999, the order's 3000"),
    "CHK0162": (change_to("nobody"), "Invalid seller: there is no seller nobody"),
    "CHK0189": (change_to(OTHER_SHOP, selectedDeliveryChannel="pickup-in-point"), "pickup"),
    "CHK0191": (change_to(OTHER_SHOP, itemIndex=1), "shipping information for all items"),
    "CHK0195": (change_to(SHOP), "to same seller"),
}


@pytest.mark.parametrize("code", CHANGES)
def test_a_change_of_seller_is_refused_for_what_is_requested(cell, store, code):
    change, message = CHANGES[code]
    order_id = asyncio.run(sell(cell, paid=False))
    not_changed(store, order_id, change, code, message)


def test_a_change_of_seller_is_refused_for_what_happened_since(cell, store, client_of):
    async def story(number, *chain):
        order_id = await sell(cell, number, *chain)
        await settle(cell)
        return order_id

    untouched, changed, invoiced_partly = (asyncio.run(story(n)) for n in (1, 2, 3))
    change = change_to(OTHER_SHOP)
    not_changed(store, untouched, change, "CHK0047", "the order is in payment-approved")
    body = {"requestId": "1", "reason": "reason", "discountValue": 1}
    act(store, changed, "changes", body)
    not_changed(store, changed, change, "CHK0187", "when order has changes")
    act(store, invoiced_partly, "invoice", invoice("1000"))
    not_changed(store, invoiced_partly, change, "CHK0190", "when order has settlements")
    marketplace_order = asyncio.run(story(4, MIDDLE, SHOP))
    middle = client_of(account=MIDDLE)
    not_changed(
        middle, f"00-{marketplace_order}", change, "CHK0165", "cannot be done to chain orders"
    )
