"""When an order may get another seller, and every reason why not (contract 01 §5)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from oms_ledger.orders import events
from oms_ledger.orders.marketplace.change_seller import (
    change_seller,
    change_seller_refusal,
    close_seller_window,
    propose_seller,
)
from oms_ledger.orders.refusals import SellerNotChanged
from oms_ledger.orders.status import Status
from tests.support.given_when_then import RECEIPT, START, after
from tests.support.scenarios import (
    CARD,
    LAMP,
    MUGS,
    SLIP,
    given,
    in_handling,
    invoice,
    purchase,
)

LINES = (MUGS, LAMP)
BEGUN = (events.WorkflowCreated(), events.PurchaseCompleted(), events.SellerConfirmationAwaited())
CLOSES = START + timedelta(days=2)


def sold(**more):
    placed = replace(purchase("marketplace"), seller="shop", payments=(CARD,))
    lines = tuple({"itemIndex": index, "selectedSla": "Slow"} for index in range(2))
    return given(replace(placed, logistics=lines, **more), *BEGUN)


pending = sold().and_(events.SellerConfirmed("00-v1acme-01"))
paid = pending.and_(events.PaymentApprovalRecorded(), events.PaymentApproved())
left = paid.and_(events.SellerCanceled(CLOSES, reason="broken"))
DELIVERIES = [
    {"itemIndex": index, "selectedSla": "Fast", "selectedDeliveryChannel": "delivery"}
    for index in range(2)
]
NEW = {"seller": "other", "deliveries": DELIVERIES}
PROPOSED = events.SellerProposed(seller="other", seller_order_id="01-v1acme-01")
TAKEN: dict[str, Any] = {**NEW, "seller_name": "Other", "seller_order_id": "01-v1acme-01"}


@pytest.mark.parametrize(
    ("story", "rests_in"),
    [
        (sold(), Status.PAYMENT_PENDING),
        (pending, Status.PAYMENT_PENDING),
        (left, Status.PAYMENT_APPROVED),
        (pending.and_(events.SellerCanceled(CLOSES)), Status.PAYMENT_PENDING),
    ],
)
def test_another_seller_takes_the_order_where_it_stands(story, rests_in):
    story.when(propose_seller, payment_value=100_00, **NEW).then(PROPOSED)
    order = story.and_(PROPOSED).when(change_seller, **TAKEN).rests_in(rests_in)
    assert (order.seller, order.seller_order_id) == ("other", "01-v1acme-01")
    assert {item.seller for item in order.items} == {"other"}
    assert order.logistics[1] == {**DELIVERIES[1], "deliveryIds": []}
    assert order.placed.seller == "shop"


def test_the_same_change_again_is_nothing_new():
    order = left.and_(PROPOSED).when(change_seller, **TAKEN).rests_in(Status.PAYMENT_APPROVED)
    context = left.when(change_seller).context
    assert change_seller(order, context, **TAKEN) == []


def test_no_id_is_proposed_twice():
    (second,) = left.and_(PROPOSED).when(propose_seller, payment_value=None, **NEW).decided()
    assert second.seller_order_id == "02-v1acme-01"


CHANGED = {**NEW, "deliveries": [{**DELIVERIES[0]}]}
PICKUP = {
    **NEW,
    "deliveries": [{**one, "selectedDeliveryChannel": "pickup-in-point"} for one in DELIVERIES],
}
TAX = (*purchase().totals, events.Total("Tax", 1))


@pytest.mark.parametrize(
    ("story", "requested", "code"),
    [
        (paid, NEW, "CHK0047"),
        (in_handling, NEW, "CHK0047"),
        (sold(items=(replace(MUGS, details={"attachments": [{}]}), LAMP)), NEW, "CHK0047"),
        (given(replace(purchase("chain"), seller="shop"), *BEGUN), NEW, "CHK0165"),
        (left, {**NEW, "seller": "shop"}, "CHK0195"),
        (left, {**NEW, "payment_value": 99_99}, "CHK0145"),
        (left, PICKUP, "CHK0189"),
        (left, CHANGED, "CHK0191"),
        (sold(totals=TAX), NEW, "CHK0193"),
        (sold(payments=(CARD, SLIP)), NEW, "CHK0192"),
    ],
)
def test_a_change_that_is_refused(story, requested, code):
    requested = {"payment_value": None, **requested}
    with pytest.raises(SellerNotChanged) as refused:
        story.when(propose_seller, **requested).decided()
    assert refused.value.code == code


def test_an_order_that_was_changed_or_invoiced_keeps_its_seller():
    order = paid.order
    changed = replace(order, items=(replace(MUGS, quantity=1), LAMP))
    assert change_seller_refusal(changed).code == "CHK0187"
    invoiced = after([invoice(10_00)], order)
    assert change_seller_refusal(invoiced).code == "CHK0190"
    assert change_seller_refusal(order) is None


@pytest.mark.guarantee("G16")
def test_the_window_closes_once_and_is_void_after_a_change():
    left.when(close_seller_window, later=timedelta(days=1)).then()
    order = left.when(close_seller_window, later=timedelta(days=2)).rests_in(Status.CANCELED)
    assert order.cancellation == events.CancellationStarted(
        by="seller-notification", receipt=RECEIPT, reason="broken"
    )
    taken = left.and_(PROPOSED, *left.and_(PROPOSED).when(change_seller, **TAKEN).decided())
    taken.when(close_seller_window, later=timedelta(days=3)).then()
