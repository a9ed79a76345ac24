"""Changes of an order that two accounts have: both apply it, or neither (contract 03 §8)."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.changes import refusals, settings
from oms_ledger.orders.changes.request import ChangeInput, LineInput, Side
from oms_ledger.orders.changes.v1 import Modification, UnitsInput, register_change
from oms_ledger.orders.changes.v2 import cancel_change, request_change, retry_change
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.payments.gateway import BuiltInGateway, GatewayRejected
from oms_ledger.services.changes import outbox
from projections.outbox import messages
from tests.support.clock import set_clock
from tests.support.run_until_idle import settle
from tests.support.sales import (
    MIDDLE,
    SHOP,
    STORE,
    levels,
    open_accounts,
    sell,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
BELOW = "00-v1stor-01"
REMOVAL = ChangeInput("reason", remove=(Side((LineInput("7", 1),)),))
ADDITION = ChangeInput("reason", add=(Side((LineInput("9", 1, price=500),)),))


def request(requested, request_id="r-1"):
    return partial(
        request_change,
        request_id=request_id,
        workflow_id="w",
        requested=requested,
        settings=settings.shown({}),
    )


def invoice(value, number="1"):
    return partial(issue_invoice, number=number, type="Output", value=value, issued_at=START)


class Sale:
    """An order of three mugs that the store sold and the shop handles."""

    def __init__(self, cell, *chain, handled=True):
        self.cell, self.chain = cell, chain
        self.clock = set_clock(cell, START)
        self.run(self._open(handled))

    async def _open(self, handled):
        await open_accounts(self.cell, STORE, SHOP, MIDDLE)
        self.marketplace_order = await sell(self.cell, 1, *self.chain)
        await settle(self.cell)
        if handled:
            await self.cell.ledger.change(CommandContext(SHOP, "test"), BELOW, start_handling)

    def run(self, story):
        return asyncio.run(story)

    def do(self, account, decision, *, settled=True):
        order_id = self.marketplace_order if account == STORE else BELOW

        async def story():
            await self.cell.ledger.change(CommandContext(account, "test"), order_id, decision)
            if settled:
                await settle(self.cell)

        self.run(story())

    def settle(self, **later):
        self.clock.at += timedelta(**later)
        self.run(settle(self.cell))

    def orders(self):
        marketplace_order, seller_order = self.run(levels(self.cell, self.marketplace_order))
        return marketplace_order, seller_order

    def changes(self):
        return [order.change_requests[-1].status for order in self.orders()]


@pytest.fixture
def sale(cell):
    return Sale(cell)


@pytest.mark.parametrize("account", [STORE, SHOP])
@pytest.mark.parametrize(("requested", "value"), [(REMOVAL, 2000), (ADDITION, 3500)])
def test_a_change_requested_on_either_side_is_applied_on_both(sale, account, requested, value):
    sale.do(account, request(requested))
    marketplace_order, seller_order = sale.orders()
    assert sale.changes() == ["done", "done"]
    assert marketplace_order.value == seller_order.value == value
    assert [(i.unique_id, i.quantity, i.price) for i in marketplace_order.items] == [
        (i.unique_id, i.quantity, i.price) for i in seller_order.items
    ]
    assert sum(payment.value for payment in marketplace_order.payments) == value
    assert seller_order.payments == ()
    sale.do(SHOP, invoice(value))
    assert [str(order.status) for order in sale.orders()] == ["invoiced", "invoiced"]


def test_what_the_seller_refuses_waits_with_its_error_and_can_be_retried(cell):
    sale = Sale(cell, handled=False)
    sale.do(STORE, request(REMOVAL))
    marketplace_order, seller_order = sale.orders()
    assert marketplace_order.change_requests[0].error.code == "CHK0124"
    assert seller_order.change_requests == ()
    sale.do(SHOP, start_handling)
    sale.do(STORE, partial(retry_change, request_id="r-1"))
    assert sale.changes() == ["done", "done"]


def test_a_payment_that_says_no_keeps_both_sides_as_they_were(sale, monkeypatch):
    class No(BuiltInGateway):
        def adjust(self, transaction, value, request_id):
            raise GatewayRejected("no more")

    monkeypatch.setattr(outbox, "holder_of", lambda cell, order: No())
    sale.do(SHOP, request(ADDITION))
    assert sale.changes() == ["waiting-confirmation", "waiting-confirmation"]
    with pytest.raises(refusals.ChangeInProgress):
        sale.do(SHOP, partial(cancel_change, request_id="r-1", reason="mine"))
    sale.settle(hours=24)
    assert sale.changes() == ["canceled", "canceled"]
    marketplace_order, seller_order = sale.orders()
    assert marketplace_order.value == seller_order.value == 3000


def test_units_that_the_seller_has_invoiced_meanwhile_are_not_removed(sale):
    sale.do(SHOP, invoice(2500), settled=False)  # the store has not heard of it
    sale.do(STORE, request(REMOVAL))
    marketplace_order, seller_order = sale.orders()
    assert marketplace_order.change_requests[0].error.code == "CHK0034"
    assert seller_order.change_requests == ()
    sale.do(STORE, partial(cancel_change, request_id="r-1", reason="invoiced"))
    sale.settle(minutes=10)
    assert [order.invoiced_value for order in sale.orders()] == [2500, 2500]


def test_a_cancellation_on_either_side_ends_the_change_on_both(sale):
    sale.do(STORE, request(ADDITION), settled=False)
    sale.do(SHOP, cancel)
    sale.do(SHOP, cancel)
    marketplace_order, seller_order = sale.orders()
    assert all(
        not one.change_requests or one.change_in_progress is None
        for one in (marketplace_order, seller_order)
    )
    assert str(seller_order.status) == "canceled"


def test_an_order_of_three_levels_is_not_changed(cell):
    sale = Sale(cell, MIDDLE, SHOP, handled=False)
    sale.do(STORE, request(REMOVAL))
    order = sale.run(levels(cell, sale.marketplace_order, MIDDLE, SHOP))[0]
    assert order.change_requests[0].error.code == "CHK0095"


def test_v1_changes_are_sent_to_the_other_side(sale):
    requested = Modification("v1", "reason", removed=(UnitsInput("7", 1, 1000),))
    sale.do(STORE, partial(register_change, requested=requested))
    sale.do(STORE, partial(register_change, requested=requested))
    marketplace_order, seller_order = sale.orders()
    assert marketplace_order.value == seller_order.value == 2000
    assert [len(order.registered_changes) for order in (marketplace_order, seller_order)] == [1, 1]
    sale.do(SHOP, invoice(2000))
    assert [str(order.status) for order in sale.orders()] == ["invoiced", "invoiced"]
    with sale.cell.database.snapshot() as connection:
        assert messages.listed(connection, state=messages.DEAD) == []


def test_what_a_v1_change_of_the_seller_costs_more_is_paid_at_the_marketplace(sale):
    requested = Modification("v1", "reason", added=(UnitsInput("9", 1, 500),))
    sale.do(SHOP, partial(register_change, requested=requested))
    marketplace_order, seller_order = sale.orders()
    assert marketplace_order.value == seller_order.value == 3500
    assert sum(payment.value for payment in marketplace_order.payments) == 3500
    sale.do(SHOP, invoice(3500))
    assert [str(order.status) for order in sale.orders()] == ["invoiced", "invoiced"]
