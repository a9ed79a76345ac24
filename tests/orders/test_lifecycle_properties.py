"""Any commands in any order: what holds of a complete order whatever clients do."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents import filter_document, list_row, oms_document
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.flows import AUTOMATIC
from oms_ledger.orders.handling.decide import close_cancellation_window, start_handling
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.payments.decide import expire_placement, notify_payment, process_order
from oms_ledger.orders.payments.systems import NO_PAYMENT
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from tests.orders.test_flows import ARROWS
from tests.support.purchases import placed

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACED = placed(1, price=1000, quantity=3)
BESIDE_OTHERS = placed(1, price=0, quantity=3)
"""It costs nothing, and waits for the payment of its group."""
ALONE = replace(BESIDE_OTHERS, payments=(), transaction_id=NO_PAYMENT)
PASSING = AUTOMATIC["complete"].keys()


@dataclass(frozen=True)
class Step:
    decide: object
    minutes: int


def commands():
    invoices = st.builds(
        lambda number, type, value, units: partial(
            issue_invoice,
            number=str(number),
            type=type,
            value=value,
            issued_at=START,
            items=[InvoiceItemInput("7", units)] if units else [],
        ),
        st.integers(1, 4),
        st.sampled_from(["Output", "Output", "Output", "Input"]),
        st.sampled_from([0, 1, 1000, 2000, 3000, 3001]),
        st.integers(0, 4),
    )
    cancels = st.builds(
        lambda reason, actor: partial(cancel, reason=reason, requested_by_user=actor),
        st.sampled_from(["first", "second", None]),
        st.booleans(),
    )
    processed = st.sampled_from(
        [partial(process_order, approved=frozenset(a)) for a in ([], ["PAY"])]
    )
    others = st.sampled_from(
        [
            start_handling,
            close_cancellation_window,
            expire_placement,
            partial(notify_payment, payment_id="PAY"),
            partial(notify_payment, payment_id="NOPE"),
        ]
    )
    return st.one_of(processed, processed, others, others, invoices, cancels)


def steps():
    return st.lists(st.builds(Step, commands(), st.sampled_from([0, 0, 1, 10, 40])), max_size=25)


def purchases():
    return st.sampled_from([PLACED, PLACED, BESIDE_OTHERS, ALONE])


def lives(steps, purchase=PLACED):
    """Every state an order passes through, and the states it rests in after each command."""
    order = evolve(None, purchase, START, "v1-01", "acme")
    now, passed, rested = START, [order], [order]
    for number, step in enumerate(steps):
        now += timedelta(minutes=step.minutes)
        try:
            events = step.decide(order, DecisionContext(now, f"receipt-{number}"))
        except Refusal:
            events = []
        for event in events:
            order = evolve(order, event, now, "v1-01", "acme")
            passed.append(order)
        rested.append(order)
    return passed, rested


@pytest.mark.guarantee("G10")
@settings(max_examples=300, deadline=None)
@given(steps(), purchases())
def test_only_documented_transitions_and_no_rest_in_passing(steps, purchase):
    passed, rested = lives(steps, purchase)
    for before, after in pairwise(passed):
        if after.status is not before.status:
            assert (str(before.status or "null"), str(after.status)) in ARROWS
    assert all(order.status not in PASSING for order in rested)


@pytest.mark.guarantee("G21", "G22")
@settings(max_examples=300, deadline=None)
@given(steps(), purchases())
def test_invoices_never_exceed_the_value_and_the_value_is_its_parts(steps, purchase):
    passed, rested = lives(steps, purchase)
    value = sum(total.value for total in purchase.totals)
    for order in passed:
        assert order.value == sum(total.value for total in order.placed.totals) == value
        assert order.invoiced_value <= order.value
        assert all(left >= 0 for left in order.units_left())
    for order in rested:
        complete = bool(order.invoices) and order.invoiced_value == order.value
        assert complete == (order.status is Status.INVOICED) or order.canceled_at


@pytest.mark.guarantee("G14")
@settings(max_examples=200, deadline=None)
@given(steps())
def test_an_order_of_no_value_moves_with_the_payment_of_its_group(steps):
    """Whatever clients do to both, but for invoices: their values differ."""
    steps = [step for step in steps if getattr(step.decide, "func", None) is not issue_invoice]
    ours, theirs = (lives(steps, one)[1] for one in (BESIDE_OTHERS, PLACED))
    assert [order.status for order in ours] == [order.status for order in theirs]


@pytest.mark.guarantee("G17")
@settings(max_examples=200, deadline=None)
@given(steps())
def test_the_first_cause_of_a_cancellation_stays(steps):
    passed, _ = lives(steps)
    causes = [order.cancellation for order in passed if order.cancellation]
    assert all(cause == causes[0] for cause in causes)
    last = passed[-1]
    if last.cancellation and last.resumes and last.requests:
        assert last.cancellation.reason == last.requests[-1].reason


@pytest.mark.guarantee("G2")
@settings(max_examples=100, deadline=None)
@given(steps(), st.lists(commands(), max_size=10))
def test_a_decision_changes_no_order_by_itself_whether_it_refuses_or_not(steps, commands):
    order = lives(steps)[1][-1]
    before = repr(order)
    for decide in commands:
        with suppress(Refusal):
            decide(order, DecisionContext(START + timedelta(days=1), "receipt"))
        assert repr(order) == before


@pytest.mark.guarantee("G2")
@settings(max_examples=100, deadline=None)
@given(steps(), commands())
def test_after_a_refusal_the_same_command_is_refused_again(steps, decide):
    order = lives(steps)[1][-1]
    answers = []
    for _ in range(2):
        try:
            answers.append(decide(order, DecisionContext(START + timedelta(days=1), "receipt")))
        except Refusal as refusal:
            answers.append((refusal.code, str(refusal)))
    assert answers[0] == answers[1]


@settings(max_examples=100, deadline=None)
@given(steps(), purchases())
def test_every_version_has_its_documents_and_they_agree(steps, purchase):
    for order in lives(steps, purchase)[0]:
        oms, seen, row = oms_document(order), filter_document(order), list_row(order)
        assert oms["value"] == seen["value"] == row["totalValue"] == order.value
        assert oms["status"] == seen["status"] == row["status"]
        assert oms["value"] == sum(total["value"] for total in oms["totals"])


def test_an_order_but_for_some_parts_is_what_replace_makes_of_it():
    order = evolve(None, PLACED, START, "v1-01", "acme")
    before = (order.value, order.lines, order.balances, order.invoiced_value)
    news: dict[str, Any] = {"totals": (), "items": (), "changed_at": START + timedelta(days=1)}
    made, expected = order.but(**news), replace(order, **news)
    assert made == expected
    assert vars(made) == vars(expected)
    assert (made.value, made.lines) == (0, ())
    assert (order.value, order.lines, order.balances, order.invoiced_value) == before
