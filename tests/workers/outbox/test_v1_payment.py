"""v1 increases: whoever dies wherever, the gateway has authorized what the order costs.

What a process leaves behind is what it committed and what the gateway did, so it is let die
before and after each of these.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.ledger import Ledger
from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes.v1 import Modification, UnitsInput
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.payments.gateway import (
    BuiltInGateway,
    GatewayClosed,
    GatewayRejected,
    GatewayUnavailable,
    Receipt,
)
from oms_ledger.orders.status import Status
from oms_ledger.services.changes import v1_payment
from oms_ledger.services.changes.registration import register
from oms_ledger.services.outbox import admin
from oms_ledger.services.payments import outbox
from projections.outbox import messages
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT, open_account, placed
from tests.support.run_until_idle import settle
from tests.support.sales import (
    SHOP,
    STORE,
    levels,
    open_accounts,
    sell,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = "v1-01"
CARD = events.Payment("CARD", "2", "Visa", "creditCard", 100_00, 100_00)
PURCHASE = replace(placed(price=25_00, quantity=4), payments=(CARD,), transaction_id="T")
MORE = Modification("more", "a larger one", added=(UnitsInput("9", 1, 30_00),))
OTHER = Modification("other", "a bow", increment_value=5_00)


class Died(Exception):
    """The process is gone; it writes nothing any more."""


class Remote(BuiltInGateway):
    """A gateway that holds money, and does the same request once; `meanwhile` is before its yes."""

    remote = True

    def __init__(self, value):
        self.first, self.done, self.requested = value, {}, []
        self.trouble, self.lost, self.meanwhile = None, None, None

    def adjust(self, transaction, value, request_id):
        self.requested.append(request_id)
        if self.trouble:
            raise self.trouble
        assert self.done.setdefault(request_id, value) == value, "it asks for something else"
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        if self.lost:
            lost, self.lost = self.lost, None
            raise lost
        return Receipt(f"token-{request_id}")

    @property
    def authorized(self):
        return self.first + sum(self.done.values())


@pytest.fixture
def gateway(monkeypatch):
    gateway = Remote(100_00)
    for module in (v1_payment, outbox):
        monkeypatch.setattr(module, "holder_of", lambda cell, order: gateway)
    return gateway


class Shop:
    """An order in handling, by a clock that the test turns."""

    def __init__(self, cell):
        self.cell, self.clock = cell, set_clock(cell, START)
        asyncio.run(self._open())

    async def _open(self):
        await open_account(self.cell.ledger)
        await self.cell.ledger.place(CommandContext(ACCOUNT, "test"), {ORDER: PURCHASE})
        paid = partial(process_order, approved=frozenset({"CARD"}))
        for decision in (paid, start_handling):
            await self.cell.ledger.change(CommandContext(ACCOUNT, "test"), ORDER, decision)

    def decide(self, decision):
        """By another machine."""
        ledger = Ledger(self.cell.store, self.cell.encryption, self.clock)
        asyncio.run(ledger.change(CommandContext(ACCOUNT, "test"), ORDER, decision))

    def change(self, requested=MORE, cell=None):
        fields = {"trust_prices": True}
        return asyncio.run(
            register(cell or self.cell, CommandContext(ACCOUNT, "test"), ORDER, requested, **fields)
        )

    def dies(self, line, gateway, requested=MORE):
        """A process of its own registers a change, and dies at the line."""
        doomed = Cell(self.cell.settings, self.cell.clock)
        doomed.require_tables()  # reads the master key before a loop runs
        append = doomed.store.append
        lines = {"before preparing": (1, False), "after preparing": (1, True)}
        lines |= {"before recording": (2, False), "after recording": (2, True)}
        dies_at, after = lines.get(line, (0, False))
        written = 0

        def mortal(writes):
            nonlocal written
            written += 1
            if written == dies_at and not after:
                raise Died
            outcomes = append(writes)
            if written == dies_at:
                raise Died
            return outcomes

        doomed.store.append = mortal
        if line == "before asking":
            gateway.trouble = Died()
        if line == "after the yes":
            gateway.lost = Died()
        with suppress(Died):
            self.change(requested, doomed)
            raise AssertionError("it lives")
        gateway.trouble = None
        doomed.close()

    def later(self, **actor):
        self.clock.at += timedelta(**actor)
        asyncio.run(settle(self.cell))
        return self.order()

    def order(self):
        return asyncio.run(self.cell.ledger.order(ACCOUNT, ORDER))

    def names(self):
        rows = self.cell.store.stream(f"{ACCOUNT}/{ORDER}")
        return [row.name for row in rows if row.name.startswith("change-")]

    def messages(self):
        with self.cell.database.snapshot() as connection:
            return messages.listed(connection, order_id=ORDER)


@pytest.fixture
def shop(cell):
    return Shop(cell)


LINES = [
    "before preparing",
    "after preparing",
    "before asking",
    "after the yes",
    "before recording",
    "after recording",
]


@pytest.mark.guarantee("G5")
@pytest.mark.parametrize("line", LINES)
def test_a_client_that_repeats_after_a_crash_pays_once(shop, gateway, line):
    shop.dies(line, gateway)
    assert shop.change().value == 130_00
    assert shop.change().value == 130_00
    assert shop.later(days=1).value == gateway.authorized == 130_00
    assert gateway.done == {f"{ORDER}/more": 30_00}
    assert shop.names() == ["change-prepared", "change-registered"]
    assert shop.messages() == []


@pytest.mark.guarantee("G26")
@pytest.mark.parametrize("line", LINES)
def test_after_a_crash_that_nobody_repeats_the_gateway_has_what_the_order_costs(
    shop, gateway, line
):
    shop.dies(line, gateway)
    assert shop.later(minutes=9, seconds=59).value == (130_00 if line == LINES[-1] else 100_00)
    assert f"{ORDER}/more/restore" not in gateway.done
    order = shop.later(seconds=1)
    assert gateway.authorized == order.value
    if line not in ("before preparing", "after recording"):
        assert shop.names() == ["change-prepared", "change-abandoned", "change-withdrawn"]
        assert order.preparations[-1].withdrawn.receipt == f"token-{ORDER}/more/restore"
    result = list(gateway.requested)
    shop.later(days=1)
    assert gateway.requested == result
    assert {one.state for one in shop.messages()} <= {messages.DONE}


@pytest.mark.guarantee("G45")
def test_a_gateway_that_is_away_at_the_giving_back_is_called_until_it_answers(shop, gateway):
    shop.dies("after the yes", gateway)
    gateway.trouble = GatewayUnavailable("it is night")
    for wait in ({"minutes": 10}, {"seconds": 5}, {"seconds": 15}):
        shop.later(**wait)
    assert (gateway.authorized, shop.names()[-1]) == (130_00, "change-abandoned")
    gateway.trouble, gateway.lost = None, GatewayUnavailable("nobody heard the answer")
    shop.later(minutes=1)
    assert shop.later(minutes=5).value == gateway.authorized == 100_00
    assert shop.names() == ["change-prepared", "change-abandoned", "change-withdrawn"]


def test_a_crash_between_the_giving_back_and_its_record_gives_back_once(shop, gateway, monkeypatch):
    shop.dies("after the yes", gateway)

    def dies(*arguments, **named):
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(v1_payment, "withdraw", dies)
        shop.later(minutes=10)
    assert gateway.authorized == 100_00
    assert shop.names()[-1] == "change-abandoned"
    shop.later(seconds=6)
    assert shop.order().value == gateway.authorized == 100_00
    assert shop.names()[-1] == "change-withdrawn"


def test_what_the_gateway_never_took_is_not_given_back(shop, gateway):
    shop.dies("before asking", gateway)
    gateway.trouble = GatewayRejected("no more on this card")
    order = shop.later(minutes=10)
    assert order.preparations[-1].withdrawn.receipt is None
    assert gateway.authorized == order.value == 100_00
    assert f"{ORDER}/more/restore" not in gateway.requested


def test_a_no_ends_the_preparation_at_once_and_the_next_try_is_another_question(shop, gateway):
    gateway.trouble = GatewayRejected("no more on this card")
    with pytest.raises(refusals.ModificationPaymentCannotIncrease):
        shop.change()
    assert shop.names() == ["change-prepared", "change-withdrawn"]
    gateway.trouble = None
    assert shop.change().value == gateway.authorized == 130_00
    assert gateway.done == {f"{ORDER}/more/1": 30_00}


@pytest.mark.guarantee("G45")
def test_a_gateway_that_lets_nobody_in_is_shown_to_a_person_and_nothing_is_forgotten(shop, gateway):
    shop.dies("after the yes", gateway)
    gateway.trouble = GatewayClosed("401")
    order = shop.later(minutes=10)
    assert len(order.failed_messages) == 1
    (dead,) = shop.messages()
    assert (dead.state, dead.kind) == (messages.DEAD, "withdraw-change")
    gateway.trouble = None
    asyncio.run(admin.resume(shop.cell, CommandContext(ACCOUNT, "op"), dead.id))
    order = shop.later(seconds=1)
    assert (gateway.authorized, order.value, order.failed_messages) == (100_00, 100_00, {})


def test_a_gateway_that_does_not_answer_leaves_it_to_the_client_or_the_clock(shop, gateway):
    gateway.lost = GatewayUnavailable("timeout")
    with pytest.raises(refusals.ModificationGatewayFailed):
        shop.change()
    assert gateway.authorized == 130_00
    assert shop.change().value == 130_00
    gateway.lost = GatewayUnavailable("timeout")
    with pytest.raises(refusals.ModificationGatewayFailed):
        shop.change(OTHER)
    assert gateway.authorized == 135_00
    assert shop.later(minutes=10).value == gateway.authorized == 130_00


def invoice(value):
    return partial(issue_invoice, number="1", type="Output", value=value, issued_at=START)


@pytest.mark.guarantee("G22")
def test_an_invoice_that_ends_the_order_goes_on_and_the_increase_is_given_back(shop, gateway):
    gateway.meanwhile = lambda: shop.decide(invoice(100_00))
    with pytest.raises(refusals.ModificationNotInHandling):
        shop.change()
    order = shop.later(seconds=0)
    assert (order.status, order.value) == (Status.INVOICED, 100_00)
    assert gateway.authorized == 100_00
    assert gateway.requested == [f"{ORDER}/more", f"{ORDER}/more/restore"]


@pytest.mark.guarantee("G22")
def test_an_invoice_of_a_part_does_not_disturb_an_increase(shop, gateway):
    gateway.meanwhile = lambda: shop.decide(invoice(25_00))
    order = shop.change()
    assert (order.value, order.invoiced_value, gateway.authorized) == (130_00, 25_00, 130_00)


@pytest.mark.guarantee("G11")
@pytest.mark.parametrize("before", [True, False], ids=["before the crash", "after it"])
def test_a_cancellation_goes_on_and_does_not_stop_the_clock_of_an_increase(shop, gateway, before):
    if before:
        gateway.meanwhile = lambda: shop.decide(cancel)
    shop.dies("after the yes", gateway)
    if not before:
        shop.decide(cancel)
    order = shop.later(minutes=10)
    assert (order.status, order.value) == (Status.CANCELLATION_REQUESTED, 100_00)
    assert gateway.authorized == 100_00
    assert shop.later(days=30).status is Status.CANCELED


@pytest.mark.guarantee("G6")
def test_while_an_increase_is_prepared_no_other_change_is_taken(shop, gateway):
    shop.dies("after the yes", gateway)
    less = Modification("less", "reason", discount_value=1)
    other_value = replace(MORE, increment_value=1)
    for requested in (OTHER, less, other_value):
        with pytest.raises(refusals.ChangeInProgress):
            shop.change(requested)
    assert gateway.requested == [f"{ORDER}/more"]
    shop.later(minutes=10)
    assert shop.change(less).value == 100_00 - 1
    assert shop.change(OTHER).value == 105_00 - 1
    assert gateway.authorized == 105_00


def test_the_same_request_after_it_was_given_back_pays_again_under_another_name(shop, gateway):
    shop.dies("after the yes", gateway)
    shop.later(minutes=10)
    assert gateway.authorized == 100_00
    assert shop.change().value == gateway.authorized == 130_00
    assert list(gateway.done) == [
        f"{ORDER}/more",
        f"{ORDER}/more/restore",
        f"{ORDER}/more/1",
    ]


def test_a_process_that_slept_over_its_time_registers_nothing(shop, gateway):
    gateway.meanwhile = lambda: shop.later(minutes=10)
    with pytest.raises(refusals.ChangeInProgress):
        shop.change()
    assert shop.order().value == gateway.authorized == 100_00
    assert shop.names() == ["change-prepared", "change-abandoned", "change-withdrawn"]
    assert shop.change().value == gateway.authorized == 130_00


@pytest.mark.guarantee("G5")
def test_the_same_request_on_two_machines_is_paid_and_registered_once(shop, gateway):
    other = Cell(shop.cell.settings, shop.cell.clock)
    other.require_tables()  # reads the master key before a loop runs
    other.require_key()
    gateway.meanwhile = lambda: shop.change(cell=other)
    assert shop.change().value == gateway.authorized == 130_00
    assert shop.names() == ["change-prepared", "change-registered"]
    other.close()


def test_a_gateway_that_holds_no_money_is_called_without_a_preparation(shop, gateway):
    gateway.remote = False
    assert shop.change().value == 130_00
    assert shop.names() == ["change-registered"]


class Sale:
    """An order that the store sold and the shop handles; the store's gateway has the money."""

    def __init__(self, cell):
        self.cell, self.clock = cell, set_clock(cell, START)
        asyncio.run(self._open())

    async def _open(self):
        await open_accounts(self.cell, STORE, SHOP)
        self.order_id = await sell(self.cell)
        await settle(self.cell)
        await self.cell.ledger.change(
            CommandContext(SHOP, "test"), f"00-{self.order_id}", start_handling
        )

    def change(self, account, cell=None):
        order_id = self.order_id if account == STORE else f"00-{self.order_id}"
        fields = {"trust_prices": True}
        asyncio.run(
            register(cell or self.cell, CommandContext(account, "test"), order_id, MORE, **fields)
        )

    def later(self, **actor):
        self.clock.at += timedelta(**actor)
        asyncio.run(settle(self.cell))
        marketplace_order, seller_order = asyncio.run(levels(self.cell, self.order_id))
        return marketplace_order.value, seller_order.value


