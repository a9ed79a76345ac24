"""Changes of an order that two accounts have: both apply it, or neither (contract 03 §8)."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.changes import refusals as no
from oms_ledger.orders.changes import settings as s
from oms_ledger.orders.changes.request import AskedChange, AskedLine, Side
from oms_ledger.orders.changes.v1 import AskedUnits, Modification, register_change
from oms_ledger.orders.changes.v2 import cancel_change, request_change, retry_change
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.payments.gateway import GatewayRefused, LedgerOnly
from oms_ledger.services.changes import outbox as change_calls
from projections.outbox import messages as calls
from tests.support.run_until_idle import FakeClock, settle
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
REMOVAL = AskedChange("why", remove=(Side((AskedLine("7", 1),)),))
ADDITION = AskedChange("why", add=(Side((AskedLine("9", 1, price=500),)),))


def request(asked, request_id="r-1"):
    return partial(
        request_change,
        request_id=request_id,
        workflow_id="w",
        asked=asked,
        settings=s.shown({}),
    )


def invoice(value, number="1"):
    return partial(issue_invoice, number=number, type="Output", value=value, issued_at=START)


class Sale:
    """An order of three mugs that the store sold and the shop handles."""

    def __init__(self, cell, *chain, handled=True):
        self.cell, self.chain = cell, chain
        self.clock = FakeClock(cell, START)
        self.run(self._open(handled))

    async def _open(self, handled):
        await open_accounts(self.cell, STORE, SHOP, MIDDLE)
        self.above = await sell(self.cell, 1, *self.chain)
        await settle(self.cell)
        if handled:
            await self.cell.ledger.change(SHOP, BELOW, start_handling, by="test")

    def run(self, story):
        return asyncio.run(story)

    def do(self, account, decision, *, settled=True):
        order_id = self.above if account == STORE else BELOW

        async def story():
            await self.cell.ledger.change(account, order_id, decision, by="test")
            if settled:
                await settle(self.cell)

        self.run(story())

    def settle(self, **later):
        self.clock.at += timedelta(**later)
        self.run(settle(self.cell))

    def orders(self):
        above, below = self.run(levels(self.cell, self.above))
        return above, below

    def changes(self):
        return [order.change_requests[-1].status for order in self.orders()]


@pytest.fixture
def sale(cell):
    return Sale(cell)


@pytest.mark.parametrize("account", [STORE, SHOP])
@pytest.mark.parametrize(("asked", "value"), [(REMOVAL, 2000), (ADDITION, 3500)])
def test_a_change_asked_on_either_side_is_applied_on_both(sale, account, asked, value):
    sale.do(account, request(asked))
    above, below = sale.orders()
    assert sale.changes() == ["done", "done"]
    assert above.value == below.value == value
    assert [(i.unique_id, i.quantity, i.price) for i in above.items] == [
        (i.unique_id, i.quantity, i.price) for i in below.items
    ]
    assert sum(payment.value for payment in above.payments) == value
    assert below.payments == ()
    sale.do(SHOP, invoice(value))
    assert [str(order.status) for order in sale.orders()] == ["invoiced", "invoiced"]


def test_what_the_seller_refuses_waits_with_its_error_and_can_be_retried(cell):
    sale = Sale(cell, handled=False)
    sale.do(STORE, request(REMOVAL))
    above, below = sale.orders()
    assert above.change_requests[0].error.code == "CHK0124"
    assert below.change_requests == ()
    sale.do(SHOP, start_handling)
    sale.do(STORE, partial(retry_change, request_id="r-1"))
    assert sale.changes() == ["done", "done"]


def test_a_payment_that_says_no_keeps_both_sides_as_they_were(sale, monkeypatch):
    class No(LedgerOnly):
        def adjust(self, transaction, value, request_id):
            raise GatewayRefused("no more")

    monkeypatch.setattr(change_calls, "holder_of", lambda cell, order: No())
    sale.do(SHOP, request(ADDITION))
    assert sale.changes() == ["waiting-confirmation", "waiting-confirmation"]
    with pytest.raises(no.ChangeInProgress):
        sale.do(SHOP, partial(cancel_change, request_id="r-1", reason="mine"))
    sale.settle(hours=24)
    assert sale.changes() == ["canceled", "canceled"]
    above, below = sale.orders()
    assert above.value == below.value == 3000


def test_units_that_the_seller_has_invoiced_meanwhile_are_not_removed(sale):
    sale.do(SHOP, invoice(2500), settled=False)  # the store has not heard of it
    sale.do(STORE, request(REMOVAL))
    above, below = sale.orders()
    assert above.change_requests[0].error.code == "CHK0096"
    assert below.change_requests == ()
    sale.do(STORE, partial(cancel_change, request_id="r-1", reason="invoiced"))
    sale.settle(minutes=10)
    assert [order.invoiced_value for order in sale.orders()] == [2500, 2500]


def test_a_cancellation_on_either_side_ends_the_change_on_both(sale):
    sale.do(STORE, request(ADDITION), settled=False)
    sale.do(SHOP, cancel)
    sale.do(SHOP, cancel)
    above, below = sale.orders()
    assert all(not one.change_requests or one.change_in_progress is None for one in (above, below))
    assert str(below.status) == "canceled"


def test_an_order_of_three_levels_is_not_changed(cell):
    sale = Sale(cell, MIDDLE, SHOP, handled=False)
    sale.do(STORE, request(REMOVAL))
    order = sale.run(levels(cell, sale.above, MIDDLE, SHOP))[0]
    assert order.change_requests[0].error.code == "CHK0095"


def test_v1_changes_are_told_to_the_other_side(sale):
    asked = Modification("v1", "why", removed=(AskedUnits("7", 1, 1000),))
    sale.do(STORE, partial(register_change, asked=asked))
    sale.do(STORE, partial(register_change, asked=asked))
    above, below = sale.orders()
    assert above.value == below.value == 2000
    assert [len(order.registered_changes) for order in (above, below)] == [1, 1]
    sale.do(SHOP, invoice(2000))
    assert [str(order.status) for order in sale.orders()] == ["invoiced", "invoiced"]
    with sale.cell.database.reading() as connection:
        assert calls.listed(connection, state=calls.DEAD) == []


def test_what_a_v1_change_of_the_seller_costs_more_is_paid_at_the_marketplace(sale):
    asked = Modification("v1", "why", added=(AskedUnits("9", 1, 500),))
    sale.do(SHOP, partial(register_change, asked=asked))
    above, below = sale.orders()
    assert above.value == below.value == 3500
    assert sum(payment.value for payment in above.payments) == 3500
    sale.do(SHOP, invoice(3500))
    assert [str(order.status) for order in sale.orders()] == ["invoiced", "invoiced"]
