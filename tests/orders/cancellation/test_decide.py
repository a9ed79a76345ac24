import pytest

from oms_ledger.orders import events as e
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import Busy, CancellationNotAllowed, NoWorkflow
from oms_ledger.orders.status import Status
from tests.support import scenarios as s
from tests.support.given_when_then import (
    RECEIPT,
    START,
    after,
    given,
)

REFUSED = e.CancellationDenied(request_id="ASKED", reason="already packed")


def denied(order: Order) -> Order:
    return after(follow_through(order, [REFUSED], Facts(START, RECEIPT)), order)


def passed(order: Order) -> list[str]:
    return [str(status) for status, _ in order.timeline]


@pytest.mark.parametrize("story", [s.awaiting_payment, s.card_approved, s.in_window])
def test_before_handling_could_begin_a_cancel_cancels_at_once(story):
    story.when(cancel, reason="no more", requested_by_user=True).then(
        e.CancellationStarted(
            by="user",
            receipt=RECEIPT,
            reason="no more",
            called_by_user=True,
            call_reason="no more",
        ),
        e.Canceled(),
    )


@pytest.mark.parametrize("story", [s.ready_for_handling, s.in_handling, s.seller_ready])
def test_once_handling_may_have_begun_the_first_call_asks(story):
    story.when(cancel, reason="no more").then(
        e.CancellationRequested(
            request_id=RECEIPT, requested_by_user=False, receipt=RECEIPT, reason="no more"
        )
    )


def test_G17_the_second_call_confirms_and_the_first_cause_stays():
    s.in_handling.and_(s.ASKED).when(cancel, reason="confirmed", requested_by_user=False).then(
        e.CancellationStarted(
            by="user", receipt=RECEIPT, reason="too late", call_reason="confirmed"
        ),
        e.Canceled(),
    )


def test_an_imported_request_without_a_known_first_cause_can_be_confirmed():
    imported = e.OrderImported(
        placed=s.purchase(), status="cancellation-requested", created_at=START, changed_at=START
    )
    given(imported).when(cancel, reason="confirmed").rests_in(Status.CANCELED)
    assert denied(given(imported).order).status is Status.READY_FOR_HANDLING


def test_canceling_again_changes_nothing():
    s.canceled.when(cancel, reason="another").then()
    assert s.canceled.order.cancellation.reason == "changed my mind"


def test_an_order_that_another_delivers_asks_its_seller_once():
    asked = [
        e.CancellationRequested(request_id=RECEIPT, requested_by_user=False, receipt=RECEIPT),
        e.SellerDecisionAwaited(),
    ]
    s.sold_for_another.when(cancel).then(*asked)
    s.sold_for_another.and_(*asked).when(cancel).then()


def test_an_incomplete_order_cannot_be_canceled():
    s.placed.when(cancel).refused(NoWorkflow)


def test_an_order_that_is_partly_invoiced_cannot_be_canceled():
    s.in_handling.and_(s.invoice(10_00)).when(cancel).refused(CancellationNotAllowed)


def test_an_invoiced_order_is_canceled_only_when_all_of_it_came_back():
    invoiced = s.in_handling.and_(s.invoice(s.VALUE), e.InvoiceVerified(), e.FullyInvoiced())
    invoiced.when(cancel).refused(CancellationNotAllowed)
    half = invoiced.and_(s.invoice(s.VALUE // 2, number="2", type="Input"))
    half.when(cancel).refused(CancellationNotAllowed)
    whole = half.and_(s.invoice(s.VALUE // 2, number="3", type="Input"))
    whole.when(cancel).rests_in(Status.CANCELED)


def test_a_passing_status_is_answered_with_try_again():
    s.ready_for_handling.and_(e.HandlingRequested()).when(cancel).refused(Busy)


@pytest.mark.parametrize("story", [s.ready_for_handling, s.in_handling])
def test_G10_in_the_complete_flow_a_denial_leads_straight_back(story):
    order = denied(story.and_(s.ASKED).order)
    assert order.status is story.order.status
    assert passed(order)[-2:] == ["cancellation-requested", str(story.order.status)]


def test_G10_in_the_seller_flow_a_denial_leads_back_by_its_own_status():
    order = denied(s.seller_ready.and_(s.ASKED).order)
    assert passed(order)[-2:] == ["cancellation-request-denied-ffm", "ready-for-handling"]


def test_in_the_marketplace_flow_a_denial_leads_back_to_payment_approved():
    order = denied(s.sold_for_another.and_(s.ASKED, e.SellerDecisionAwaited()).order)
    assert passed(order)[-2:] == ["cancellation-request-denied", "payment-approved"]


def test_a_denied_request_says_so_and_the_next_one_stands_on_its_own():
    order = denied(s.in_handling.and_(s.ASKED).order)
    assert (order.requests[0].denied_at, order.requests[0].denial_reason) == (
        START,
        "already packed",
    )
    again = s.in_handling.and_(s.ASKED, REFUSED).when(cancel, reason="please")
    assert [r.reason for r in again.rests_in(Status.CANCELLATION_REQUESTED).requests] == [
        "too late",
        "please",
    ]
