from datetime import timedelta

import pytest

from oms_ledger.orders import events as e
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
from tests.support import scenarios as s
from tests.support.given_when_then import RECEIPT, START

TOO_LATE = TIME_TO_PAY + timedelta(seconds=1)
ALL = frozenset({"CARD", "SLIP"})


def test_an_order_whose_payments_are_all_approved_goes_on_to_its_window():
    s.placed.when(process_order, approved=ALL).then(
        *s.BEGUN,
        e.PaymentAuthorized("CARD", RECEIPT),
        e.PaymentAuthorized("SLIP", RECEIPT),
        *s.PAID,
    )


def test_one_pending_payment_keeps_the_order_waiting_for_it():
    s.placed.when(process_order, approved=frozenset({"CARD"})).then(
        *s.BEGUN, e.PaymentAuthorized("CARD", RECEIPT)
    )


def test_G5_processing_again_is_answered_and_changes_nothing():
    s.awaiting_payment.when(process_order, approved=ALL).then()


def test_an_order_is_processed_within_five_minutes_or_never():
    s.placed.when(process_order, later=TIME_TO_PAY, approved=ALL).rests_in(Status.WINDOW_TO_CANCEL)
    s.placed.when(process_order, later=TOO_LATE, approved=ALL).refused(PlacementTooOld)
    expired = s.placed.and_(e.PlacementExpired(START + TIME_TO_PAY))
    expired.when(process_order, approved=ALL).refused(PlacementTooOld)
    expired.when(send_payments, payments=()).refused(PlacementTooOld)


def test_payments_are_recorded_once():
    sent = (s.CARD,)
    s.placed.when(send_payments, payments=sent).then(e.PaymentsSent(sent))
    s.placed.and_(e.PaymentsSent(sent)).when(send_payments, payments=sent).then()
    s.awaiting_payment.when(send_payments, payments=sent).then()


def test_a_placement_expires_once_and_only_while_incomplete():
    s.placed.when(expire_placement, later=TIME_TO_PAY).then(e.PlacementExpired(START + TIME_TO_PAY))
    s.placed.when(expire_placement, later=TIME_TO_PAY - timedelta(seconds=1)).then()
    s.placed.and_(e.PlacementExpired(START)).when(expire_placement, later=TIME_TO_PAY).then()
    s.awaiting_payment.when(expire_placement, later=TIME_TO_PAY).then()


def test_the_payment_that_completes_the_sum_approves_the_order():
    s.card_approved.when(notify_payment, payment_id="slip").then(
        e.PaymentAuthorized("SLIP", RECEIPT), *s.PAID
    )


def test_the_first_of_two_payments_is_recorded_and_the_order_waits_on():
    s.awaiting_payment.when(notify_payment, payment_id="CARD").then(
        e.PaymentAuthorized("CARD", RECEIPT)
    )


@pytest.mark.parametrize("story", [s.card_approved, s.in_window, s.in_handling, s.canceled])
def test_G5_hearing_of_the_same_approval_twice_changes_nothing(story):
    story.when(notify_payment, payment_id="CARD").then()


def test_a_payment_of_another_order_is_unknown():
    s.awaiting_payment.when(notify_payment, payment_id="OTHER").refused(UnknownPayment)


def test_G13_a_payment_heard_of_early_counts_when_the_order_is_processed():
    s.placed.when(notify_payment, payment_id="SLIP").then(e.PaymentAuthorized("SLIP", RECEIPT))
    early = s.placed.and_(e.PaymentAuthorized("SLIP", RECEIPT))
    early.when(notify_payment, payment_id="SLIP").then()
    early.when(process_order, approved=frozenset({"CARD"})).then(
        *s.BEGUN, e.PaymentAuthorized("CARD", RECEIPT), *s.PAID
    )
    both = early.and_(e.PaymentAuthorized("CARD", RECEIPT))
    both.when(process_order, approved=frozenset()).then(*s.BEGUN, *s.PAID)


def test_an_order_that_stays_incomplete_for_ever_hears_of_no_payment():
    expired = s.placed.and_(e.PlacementExpired(START))
    expired.when(notify_payment, payment_id="CARD").refused(NoWorkflow)


def test_a_canceled_order_takes_no_new_payment():
    unpaid = s.awaiting_payment.and_(e.CancellationStarted(by="user", receipt="R"), e.Canceled())
    unpaid.when(notify_payment, payment_id="CARD").refused(PaymentNotPending)


def test_the_window_closes_when_its_time_has_come_and_not_before():
    s.in_window.when(close_cancellation_window, later=s.WINDOW).then(e.CancellationWindowClosed())
    s.in_window.when(close_cancellation_window, later=s.WINDOW - timedelta(seconds=1)).then()


@pytest.mark.parametrize("story", [s.placed, s.ready_for_handling, s.canceled])
def test_G16_the_timer_of_the_window_is_void_elsewhere(story):
    story.when(close_cancellation_window, later=s.WINDOW).then()


def test_handling_starts_once_and_from_ready_for_handling_only():
    s.ready_for_handling.when(start_handling).then(e.HandlingRequested(), e.HandlingStarted())
    for story in (s.awaiting_payment, s.in_window, s.in_handling, s.canceled):
        story.when(start_handling).refused(NotReadyForHandling)
    s.placed.when(start_handling).refused(NoWorkflow)
