"""Sales over several accounts: each account's order, and what they tell each other (G11-G18)."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import with_automatic_transitions
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.invoices.tracking import report_delivery
from oms_ledger.orders.marketplace.as_marketplace import record_seller_denial
from oms_ledger.orders.marketplace.change_seller import change_seller, propose_seller
from oms_ledger.orders.payments.decide import notify_payment
from oms_ledger.services.marketplace.other_account import place_at
from projections.outbox import messages
from tests.support.clock import set_clock
from tests.support.run_until_idle import settle
from tests.support.sales import (
    MIDDLE,
    OTHER_SHOP,
    SHOP,
    STORE,
    levels,
    open_accounts,
    sell,
    statuses,
)
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)
BELOW = "00-v1stor-01"


def invoice(number="1", value=3000, type="Output"):
    return partial(issue_invoice, number=number, type=type, value=value, issued_at=START)


@pytest.fixture
def clock(cell):
    return set_clock(cell, START)


def run(story):
    return asyncio.run(story)


async def change(cell, account, order_id, decision):
    order = await cell.ledger.change(CommandContext(account, "test"), order_id, decision)
    await settle(cell)
    return order


def dead(cell):
    with cell.database.snapshot() as connection:
        return messages.listed(connection, state=messages.DEAD)


@pytest.mark.guarantee("G15")
def test_a_seller_order_waits_for_the_marketplaces_authorization(cell, clock):
    async def story():
        await open_accounts(cell, STORE, SHOP)
        order_id = await sell(cell, paid=False)
        await settle(cell)
        waiting = await statuses(cell, order_id)
        await change(cell, STORE, order_id, partial(notify_payment, payment_id="PAY"))
        return waiting, await levels(cell, order_id)

    waiting, (marketplace_order, seller_order) = run(story())
    assert waiting == ["payment-pending", "waiting-ffmt-authorization"]
    assert [str(marketplace_order.status), str(seller_order.status)] == [
        "payment-approved",
        "ready-for-handling",
    ]
    assert (seller_order.order_id, marketplace_order.seller_order_id) == (BELOW, BELOW)
    assert (seller_order.placed.marketplace_order_id, seller_order.origin) == (
        marketplace_order.order_id,
        "Fulfillment",
    )
    assert seller_order.value == marketplace_order.value == 3000


@pytest.mark.guarantee("G13")
def test_money_that_came_before_the_seller_answered_is_not_forgotten(cell, clock):
    async def story():
        await open_accounts(cell, STORE, SHOP)
        order_id = await sell(cell)
        early = await statuses(cell, order_id)
        await settle(cell)
        return early, await statuses(cell, order_id)

    early, settled = run(story())
    assert early == ["waiting-for-authorization"]
    assert settled == ["payment-approved", "ready-for-handling"]


def test_an_unknown_seller_ends_the_order_in_canceled(cell, clock):
    async def story():
        await open_accounts(cell, STORE)
        order_id = await sell(cell)
        await settle(cell)
        return (await levels(cell, order_id))[0]

    order = run(story())
    passed = [str(status) for status, _ in order.timeline]
    assert passed[-3:] == ["order-creation-error", "cancel", "canceled"]
    assert "no account shop" in order.cancellation.reason


def test_invoices_and_tracking_are_forwarded_to_the_marketplace(cell, clock):
    async def story():
        await open_accounts(cell, STORE, SHOP)
        order_id = await sell(cell)
        await settle(cell)
        await change(cell, SHOP, BELOW, start_handling)
        await change(cell, SHOP, BELOW, invoice("1", 1000))
        partial_ = await statuses(cell, order_id)
        await change(cell, SHOP, BELOW, invoice("2", 2000))
        return partial_, await levels(cell, order_id)

    part, (marketplace_order, seller_order) = run(story())
    assert part == ["payment-approved", "handling"]
    assert [str(marketplace_order.status), str(seller_order.status)] == ["invoiced", "invoiced"]
    assert [(i.number, i.value) for i in marketplace_order.invoices] == [("1", 1000), ("2", 2000)]
    assert dead(cell) == []


def test_news_of_a_package_that_come_twice_are_there_once(cell, clock):
    """The process died after the news were recorded and before the message was."""

    async def story():
        await open_accounts(cell, STORE, SHOP)
        order_id = await sell(cell)
        await settle(cell)
        await change(cell, SHOP, BELOW, start_handling)
        await change(cell, SHOP, BELOW, invoice("1", 1000))
        seen = [events.TrackingEvent(at=START, city="Rio")]
        news = partial(report_delivery, number="1", is_delivered=False, events=seen)
        await cell.ledger.change(CommandContext(SHOP, "test"), BELOW, news)
        dispatcher.evaluate(cell, cell.loader())
        (forwarded,) = [one for one in dispatcher.claim(cell, 100) if one.kind == "forward-invoice"]
        for _ in range(2):
            await dispatcher.dispatch(cell, forwarded)
        return await levels(cell, order_id)

    for order in run(story()):
        (one,) = order.invoices
        assert [place["city"] for place in one.details["courierStatus"]["data"]] == ["Rio"]


def test_a_chain_passes_everything_on_with_ids_rewritten(cell, clock):
    chain = (MIDDLE, SHOP)

    async def story():
        await open_accounts(cell, STORE, MIDDLE, SHOP)
        order_id = await sell(cell, 1, *chain, paid=False)
        await settle(cell)
        waiting = await statuses(cell, order_id, *chain)
        await change(cell, STORE, order_id, partial(notify_payment, payment_id="PAY"))
        paid = await statuses(cell, order_id, *chain)
        await change(cell, SHOP, "00-00-v1stor-01", start_handling)
        await change(cell, SHOP, "00-00-v1stor-01", invoice("1", 1000))
        part = await statuses(cell, order_id, *chain)
        await change(cell, SHOP, "00-00-v1stor-01", invoice("2", 2000))
        return waiting, paid, part, await levels(cell, order_id, *chain)

    waiting, paid, part, orders = run(story())
    assert waiting == [
        "payment-pending",
        "waiting-for-mkt-authorization",
        "waiting-ffmt-authorization",
    ]
    assert paid == ["payment-approved", "waiting-seller-handling", "ready-for-handling"]
    assert part == ["payment-approved", "waiting-seller-handling", "handling"]
    assert [order.order_id for order in orders] == ["v1stor-01", BELOW, "00-00-v1stor-01"]
    assert [order.origin for order in orders] == ["Marketplace", "Chain", "Fulfillment"]
    assert {str(order.status) for order in orders} == {"invoiced"}
    assert {order.value for order in orders} == {3000}
    assert dead(cell) == []


@pytest.mark.parametrize("chain", [(SHOP,), (MIDDLE, SHOP)], ids=["two levels", "three levels"])
class TestCancellation:
    """The handshake of contract 01 §3.6, in its variants."""

    @staticmethod
    async def consume(cell, chain, *, grace=0, handled=True):
        await open_accounts(cell, STORE, MIDDLE, SHOP, grace_period_minutes=grace)
        order_id = await sell(cell, 1, *chain)
        await settle(cell)
        seller_order = "00-" * len(chain) + order_id
        if handled and not grace:
            await change(cell, SHOP, seller_order, start_handling)
        return order_id, seller_order

    @pytest.mark.guarantee("G11")
    def test_in_its_grace_period_the_seller_cancels_at_once(self, cell, clock, chain):
        async def story():
            order_id, _ = await self.consume(cell, chain, grace=30)
            decision = partial(cancel, reason="too late", requested_by_user=True)
            await change(cell, STORE, order_id, decision)
            return await levels(cell, order_id, *chain)

        orders = run(story())
        assert {str(order.status) for order in orders} == {"canceled"}
        assert {order.cancellation.reason for order in orders} == {"too late"}
        assert {order.cancellation.by for order in orders} == {"user"}

    def test_the_seller_accepts(self, cell, clock, chain):
        async def story():
            order_id, seller_order = await self.consume(cell, chain)
            await change(cell, STORE, order_id, partial(cancel, reason="too late"))
            requested = await statuses(cell, order_id, *chain)
            await change(cell, SHOP, seller_order, partial(cancel, reason="as you like"))
            return requested, await levels(cell, order_id, *chain)

        requested, orders = run(story())
        assert requested[0] == "waiting-for-seller-decision"
        assert requested[-1] == "cancellation-requested"
        assert {str(order.status) for order in orders} == {"canceled"}
        assert {order.cancellation.reason for order in orders} == {"too late"}

    @pytest.mark.guarantee("G12")
    def test_the_seller_denies(self, cell, clock, chain):
        def deny(order, context):
            denied = events.CancellationDenied(request_id=order.requests[-1].id, reason="engraved")
            return with_automatic_transitions(order, [denied], context)

        async def story():
            order_id, seller_order = await self.consume(cell, chain)
            await change(cell, STORE, order_id, cancel)
            await change(cell, SHOP, seller_order, deny)
            return await levels(cell, order_id, *chain)

        orders = run(story())
        assert str(orders[0].status) == "payment-approved"
        assert str(orders[-1].status) == "handling"
        assert {order.requests[-1].denial_reason for order in orders} == {"engraved"}
        assert all(not order.cancellation for order in orders)

    @pytest.mark.guarantee("G11")
    def test_an_invoice_counts_as_a_denial(self, cell, clock, chain):
        async def story():
            order_id, seller_order = await self.consume(cell, chain)
            await change(cell, STORE, order_id, cancel)
            await change(cell, SHOP, seller_order, invoice())
            return await levels(cell, order_id, *chain)

        orders = run(story())
        assert {str(order.status) for order in orders} == {"invoiced"}
        assert dead(cell) == []

    @pytest.mark.guarantee("G11")
    def test_a_cancellation_that_crosses_an_invoice(self, cell, clock, chain):
        async def story():
            order_id, seller_order = await self.consume(cell, chain)
            await cell.ledger.change(CommandContext(SHOP, "test"), seller_order, invoice())
            await cell.ledger.change(CommandContext(STORE, "test"), order_id, cancel)
            await settle(cell)
            return await levels(cell, order_id, *chain)

        orders = run(story())
        assert {str(order.status) for order in orders} == {"invoiced"}
        assert dead(cell) == []

    @pytest.mark.guarantee("G16")
    def test_no_decision_in_thirty_days_cancels_on_all_sides(self, cell, clock, chain):
        async def story():
            order_id, _ = await self.consume(cell, chain)
            await change(cell, STORE, order_id, partial(cancel, reason="too late"))
            clock.at = START + timedelta(days=29, hours=23)
            await settle(cell)
            before = await statuses(cell, order_id, *chain)
            clock.at = START + timedelta(days=30)
            await settle(cell)
            return before, await levels(cell, order_id, *chain)

        before, orders = run(story())
        assert before[0] == "waiting-for-seller-decision"
        assert {str(order.status) for order in orders} == {"canceled"}

    def test_the_seller_cancels_by_itself(self, cell, clock, chain):
        async def story():
            order_id, seller_order = await self.consume(cell, chain)
            await change(cell, SHOP, seller_order, partial(cancel, reason="broken"))
            await change(cell, SHOP, seller_order, cancel)
            window = await statuses(cell, order_id, *chain)
            clock.at = START + timedelta(days=2)
            await settle(cell)
            return window, await levels(cell, order_id, *chain)

        window, orders = run(story())
        assert (window[0], window[-1]) == ("window-to-change-seller", "canceled")
        assert {str(order.status) for order in orders} == {"canceled"}
        assert orders[0].cancellation.by == "seller-notification"
        assert orders[0].cancellation.reason == "broken"

    @pytest.mark.guarantee("G14")
    def test_a_payment_that_does_not_come_ends_all_sides(self, cell, clock, chain):
        async def story():
            await open_accounts(cell, STORE, MIDDLE, SHOP, payment_expiry=60)
            order_id = await sell(cell, 1, *chain, paid=False)
            await settle(cell)
            clock.at = START + timedelta(minutes=60)
            await settle(cell)
            return await levels(cell, order_id, *chain)

        orders = run(story())
        assert {str(order.status) for order in orders} == {"canceled"}
        assert {order.cancellation.by for order in orders} == {"payment-notification"}


@pytest.mark.guarantee("G16")
def test_a_dispatch_that_nobody_authorizes_is_canceled_after_thirty_days(cell, clock):
    async def story():
        await open_accounts(cell, STORE, SHOP, window_to_change_seller_days=0)
        order_id = await sell(cell, paid=False)
        await settle(cell)
        clock.at = START + timedelta(days=30)
        await settle(cell)
        return await statuses(cell, order_id)

    assert run(story()) == ["canceled", "canceled"]


@pytest.mark.guarantee("G12")
def test_a_denial_of_an_earlier_request_does_not_deny_a_later_one(cell, clock):
    async def story():
        order_id, _ = await TestCancellation.consume(cell, (SHOP,))
        order = await change(cell, STORE, order_id, cancel)
        first = order.requests[-1].id
        deny = partial(record_seller_denial, request_id=first, reason="no")
        await cell.ledger.change(CommandContext(STORE, "test"), order_id, deny)
        await cell.ledger.change(
            CommandContext(STORE, "test"), order_id, partial(cancel, reason="again")
        )
        await cell.ledger.change(
            CommandContext(STORE, "test"), order_id, deny
        )  # delivered once more
        return await cell.ledger.order(STORE, order_id)

    assert str(run(story()).status) == "waiting-for-seller-decision"


@pytest.mark.guarantee("G17")
def test_every_side_names_the_first_cause_in_the_event_that_cancels(cell, clock):
    """Whoever confirms or echoes it: the shopper asked first, and gave the reason."""

    async def story():
        order_id, seller_order = await TestCancellation.consume(cell, (SHOP,))
        shopper = partial(cancel, reason="changed my mind", requested_by_user=True)
        await change(cell, STORE, order_id, shopper)
        await change(cell, SHOP, seller_order, partial(cancel, reason="out of stock"))
        await change(cell, STORE, order_id, partial(cancel, reason="once more"))
        return await levels(cell, order_id)

    orders = run(story())
    assert {str(order.status) for order in orders} == {"canceled"}
    for order in orders:
        assert (order.cancellation.by, order.cancellation.reason) == ("user", "changed my mind")
        started = next(at for status, at in order.timeline if str(status) == "cancel")
        assert order.canceled_at == started


@pytest.mark.guarantee("G18")
def test_the_last_of_two_sellers_finishes_its_order_after_a_change_of_the_other(cell, clock):
    """One purchase, two orders: what becomes of one is nothing to the other."""

    async def story():
        await open_accounts(cell, STORE, SHOP, OTHER_SHOP)
        first, second = await sell(cell, 1), await sell(cell, 2)
        await settle(cell)
        for _ in range(2):
            await change(cell, SHOP, f"00-{first}", cancel)
        delivery = {"selectedSla": "PAC", "selectedDeliveryChannel": "delivery", "itemIndex": 0}
        wanted: dict[str, Any] = {"seller": OTHER_SHOP, "deliveries": [delivery]}
        proposal = partial(propose_seller, payment_value=3000, **wanted)
        order = await cell.ledger.change(CommandContext(STORE, "store"), first, proposal)
        seller_order = order.proposals[-1][1]
        await place_at(cell, CommandContext(STORE, "op"), order, OTHER_SHOP, seller_order)
        taken = partial(change_seller, seller_name="Other", seller_order_id=seller_order, **wanted)
        await change(cell, STORE, first, taken)
        await change(cell, OTHER_SHOP, seller_order, invoice("1"))
        await change(cell, SHOP, f"00-{second}", invoice("2"))
        former = await cell.ledger.order(SHOP, f"00-{first}")
        return former, await levels(cell, first), await levels(cell, second)

    former, first, second = run(story())
    assert str(former.status) == "canceled"
    assert {str(order.status) for order in (*first, *second)} == {"invoiced"}
    assert dead(cell) == []


@pytest.mark.guarantee("G45")
def test_a_seller_that_was_proposed_and_not_taken_up_has_to_cancel(cell, clock):
    async def story():
        await open_accounts(cell, STORE, SHOP, OTHER_SHOP)
        order_id = await sell(cell, paid=False)
        await settle(cell)
        delivery = {"selectedSla": "PAC", "selectedDeliveryChannel": "delivery", "itemIndex": 0}
        proposal = partial(
            propose_seller, seller=OTHER_SHOP, payment_value=None, deliveries=[delivery]
        )
        order = await cell.ledger.change(CommandContext(STORE, "store"), order_id, proposal)
        seller_order = order.proposals[-1][1]
        await place_at(cell, CommandContext(STORE, "op"), order, OTHER_SHOP, seller_order)
        await settle(cell)  # here the process of the change died
        before = await cell.ledger.order(OTHER_SHOP, seller_order)
        clock.at += timedelta(minutes=2)
        await settle(cell)
        return (
            before,
            await cell.ledger.order(OTHER_SHOP, seller_order),
            await statuses(cell, order_id),
        )

    before, after, others = run(story())
    assert [str(before.status), str(after.status)] == ["waiting-ffmt-authorization", "canceled"]
    assert others == ["payment-pending", "waiting-ffmt-authorization"]


def test_the_dispatcher_of_a_worker_makes_what_is_pending_when_it_is_signaled(cell, monkeypatch):
    """In its own thread; the second call to a party is made once the first is on record."""
    done = threading.Event()
    authorize = dispatcher.HANDLERS["authorize-fulfillment"]

    async def then_tell(cell, message):
        await authorize(cell, message)
        done.set()

    monkeypatch.setitem(dispatcher.HANDLERS, "authorize-fulfillment", then_tell)

    async def sale():
        await open_accounts(cell, STORE, SHOP)
        return await sell(cell)

    order_id = run(sale())
    worker = Cell(cell.settings, cell.clock)
    board = dispatcher.OutboxDispatcher(worker)
    try:
        board.signal()
        # What the first round leads to has pending by the time the scheduler's sweep signals it
        # again.
        while not done.wait(timeout=0.2):
            board.signal()
    finally:
        board.close()
        worker.close()
    cell.ledger.loader.forget(f"{SHOP}/00-{order_id}")
    assert str(run(cell.ledger.order(SHOP, f"00-{order_id}")).status) == "ready-for-handling"
