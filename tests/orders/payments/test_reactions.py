"""Whatever happens to an order, what is asked of the gateway agrees with it, to the cent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.orders import events as e
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.handling.decide import close_cancellation_window, start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.payments.balances import Kind, shared
from oms_ledger.orders.payments.decide import (
    attempt_of,
    deny_payment,
    expire_payment,
    expire_placement,
    notify_payment,
    record_authorization,
    unapproved,
)
from oms_ledger.orders.payments.gateway import (
    AuthorizationResult,
    Outcome,
    PaymentResult,
    Receipt,
)
from oms_ledger.orders.payments.manual import record_failure, record_outcome, request_manually
from oms_ledger.orders.payments.reactions import with_payment_requests
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from tests.support.purchases import placed

START = datetime(2026, 1, 1, tzinfo=UTC)
PAYMENTS = (
    e.Payment("A", "2", "Visa", "creditCard", 1075, 1000, 3),
    e.Payment("B", "6", "Boleto Bancário", "bankInvoice", 1333, 1333),
    e.Payment("C", "16", "Vale", "giftCard", 667, 667),
)
PURCHASE = replace(placed(1, price=1000, quantity=3), payments=PAYMENTS)
IDS = [payment.id for payment in PAYMENTS]


def authorized(order, context, *, outcomes):
    requested = unapproved(order)
    answers = dict(zip([p.id for p in requested], map(PaymentResult, outcomes), strict=False))
    return record_authorization(
        order, context, result=AuthorizationResult(attempt_of(order), requested, answers)
    )


def answered(order, context, *, fails):
    """The gateway answers the oldest question that is open."""
    waiting = [one for one in order.money.requests if one.receipt is None]
    if not waiting:
        return []
    if fails:
        return record_failure(order, context, asked_as=waiting[0].id, reason="no", connector={})
    return record_outcome(order, context, asked_as=waiting[0].id, receipt=Receipt("T"))


def commands():
    outcomes = st.lists(
        st.sampled_from([Outcome.APPROVED, Outcome.APPROVED, Outcome.PENDING, Outcome.DENIED]),
        min_size=3,
        max_size=3,
    )
    return st.one_of(
        st.builds(lambda fields: partial(authorized, outcomes=fields), outcomes),
        st.builds(
            lambda which, paid: partial(notify_payment, payment_id=which, paid=paid),
            st.sampled_from(IDS),
            st.sampled_from([None, None, 500]),
        ),
        st.builds(lambda which: partial(deny_payment, payment_id=which), st.sampled_from(IDS)),
        st.builds(lambda fails: partial(answered, fails=fails), st.booleans()),
        st.builds(
            lambda kind, value, name: partial(
                request_manually, kind=kind, value=value, asked_as=name
            ),
            st.sampled_from(list(Kind)),
            st.sampled_from([1, 333, 3075]),
            st.sampled_from("xy"),
        ),
        st.builds(
            lambda number, type, value: partial(
                issue_invoice, number=str(number), type=type, value=value, issued_at=START
            ),
            st.integers(1, 5),
            st.sampled_from(["Output", "Output", "Input"]),
            st.sampled_from([1, 999, 1000, 2000, 3000]),
        ),
        st.sampled_from(
            [
                start_handling,
                close_cancellation_window,
                cancel,
                cancel,
                expire_placement,
                expire_payment,
                partial(start_handling),
            ]
        ),
    )


def invoice(number, value):
    decide = partial(issue_invoice, number=number, type="Output", value=value, issued_at=START)
    return decide, 0


YES = (partial(authorized, outcomes=[Outcome.APPROVED] * 3), 0)
HANDLED = [YES, (close_cancellation_window, 40), (start_handling, 0)]
# How far an order may have come before anything may happen to it.
BEGINNINGS = [
    [],
    [YES],
    HANDLED,
    [*HANDLED, invoice("1", 1000)],
    [*HANDLED, invoice("1", 1000), invoice("2", 2000)],
]


def steps():
    anything = st.lists(st.tuples(commands(), st.sampled_from([0, 0, 1, 10, 40])), max_size=20)
    return st.builds(lambda consume, then: consume + then, st.sampled_from(BEGINNINGS), anything)


def lives(steps):
    order, now, rested = evolve(None, PURCHASE, START, "v1-01", "acme"), START, []
    for number, (decide, minutes) in enumerate(steps):
        now += timedelta(minutes=minutes)
        context = DecisionContext(now, f"receipt-{number}", payment_expiry=timedelta(minutes=30))
        try:
            events = with_payment_requests(order, decide(order, context), context)
        except Refusal:
            events = []
        before = order
        for event in events:
            order = evolve(order, event, now, "v1-01", "acme")
        rested.append((before, events, order))
    return rested


@pytest.mark.guarantee("G23")
@settings(max_examples=400, deadline=None)
@given(steps())
def test_no_payment_is_settled_released_or_refunded_beyond_what_there_is(steps):
    for _, _, order in lives(steps):
        for one in order.balances:
            requested = one.requested
            assert requested[Kind.SETTLE] <= one.approved
            assert requested[Kind.SETTLE] + requested[Kind.CANCEL] <= one.payment.value
            assert 0 <= requested[Kind.REFUND] <= requested[Kind.SETTLE]
            assert all(one.done[kind] <= requested[kind] for kind in Kind)
        assert order.refunded <= order.captured


@pytest.mark.guarantee("G14")
@settings(max_examples=400, deadline=None)
@given(steps())
def test_an_order_that_ended_keeps_no_money_without_a_request_to_release_it(steps):
    for _, _, order in lives(steps):
        if order.status is Status.CANCELED:
            assert sum(one.held for one in order.balances) == 0
            assert order.captured == order.refunded
        if order.expired:
            assert sum(one.held for one in order.balances) == 0
        if order.status is Status.INVOICED:
            assert sum(one.held for one in order.balances) == 0


@pytest.mark.guarantee("G20", "G21")
@settings(max_examples=400, deadline=None)
@given(steps())
def test_the_parts_of_a_request_are_the_whole_and_each_is_sent_once(steps):
    for _, events, order in lives(steps):
        requests = order.money.requests
        assert len({one.id for one in requests}) == len(requests)
        for one in requests:
            assert one.value == sum(part.value for part in one.parts) > 0
        settled = [x for x in events if isinstance(x, e.PaymentSettled)]
        assert all(order.money.request(x.request_id).value == x.value for x in settled)
        assert [p.id for p in transaction_of([order]).payments] == IDS


@pytest.mark.guarantee("G13")
@settings(max_examples=400, deadline=None)
@given(steps())
def test_an_order_with_all_its_money_never_rests_in_payment_pending(steps):
    for before, _, order in lives(steps):
        if order.status is Status.PAYMENT_PENDING:
            assert not order.paid
        if order.status is not before.status is Status.PAYMENT_PENDING:
            assert order.paid or order.cancellation


@pytest.mark.guarantee("G23")
@pytest.mark.parametrize("interest", [0, 1, 7, 99])
@pytest.mark.parametrize("values", [[3000], [1, 2999], [1000, 1000, 1000], [333] * 9 + [3]])
def test_partial_invoices_settle_the_interest_in_parts_that_add_up(values, interest):
    payment = replace(PAYMENTS[0], value=3000 + interest, reference_value=3000)
    order = evolve(None, replace(PURCHASE, payments=(payment,)), START, "v1-01", "acme")
    context = DecisionContext(START, "R", grace_period=timedelta(0))
    decisions: list[Callable[..., Any]] = [
        partial(authorized, outcomes=[Outcome.APPROVED]),
        start_handling,
        *(
            partial(issue_invoice, number=str(n), type="Output", value=value, issued_at=START)
            for n, value in enumerate(values)
        ),
    ]
    for decide in decisions:
        for event in with_payment_requests(order, decide(order, context), context):
            order = evolve(order, event, START, "v1-01", "acme")
    requested = [one.value for one in order.money.requests]
    assert sum(requested) == 3000 + interest == order.captured
    assert [value <= own <= value + interest for value, own in zip(values, requested, strict=True)]
    invoiced = 0
    for value, own in zip(values, requested, strict=True):
        due = interest * (invoiced + value) // 3000 - interest * invoiced // 3000
        assert own == value + due
        invoiced += value


@pytest.mark.guarantee("G21")
@given(st.integers(0, 5000), st.lists(st.integers(0, 2000), min_size=1, max_size=5))
def test_a_division_gives_no_payment_more_than_it_has(value, left):
    parts = shared(value, [(str(n), cents) for n, cents in enumerate(left)])
    given = {part.payment_id: part.value for part in parts}
    assert sum(given.values()) == min(value, sum(left))
    assert all(given.get(str(n), 0) <= cents for n, cents in enumerate(left))
