"""What a return gives back: once, never above what was taken, and only of a whole invoice (G23)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.payments.refunds import captured, refundable
from oms_ledger.orders.refusals import InvalidRefund, NothingToRefund, RefundExceedsCaptured
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from tests.support import scenarios
from tests.support.given_when_then import (
    RECEIPT,
    START,
    Given,
    after,
)

DONE = (e.InvoiceVerified(), e.FullyInvoiced())
INVOICED = scenarios.in_handling.and_(scenarios.invoice(scenarios.VALUE, number="out"), *DONE)


def returning(story: Given, value: int, *items, number="in", **named):
    return story.when(
        issue_invoice,
        number=number,
        type="Input",
        value=value,
        issued_at=START,
        items=[InvoiceItemInput(*item) for item in items],
        **named,
    )


def with_payments(*payments: e.Payment) -> Given:
    """The invoiced order, had it been paid like this."""
    placed = replace(scenarios.purchase(), payments=payments)
    approved = [e.PaymentAuthorized(payment.id, RECEIPT) for payment in payments]
    rest = [x for x in INVOICED.events[1:] if not isinstance(x, e.PaymentAuthorized)]
    return Given((placed, *approved, *rest))


def refund(value: int, number="in") -> e.RefundRequested:
    return e.RefundRequested(request_id=RECEIPT, invoice_number=number, value=value)


@pytest.mark.guarantee("G23")
def test_a_return_of_an_invoiced_order_asks_the_gateway_for_its_value():
    returning(INVOICED, 45_00).then(
        replace(scenarios.invoice(45_00, number="in", type="Input"), refund=45_00), refund(45_00)
    )
    assert returning(INVOICED, 45_00).rests_in(Status.INVOICED).refunds == (refund(45_00),)


@pytest.mark.guarantee("G23")
def test_what_the_return_says_to_refund_wins_over_its_value():
    assert returning(INVOICED, 45_00, refund=40_00).decided()[-1] == refund(40_00)


@pytest.mark.guarantee("G23")
def test_while_not_all_is_invoiced_nothing_is_refunded_and_a_log_says_so():
    partly = scenarios.in_handling.and_(scenarios.invoice(45_00, number="out"))
    issued, logged = returning(partly, 45_00).decided()
    assert issued.refund is None
    assert isinstance(logged, e.InteractionLogged)
    assert returning(partly, 45_00).rests_in(Status.HANDLING).refunds == ()


@pytest.mark.guarantee("G23")
def test_refunds_together_never_exceed_what_was_captured():
    once = returning(INVOICED, 60_00).decided()
    consume = INVOICED.and_(*once)
    returning(consume, 40_01, number="in-2").refused(RefundExceedsCaptured)
    assert returning(consume, 40_00, number="in-2").decided()[-1] == refund(40_00, "in-2")
    with pytest.raises(RefundExceedsCaptured, match="more than 4000"):
        returning(consume, 40_01, number="in-2").decided()


@pytest.mark.guarantee("G23")
def test_the_interest_that_was_taken_can_be_given_back():
    card = e.Payment("CARD", "2", "Visa", "creditCard", 110_00, 100_00, installments=3)
    returning(with_payments(card), 110_00).rests_in(Status.INVOICED)
    returning(with_payments(card), 110_01).refused(RefundExceedsCaptured)


@pytest.mark.guarantee("G23")
def test_an_order_that_became_cheaper_was_captured_at_its_lower_value():
    cheaper = replace(INVOICED.order, totals=(e.Total("Items", 80_00),))
    assert captured(cheaper) == 80_00


@pytest.mark.guarantee("G23")
def test_where_nothing_was_captured_nothing_can_be_refunded():
    returning(with_payments(), 1).refused(NothingToRefund)


@pytest.mark.guarantee("G23")
def test_a_refund_of_nothing_needs_items():
    returning(INVOICED, 45_00, refund=0).refused(InvalidRefund)
    exchange = returning(INVOICED, 45_00, ("lamp", 1), refund=0)
    invoiced = INVOICED.events[:-3]
    items = scenarios.invoice(
        scenarios.VALUE,
        e.InvoicedItem(0, 2, 45_00, unique_id="LINE-1"),
        e.InvoicedItem(1, 1, 10_00, unique_id="LINE-2"),
        number="out",
    )
    story = Given((*invoiced, items, *DONE))
    (issued,) = returning(story, 45_00, ("lamp", 1), refund=0).decided()
    assert issued.refund is None
    exchange.refused(Refusal)  # without units that went out there are none to come back


@pytest.mark.guarantee("G23")
def test_a_seller_order_returns_what_was_invoiced_and_its_marketplace_refunds():
    story = scenarios.seller_ready.and_(
        e.HandlingRequested(),
        e.HandlingStarted(),
        scenarios.invoice(scenarios.VALUE, number="out"),
        *DONE,
    )
    (issued,) = returning(story, 45_00).decided()
    assert issued.refund == 45_00
    consume = story.and_(issued)
    assert refundable(consume.order) == 55_00
    returning(consume, 55_01, number="in-2").refused(RefundExceedsCaptured)


@pytest.mark.guarantee("G23")
def test_a_return_that_is_sent_again_asks_for_nothing_more():
    consume = INVOICED.and_(*returning(INVOICED, 45_00).decided())
    again = e.InvoiceRepeated(number="in", receipt=RECEIPT)
    assert returning(consume, 45_00, receipted=True).decided() == [again]
    assert returning(consume, 45_00, once=True).decided() == []
    assert returning(consume, 99_00).rests_in(Status.INVOICED).refunds == consume.order.refunds


@pytest.mark.guarantee("G23")
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 120_00), st.booleans()), max_size=12),
    st.integers(0, 20_00),
)
def test_whatever_returns_come_each_is_refunded_once_and_no_cent_too_much(returns, interest):
    card = e.Payment("CARD", "2", "Visa", "creditCard", 100_00 + interest, 100_00)
    order = with_payments(card).order
    for at, (number, value, fields) in enumerate(returns):
        try:
            events = issue_invoice(
                order,
                DecisionContext(START, f"receipt-{at}"),
                number=f"in-{number}",
                type="Input",
                value=value,
                issued_at=START,
                refund=value // 2 if fields else None,
            )
        except Refusal:
            continue
        order = after(events, order)
    numbers = [requested.invoice_number for requested in order.refunds]
    assert len(numbers) == len(set(numbers))
    assert len({requested.request_id for requested in order.refunds}) == len(numbers)
    assert (
        sum(requested.value for requested in order.refunds) <= captured(order) == 100_00 + interest
    )
    assert order.invoiced_value == 100_00
