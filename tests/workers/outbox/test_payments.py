"""The gateway is asked once for what an order makes it do, and its answer is recorded once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.ledger import Ledger
from oms_ledger.notifications.channel import GATEWAY
from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import with_automatic_transitions
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.decide import expire_placement, notify_payment, process_order
from oms_ledger.orders.payments.gateway import (
    BuiltInGateway,
    GatewayRejected,
    GatewayUnavailable,
    Receipt,
)
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.orders.status import Status
from oms_ledger.services.outbox import admin
from oms_ledger.services.payments import outbox
from projections.outbox import claims, messages
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT, open_account, placed
from tests.support.run_until_idle import settle
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = "v1-01"
CARD = events.Payment("CARD", "2", "Visa", "creditCard", 65_00, 60_00, 3)
SLIP = events.Payment("SLIP", "6", "Boleto Bancário", "bankInvoice", 40_00, 40_00)
PURCHASE = replace(
    placed(price=25_00, quantity=4), payments=(CARD, SLIP), transaction_id="TRANSACTION"
)
CARD_ALONE = partial(process_order, approved=frozenset({"CARD"}))
PAID = partial(process_order, approved=frozenset({"CARD", "SLIP"}))


class Remote(BuiltInGateway):
    """A gateway that remembers what it did, by request id; `trouble` comes before or after."""

    def __init__(self):
        self.done = {}
        self.requested = []
        self.before = self.after = None

    def carry_out(self, transaction, kind, value, request_id):
        self.requested.append((kind, value, request_id))
        if self.before:
            raise self.before
        first = self.done.setdefault(request_id, (kind, value))
        assert first == (kind, value), "the same request asks for something else"
        if self.after:
            trouble, self.after = self.after, None
            raise trouble
        return Receipt(f"token-{request_id}", {"Tid": "1"})

    def total(self, kind):
        return sum(value for its_kind, value in self.done.values() if its_kind is kind)


@pytest.fixture
def remote(monkeypatch):
    gateway = Remote()
    monkeypatch.setattr(outbox, "holder_of", lambda cell, order: gateway)
    return gateway


def lived(cell, *decisions, purchase=PURCHASE, grace=0):
    """An order after decisions, and whatever it owes to others carried out."""

    async def story():
        await open_account(cell.ledger, grace_period_minutes=grace)
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {ORDER: purchase})
        for decision in decisions:
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), ORDER, decision)
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, ORDER)

    return asyncio.run(story())


def changed(cell, decision):
    async def story():
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), ORDER, decision)
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, ORDER)

    return asyncio.run(story())


def invoice(value, number="1", **more):
    return partial(
        issue_invoice, number=number, type="Output", value=value, issued_at=START, **more
    )


def returned(value, number="R"):
    return partial(
        issue_invoice, number=number, type="Input", value=value, issued_at=START, refund=value
    )


def listed(cell):
    with cell.database.snapshot() as connection:
        return messages.listed(connection, order_id=ORDER)


def history(cell):
    rows = cell.store.stream(f"{ACCOUNT}/{ORDER}")
    return [row.name for row in rows]


@pytest.mark.guarantee("G23")
def test_invoices_settle_their_value_and_their_share_of_the_interest(cell, remote):
    order = lived(cell, PAID, invoice(33_33), invoice(66_67, "2"))
    assert order.status is Status.INVOICED
    assert [value for _, value, _ in remote.requested] == [33_33 + 1_66, 66_67 + 3_34]
    assert remote.total(Kind.SETTLE) == 105_00 == order.captured
    by_payment = {one.payment.id: one.done[Kind.SETTLE] for one in order.balances}
    assert by_payment == {"CARD": 65_00, "SLIP": 40_00}
    assert {one.status for one in order.balances} == {"Finished"}


@pytest.mark.guarantee("G23")
def test_a_return_may_take_back_the_interest_and_not_a_cent_more(cell, remote):
    order = lived(cell, PAID, invoice(100_00), returned(70_00), returned(35_00, "R2"))
    assert remote.total(Kind.REFUND) == 105_00 == order.refunded
    assert {one.status for one in order.balances} == {"Refunded"}
    assert [kind for kind, *_ in remote.requested] == [Kind.SETTLE, Kind.REFUND, Kind.REFUND]
    with pytest.raises(Exception, match="more than 0"):
        changed(cell, returned(1, "R3"))
    assert len(remote.requested) == 3


@pytest.mark.guarantee("G23")
def test_the_same_return_sent_again_is_refunded_once(cell, remote):
    lived(cell, PAID, invoice(100_00), returned(70_00), returned(70_00))
    assert remote.total(Kind.REFUND) == 70_00
    changed(cell, returned(70_00))
    assert remote.total(Kind.REFUND) == 70_00


@pytest.mark.guarantee("G23")
@pytest.mark.parametrize("trouble", [GatewayUnavailable("timeout"), OSError("the process died")])
def test_an_answer_that_was_lost_is_requested_again_and_recorded_once(cell, remote, trouble):
    clock = set_clock(cell, START)
    remote.after = trouble  # the gateway did it, and nobody heard
    order = lived(cell, PAID, invoice(100_00))
    assert (order.captured, order.money.total(Kind.SETTLE, done=True)) == (105_00, 0)
    (message,) = listed(cell)
    assert (message.state, message.attempts) == (messages.WAITING, 1)
    clock.at = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    asyncio.run(settle(cell))
    order = asyncio.run(cell.ledger.order(ACCOUNT, ORDER))
    first, second = remote.requested
    assert first == second
    assert (remote.total(Kind.SETTLE), len(remote.done)) == (105_00, 1)
    assert order.money.total(Kind.SETTLE, done=True) == 105_00
    assert history(cell).count("payment-settled") == 1


@pytest.mark.guarantee("G23")
def test_a_crash_between_answer_and_record_asks_again_with_the_same_id(cell, remote):
    clock = set_clock(cell, START)

    async def until_pending():
        await open_account(cell.ledger, grace_period_minutes=0)
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {ORDER: PURCHASE})
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), ORDER, PAID)
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), ORDER, invoice(100_00))
        return await cell.ledger.order(ACCOUNT, ORDER)

    order = asyncio.run(until_pending())
    dispatcher.evaluate(cell, cell.loader())
    claimed = dispatcher.claim(cell, 10)  # mails to the customer among them
    (message,) = [one for one in claimed if one.channel == GATEWAY.name]
    (request,) = order.money.requests
    remote.carry_out(transaction_of([order]), request.kind, request.value, request.id)
    # The process dies here: the gateway has settled, nothing is recorded, the call is claimed.
    asyncio.run(settle(cell))
    assert len(remote.requested) == 1
    clock.at = START + claims.CLAIM_DURATION
    asyncio.run(settle(cell))
    assert remote.requested[0] == remote.requested[1]
    assert (len(remote.requested), remote.total(Kind.SETTLE)) == (2, 105_00)
    assert history(cell).count("payment-settled") == 1
    assert [one.state for one in listed(cell)] == [messages.DONE]
    assert message.key == request.id


@pytest.mark.guarantee("G23")
def test_a_crash_between_record_and_the_end_of_the_call_repeats_nothing(cell, remote):
    lived(cell, PAID, invoice(100_00))
    (message,) = listed(cell)
    asyncio.run(outbox.carry_out(cell, message))
    assert len(remote.requested) == 1
    assert history(cell).count("payment-settled") == 1


@pytest.mark.guarantee("G45")
def test_what_the_gateway_refuses_for_good_is_shown_and_can_be_resumed(cell, remote):
    remote.before = GatewayRejected("no such transaction")
    order = lived(cell, PAID, invoice(100_00))
    assert [one.failure for one in order.money.requests] == ["no such transaction"]
    assert len(order.failed_messages) == 1
    (dead,) = listed(cell)
    assert (dead.state, dead.last_error) == (messages.DEAD, "no such transaction")
    remote.before = None

    async def mended():
        await admin.resume(cell, CommandContext(ACCOUNT, "op"), dead.id)
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, ORDER)

    order = asyncio.run(mended())
    assert order.failed_messages == {}
    assert [(one.failure, one.receipt is None) for one in order.money.requests] == [(None, False)]
    assert remote.total(Kind.SETTLE) == 105_00


@pytest.mark.guarantee("G14")
def test_a_canceled_order_releases_what_was_authorized(cell, remote):
    order = lived(cell, PAID, cancel, grace=30)
    assert order.status is Status.CANCELED
    assert [(kind, value) for kind, value, _ in remote.requested] == [(Kind.CANCEL, 105_00)]
    assert {one.status for one in order.balances} == {"Cancelled"}
    assert sum(one.held for one in order.balances) == 0


@pytest.mark.guarantee("G14")
def test_a_canceled_order_has_the_gateway_forget_a_pending_payment(cell, remote):
    order = lived(cell, CARD_ALONE, cancel)
    assert [(kind, value) for kind, value, _ in remote.requested] == [(Kind.CANCEL, 105_00)]
    assert order.money.requests[0].parts == (events.Part("CARD", 65_00), events.Part("SLIP", 40_00))


@pytest.mark.guarantee("G14")
def test_an_order_canceled_after_its_return_gives_back_the_rest(cell, remote):
    order = lived(cell, PAID, invoice(100_00), returned(100_00), cancel)
    assert order.status is Status.CANCELED
    assert remote.total(Kind.REFUND) == remote.total(Kind.SETTLE) == 105_00
    assert remote.total(Kind.CANCEL) == 0


@pytest.mark.guarantee("G14")
def test_an_order_that_its_seller_refused_is_canceled_and_its_money_released(cell, remote):
    def refused(order, context):
        return with_automatic_transitions(order, [events.SellerRefused("out of stock")], context)

    sold = replace(PURCHASE, flow="marketplace", seller="toys")
    order = lived(cell, PAID, refused, purchase=sold)
    assert order.status is Status.CANCELED
    assert order.authorized_at is None
    assert [(kind, value) for kind, value, _ in remote.requested] == [(Kind.CANCEL, 105_00)]


@pytest.mark.guarantee("G13")
def test_an_order_paid_before_its_seller_confirmed_goes_on_when_it_does(cell, remote):
    def confirmed(order, context):
        return with_automatic_transitions(order, [events.SellerConfirmed()], context)

    sold = replace(PURCHASE, flow="marketplace", seller="toys")
    order = lived(cell, PAID, confirmed, purchase=sold)
    assert order.status is Status.PAYMENT_APPROVED
    assert history(cell).count("payment-approved") == 1


@pytest.mark.guarantee("G14")
def test_an_incomplete_order_keeps_no_money(cell, remote):
    clock = set_clock(cell, START)
    authorized = events.PaymentAuthorized("CARD", "R", request_id="A")
    lived(cell, lambda order, context: [events.AuthorizationRequested("A"), authorized])
    assert remote.requested == []
    clock.at = datetime(2026, 1, 1, 0, 6, tzinfo=UTC)
    asyncio.run(settle(cell))  # the timer of the placement, and what follows from it
    order = asyncio.run(cell.ledger.order(ACCOUNT, ORDER))
    assert (order.expired, order.status) == (True, None)
    assert [(kind, value) for kind, value, _ in remote.requested] == [(Kind.CANCEL, 105_00)]
    assert changed(cell, expire_placement) == order


def waiting(cell, minutes):
    """An order that waits for its slip, in an account that waits so long."""
    clock = set_clock(cell, START)

    async def story():
        await open_account(cell.ledger)
        expiry = AccountSettingsChanged({"payment_expiry": minutes})
        await cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lambda _: [expiry])
        cell.ledger.loader.forget(f"{ACCOUNT}/")
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {ORDER: PURCHASE})
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), ORDER, CARD_ALONE)
        await settle(cell)

    asyncio.run(story())
    return clock


def at(cell, clock, minutes):
    clock.at = START + timedelta(minutes=minutes)
    asyncio.run(settle(cell))
    return asyncio.run(cell.ledger.order(ACCOUNT, ORDER))


@pytest.mark.guarantee("G14")
def test_a_payment_that_is_not_made_in_time_cancels_its_order_and_is_released(cell, remote):
    clock = waiting(cell, 60)
    assert at(cell, clock, 59).status is Status.PAYMENT_PENDING
    order = at(cell, clock, 60)
    assert order.status is Status.CANCELED
    assert order.cancellation.by == "payment-notification"
    assert [(kind, value) for kind, value, _ in remote.requested] == [(Kind.CANCEL, 105_00)]
    assert at(cell, clock, 120) == order


@pytest.mark.guarantee("G16")
def test_the_expiry_of_a_payment_is_void_when_it_was_made(cell, remote):
    clock = waiting(cell, 60)
    changed(cell, partial(notify_payment, payment_id="SLIP"))
    assert at(cell, clock, 61).status is Status.READY_FOR_HANDLING
    assert remote.requested == []


def test_a_payment_waits_for_ever_unless_the_account_says_otherwise(cell, remote):
    clock = waiting(cell, 0)
    assert at(cell, clock, 60 * 24 * 365).status is Status.PAYMENT_PENDING


@pytest.mark.guarantee("G13")
def test_two_machines_that_learn_of_it_at_once_record_it_once(cell, remote):
    lived(cell, CARD_ALONE)
    result = partial(notify_payment, payment_id="SLIP")

    async def together():
        machines = [Ledger(cell.store, cell.encryption, cell.clock) for _ in range(4)]
        changes = [
            one.change(CommandContext(ACCOUNT, "test"), ORDER, result) for one in machines * 3
        ]
        return await asyncio.gather(*changes)

    orders = asyncio.run(together())
    assert {order.status for order in orders} == {Status.READY_FOR_HANDLING}
    names = history(cell)
    assert names.count("payment-authorized") == 2
    assert names.count("payment-approved") == 1


def test_an_order_whose_money_another_took_asks_no_gateway(cell, remote):
    seller = replace(PURCHASE, flow="seller", transaction_id=None)
    accepted = [
        events.OrderAccepted(),
        events.PurchaseCompleted(),
        events.DispatchAuthorizationAwaited(),
    ]
    order = lived(cell, lambda order, context: accepted, cancel, purchase=seller)
    assert order.status is Status.CANCELED
    assert remote.requested == []
    assert order.money.requests == ()
