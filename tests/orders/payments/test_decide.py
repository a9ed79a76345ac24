from datetime import timedelta

import pytest

from oms_ledger.orders import events
from oms_ledger.orders.handling.decide import close_cancellation_window, start_handling
from oms_ledger.orders.payments.decide import (
    TIME_TO_PAY,
    expire_placement,
    notify_payment,
    process_order,
    send_payments,
)
from oms_ledger.orders.refusals import (
    NotReadyForHandling,
    NoWorkflow,
    PaymentNotPending,
    PlacementTooOld,
    UnknownPayment,
)
from oms_ledger.orders.status import Status
from tests.support import scenarios
from tests.support.given_when_then import RECEIPT, START

TOO_LATE = TIME_TO_PAY + timedelta(seconds=1)
ALL = frozenset({"CARD", "SLIP"})


def test_an_order_whose_payments_are_all_approved_goes_on_to_its_window():
    scenarios.placed.when(process_order, approved=ALL).then(
        *scenarios.BEGUN,
        events.PaymentAuthorized("CARD", RECEIPT),
        events.PaymentAuthorized("SLIP", RECEIPT),
        *scenarios.PAID,
    )


def test_one_pending_payment_keeps_the_order_waiting_for_it():
    scenarios.placed.when(process_order, approved=frozenset({"CARD"})).then(
        *scenarios.BEGUN, events.PaymentAuthorized("CARD", RECEIPT)
    )


@pytest.mark.guarantee("G5")
def test_processing_again_is_answered_and_changes_nothing():
    scenarios.awaiting_payment.when(process_order, approved=ALL).then()


def test_an_order_is_processed_within_five_minutes_or_never():
    scenarios.placed.when(process_order, later=TIME_TO_PAY, approved=ALL).rests_in(
        Status.WINDOW_TO_CANCEL
    )
    scenarios.placed.when(process_order, later=TOO_LATE, approved=ALL).refused(PlacementTooOld)
    expired = scenarios.placed.and_(events.PlacementExpired(START + TIME_TO_PAY))
    expired.when(process_order, approved=ALL).refused(PlacementTooOld)
    expired.when(send_payments, payments=()).refused(PlacementTooOld)


def test_payments_are_recorded_once():
    sent = (scenarios.CARD,)
    scenarios.placed.when(send_payments, payments=sent).then(events.PaymentsSubmitted(sent))
    scenarios.placed.and_(events.PaymentsSubmitted(sent)).when(send_payments, payments=sent).then()
    scenarios.awaiting_payment.when(send_payments, payments=sent).then()


def test_a_placement_expires_once_and_only_while_incomplete():
    scenarios.placed.when(expire_placement, later=TIME_TO_PAY).then(
        events.PlacementExpired(START + TIME_TO_PAY)
    )
    scenarios.placed.when(expire_placement, later=TIME_TO_PAY - timedelta(seconds=1)).then()
    scenarios.placed.and_(events.PlacementExpired(START)).when(
        expire_placement, later=TIME_TO_PAY
    ).then()
    scenarios.awaiting_payment.when(expire_placement, later=TIME_TO_PAY).then()


def test_the_payment_that_completes_the_sum_approves_the_order():
    scenarios.card_approved.when(notify_payment, payment_id="slip").then(
        events.PaymentAuthorized("SLIP", RECEIPT), *scenarios.PAID
    )


def test_the_first_of_two_payments_is_recorded_and_the_order_waits_on():
    scenarios.awaiting_payment.when(notify_payment, payment_id="CARD").then(
        events.PaymentAuthorized("CARD", RECEIPT)
    )


@pytest.mark.guarantee("G5")
@pytest.mark.parametrize(
    "story",
    [scenarios.card_approved, scenarios.in_window, scenarios.in_handling, scenarios.canceled],
)
def test_the_same_approval_twice_changes_nothing(story):
    story.when(notify_payment, payment_id="CARD").then()


def test_a_payment_of_another_order_is_unknown():
    scenarios.awaiting_payment.when(notify_payment, payment_id="OTHER").refused(UnknownPayment)


@pytest.mark.guarantee("G13")
def test_a_payment_reported_early_counts_when_the_order_is_processed():
    scenarios.placed.when(notify_payment, payment_id="SLIP").then(
        events.PaymentAuthorized("SLIP", RECEIPT)
    )
    early = scenarios.placed.and_(events.PaymentAuthorized("SLIP", RECEIPT))
    early.when(notify_payment, payment_id="SLIP").then()
    early.when(process_order, approved=frozenset({"CARD"})).then(
        *scenarios.BEGUN, events.PaymentAuthorized("CARD", RECEIPT), *scenarios.PAID
    )
    both = early.and_(events.PaymentAuthorized("CARD", RECEIPT))
    both.when(process_order, approved=frozenset()).then(*scenarios.BEGUN, *scenarios.PAID)


def test_an_order_that_stays_incomplete_for_ever_takes_no_payment():
    expired = scenarios.placed.and_(events.PlacementExpired(START))
    expired.when(notify_payment, payment_id="CARD").refused(NoWorkflow)


def test_a_canceled_order_takes_no_new_payment():
    unpaid = scenarios.awaiting_payment.and_(
        events.CancellationStarted(by="user", receipt="R"), events.Canceled()
    )
    unpaid.when(notify_payment, payment_id="CARD").refused(PaymentNotPending)


def test_the_window_closes_when_its_time_has_come_and_not_before():
    scenarios.in_window.when(close_cancellation_window, later=scenarios.WINDOW).then(
        events.CancellationWindowClosed()
    )
    scenarios.in_window.when(
        close_cancellation_window, later=scenarios.WINDOW - timedelta(seconds=1)
    ).then()


@pytest.mark.guarantee("G16")
@pytest.mark.parametrize(
    "story", [scenarios.placed, scenarios.ready_for_handling, scenarios.canceled]
)
def test_the_timer_of_the_window_is_void_elsewhere(story):
    story.when(close_cancellation_window, later=scenarios.WINDOW).then()


def test_handling_starts_once_and_from_ready_for_handling_only():
    scenarios.ready_for_handling.when(start_handling).then(
        events.HandlingRequested(), events.HandlingStarted()
    )
    for story in (
        scenarios.awaiting_payment,
        scenarios.in_window,
        scenarios.in_handling,
        scenarios.canceled,
    ):
        story.when(start_handling).refused(NotReadyForHandling)
    scenarios.placed.when(start_handling).refused(NoWorkflow)