@pytest.fixture
def sale(cell, gateway):
    gateway.first = 3000
    return Sale(cell)


def test_a_change_that_the_seller_registered_is_carried_up_whoever_dies(sale, gateway):
    doomed = Cell(sale.cell.settings, sale.cell.clock)
    doomed.require_tables()  # reads the master key before a loop runs
    append = doomed.store.append
    left = 3  # prepared, registered at the seller, registered here

    def mortal(writes):
        nonlocal left
        left -= 1
        if not left:
            raise Died
        return append(writes)

    doomed.store.append = mortal
    with pytest.raises(Died):
        sale.change(STORE, doomed)
    doomed.close()
    assert sale.later(seconds=0) == (6000, 6000)
    assert gateway.authorized == 6000
    assert gateway.done == {f"{sale.order_id}/more": 3000}
    assert sale.later(minutes=10) == (6000, 6000)
    assert gateway.authorized == 6000


def test_a_seller_change_is_paid_when_the_marketplace_gateway_is_back(sale, gateway):
    gateway.lost = GatewayUnavailable("timeout")
    sale.change(SHOP)
    assert sale.later(seconds=0) == (3000, 6000)
    assert gateway.authorized == 6000
    gateway.trouble = GatewayUnavailable("night")
    sale.later(minutes=10)  # in the end it goes back, and is asked again by another name
    gateway.trouble = None
    assert sale.later(hours=2) == (6000, 6000)
    assert sale.later(hours=2) == (6000, 6000)
    assert gateway.authorized == 6000
