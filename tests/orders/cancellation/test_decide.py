from typing import Any

import pytest

from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import Busy, CancellationNotAllowed, NoWorkflow
from oms_ledger.orders.status import Status
from tests.support import scenarios
from tests.support.given_when_then import (
    RECEIPT,
    START,
    after,
    given,
)

REFUSED = events.CancellationDenied(request_id="REQUEST", reason="already packed")


def denied(order: Order) -> Order:
    return after(
        with_automatic_transitions(order, [REFUSED], DecisionContext(START, RECEIPT)), order
    )


def passed(order: Order) -> list[str]:
    return [str(status) for status, _ in order.timeline]


@pytest.mark.parametrize(
    "story", [scenarios.awaiting_payment, scenarios.card_approved, scenarios.in_window]
)
def test_before_handling_could_begin_a_cancel_cancels_at_once(story):
    story.when(cancel, reason="no more", requested_by_user=True).then(
        events.CancellationStarted(
            by="user",
            receipt=RECEIPT,
            reason="no more",
            called_by_user=True,
            call_reason="no more",
        ),
        events.Canceled(),
    )


@pytest.mark.parametrize(
    "story", [scenarios.ready_for_handling, scenarios.in_handling, scenarios.seller_ready]
)
def test_once_handling_may_have_begun_the_first_call_asks(story):
    story.when(cancel, reason="no more").then(
        events.CancellationRequested(
            request_id=RECEIPT, requested_by_user=False, receipt=RECEIPT, reason="no more"
        )
    )


@pytest.mark.guarantee("G17")
def test_the_second_call_confirms_and_the_first_cause_stays():
    scenarios.in_handling.and_(scenarios.CANCELLATION_REQUESTED).when(
        cancel, reason="confirmed", requested_by_user=False
    ).then(
        events.CancellationStarted(
            by="user", receipt=RECEIPT, reason="too late", call_reason="confirmed"
        ),
        events.Canceled(),
    )


def test_an_imported_request_without_a_known_first_cause_can_be_confirmed():
    imported = events.OrderImported(
        placed=scenarios.purchase(),
        status="cancellation-requested",
        created_at=START,
        changed_at=START,
    )
    given(imported).when(cancel, reason="confirmed").rests_in(Status.CANCELED)
    assert denied(given(imported).order).status is Status.READY_FOR_HANDLING


def test_canceling_again_changes_nothing():
    scenarios.canceled.when(cancel, reason="another").then()
    assert scenarios.canceled.order.cancellation.reason == "changed my mind"


def test_an_order_that_another_delivers_asks_its_seller_once():
    requested: list[Any] = [
        events.CancellationRequested(request_id=RECEIPT, requested_by_user=False, receipt=RECEIPT),
        events.SellerDecisionAwaited(),
    ]
    scenarios.sold_for_another.when(cancel).then(*requested)
    scenarios.sold_for_another.and_(*requested).when(cancel).then()


def test_an_incomplete_order_cannot_be_canceled():
    scenarios.placed.when(cancel).refused(NoWorkflow)


def test_an_order_that_is_partly_invoiced_cannot_be_canceled():
    scenarios.in_handling.and_(scenarios.invoice(10_00)).when(cancel).refused(
        CancellationNotAllowed
    )


def test_an_invoiced_order_is_canceled_only_when_all_of_it_came_back():
    invoiced = scenarios.in_handling.and_(
        scenarios.invoice(scenarios.VALUE), events.InvoiceVerified(), events.FullyInvoiced()
    )
    invoiced.when(cancel).refused(CancellationNotAllowed)
    half = invoiced.and_(scenarios.invoice(scenarios.VALUE // 2, number="2", type="Input"))
    half.when(cancel).refused(CancellationNotAllowed)
    whole = half.and_(scenarios.invoice(scenarios.VALUE // 2, number="3", type="Input"))
    whole.when(cancel).rests_in(Status.CANCELED)


def test_a_passing_status_is_answered_with_try_again():
    scenarios.ready_for_handling.and_(events.HandlingRequested()).when(cancel).refused(Busy)


@pytest.mark.guarantee("G10")
@pytest.mark.parametrize("story", [scenarios.ready_for_handling, scenarios.in_handling])
def test_in_the_complete_flow_a_denial_leads_straight_back(story):
    order = denied(story.and_(scenarios.CANCELLATION_REQUESTED).order)
    assert order.status is story.order.status
    assert passed(order)[-2:] == ["cancellation-requested", str(story.order.status)]


@pytest.mark.guarantee("G10")
def test_in_the_seller_flow_a_denial_leads_back_by_its_own_status():
    order = denied(scenarios.seller_ready.and_(scenarios.CANCELLATION_REQUESTED).order)
    assert passed(order)[-2:] == ["cancellation-request-denied-ffm", "ready-for-handling"]


def test_in_the_marketplace_flow_a_denial_leads_back_to_payment_approved():
    order = denied(
        scenarios.sold_for_another.and_(
            scenarios.CANCELLATION_REQUESTED, events.SellerDecisionAwaited()
        ).order
    )
    assert passed(order)[-2:] == ["cancellation-request-denied", "payment-approved"]


def test_a_denied_request_says_so_and_the_next_one_stands_on_its_own():
    order = denied(scenarios.in_handling.and_(scenarios.CANCELLATION_REQUESTED).order)
    assert (order.requests[0].denied_at, order.requests[0].denial_reason) == (
        START,
        "already packed",
    )
    again = scenarios.in_handling.and_(scenarios.CANCELLATION_REQUESTED, REFUSED).when(
        cancel, reason="please"
    )
    assert [r.reason for r in again.rests_in(Status.CANCELLATION_REQUESTED).requests] == [
        "too late",
        "please",
    ]
