"""The payments of a transaction as clients really send them."""

from dataclasses import replace

import pytest

from oms_ledger.orders.events import Payment
from oms_ledger.orders.payments.gateway import BuiltInGateway, Outcome
from oms_ledger.orders.payments.submission import payments_sent, sent
from oms_ledger.orders.payments.systems import name_and_group
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.orders.refusals import InvalidPlacement
from tests.support import scenarios

CARD = Payment("P", "2", "Visa", "creditCard", 100, 100, details={"bin": "444433"})
GIFT = Payment("G", "16", "Vale", "giftCard", 50, 50)
SENT = {
    "paymentSystem": 2,
    "installments": "3",
    "value": 100,
    "fields": {
        "holderName": "J",
        "cardNumber": "4444 3333 2222 1111",
        "validationCode": "737",
        "dueDate": "10/30",
        "document": "8041734561",
    },
}


def test_of_a_card_only_the_first_six_and_last_four_digits_are_kept():
    [payment] = sent([SENT], (CARD,))
    assert (payment.id, payment.installments) == ("P", 3)
    assert payment.details == {"bin": "444433", "firstDigits": "444433", "lastDigits": "1111"}


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("****1111", {"lastDigits": "1111"}),
        ("12345678", {"lastDigits": "5678"}),
        ("", {}),
        (None, {}),
        (4444333322220002, {"firstDigits": "444433", "lastDigits": "0002"}),
    ],
)
def test_of_a_short_number_no_more_than_its_end_is_kept(number, kept):
    [payment] = sent([{"fields": {"cardNumber": number}}], (CARD,))
    assert payment.details == {"bin": "444433", **kept}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "ORD020"),
        ([], "ORD020"),
        (["?"], "ORD020"),
        ([{"fields": 5}], "ORD020"),
        ([{}, {}], "ORD020"),
        ([{"installments": 0}], "ORD042"),
        ([SENT, SENT], "CHK0198"),
        ([{"value": 99}], "CHK0198"),
        ([{"value": 90, "referenceValue": 100}], "CHK0016"),
        ([{"value": 1.5}], "ORD020"),
        ([{"paymentSystem": True}], "ORD020"),
    ],
)
def test_payments_that_do_not_pay_what_was_agreed_are_refused(body, code):
    with pytest.raises(InvalidPlacement) as refused:
        sent(body, (CARD,))
    assert refused.value.code == code


def test_another_system_may_pay_the_same_sum():
    [payment] = sent([{"paymentSystem": "125", "value": "100", "referenceValue": 100}], (CARD,))
    fields = (
        payment.id,
        payment.payment_system_name,
        payment.group,
        payment.value,
        payment.details,
    )
    assert fields == ("P", "Pix", "instantPayment", 100, {})


def test_installments_may_bring_interest_that_was_not_agreed_before():
    [payment] = sent([{"value": 108, "referenceValue": 100, "installments": 6}], (CARD,))
    assert (payment.value, payment.reference_value, payment.installments) == (108, 100, 6)


def test_two_cards_may_pay_what_one_was_placed_for_and_are_the_same_when_sent_again():
    body = [{"paymentSystem": 2, "value": 60}, {"paymentSystem": 4, "value": 40}]
    first, second = sent(body, (CARD,))
    assert (first.id, first.value, second.value, second.group) == ("P", 60, 40, "creditCard")
    assert second.id != first.id
    assert sent(body, (CARD,)) == (first, second)


def test_one_payment_may_pay_what_two_were_placed_for():
    other = replace(CARD, id="Q")
    [payment] = sent([{"value": 200}], (CARD, other))
    assert (payment.id, payment.value) == ("P", 200)


def test_gift_cards_need_not_be_sent_again():
    assert sent([{"value": 100}], (CARD, GIFT)) == (CARD, GIFT)
    assert sent([{"value": 100}, {"value": 50}], (CARD, GIFT)) == (CARD, GIFT)


@pytest.mark.guarantee("G20", "G21")
def test_what_is_sent_is_shared_among_the_orders_of_the_purchase_to_the_cent():
    half = replace(CARD, value=50, reference_value=50)
    first = scenarios.given(replace(scenarios.purchase(), payments=(half,))).order
    third = (replace(scenarios.MUGS, quantity=1, price=33),)
    orders = [
        replace(first, order_id="v1-01", totals=(scenarios.events.Total("Items", 67),)),
        replace(
            first,
            order_id="v1-02",
            items=third,
            totals=(scenarios.events.Total("Items", 33),),
        ),
    ]
    body = [{"value": 55, "referenceValue": 50}, {"value": 50, "paymentSystem": 4}]
    shares = payments_sent(body, orders)
    by_order = [[p.reference_value for p in shares[o.order_id]] for o in orders]
    assert [sum(own) for own in by_order] == [67, 33]
    assert [sum(column) for column in zip(*by_order, strict=True)] == [50, 50]
    assert sum(p.value for own in shares.values() for p in own) == 105
    after = [replace(order, payments=shares[order.order_id]) for order in orders]
    assert [p.value for p in transaction_of(after).payments] == [55, 50]


@pytest.mark.parametrize(
    ("system", "digits", "outcome"),
    [
        ("2", "1111", Outcome.APPROVED),
        ("4", None, Outcome.APPROVED),
        ("2", "0002", Outcome.DENIED),
        ("2", "0069", Outcome.DENIED),
        ("12", None, Outcome.APPROVED),
        ("16", None, Outcome.APPROVED),
        ("6", None, Outcome.PENDING),
        ("17", None, Outcome.PENDING),
        ("47", None, Outcome.PENDING),
        ("125", None, Outcome.PENDING),
        ("201", None, Outcome.PENDING),
        ("999", "1111", Outcome.PENDING),
    ],
)
def test_the_built_in_gateway_approves_cards_and_waits_for_the_others(system, digits, outcome):
    details = {"lastDigits": digits} if digits else {}
    payment = Payment("P", system, *name_and_group(system), 100, 100, details=details)
    order = scenarios.given(replace(scenarios.purchase(), payments=(payment,))).order
    result = BuiltInGateway().authorize(transaction_of([order]), "R")
    assert result.answers["P"].outcome is outcome
    assert result == BuiltInGateway().authorize(transaction_of([order]), "R")
