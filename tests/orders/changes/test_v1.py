"""v1 modifications: every refusal of the published table, and what they leave to invoice."""

from dataclasses import replace

import pytest

from oms_ledger.orders import events
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes.v1 import Modification, UnitsInput, register_change
from oms_ledger.orders.documents import oms_document
from oms_ledger.orders.events import InvoiceIssued
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.status import Status
from tests.support.given_when_then import after, given
from tests.support.published_refusals import PUBLISHED, says
from tests.support.scenarios import (
    CARD,
    LAMP,
    MUGS,
    SLIP,
    START,
    in_handling,
    in_window,
    invoice,
    placed,
    purchase,
    sold_for_another,
)

MUG, A_LAMP = UnitsInput("mug", 1, 45_00), UnitsInput("lamp", 1, 10_00)


def asks(request_id="r-1", reason="out of stock", **named):
    return Modification(request_id, reason, **named)


def changed(story, *requested):
    order = story.order
    for number, one in enumerate(requested):
        one = replace(one, request_id=f"r-{number}")
        order = after(story.when(register_change, requested=one).decided(), order)
    return order


def _units(decided):
    """Line and units of what an invoice takes."""
    issued = decided[0]
    assert isinstance(issued, InvoiceIssued)
    return [(one.item_index, one.quantity) for one in issued.items]


def test_items_stay_as_placed_and_the_total_change_moves():
    order = changed(in_handling, asks(removed=(MUG,)))
    assert order.items == (MUGS, LAMP)
    assert order.totals == (events.Total("Items", 100_00), events.Total("Change", -45_00))
    assert order.value == 55_00
    document = oms_document(order)
    (change,) = document["changesAttachment"]["changesData"]
    assert (change["discountValue"], change["incrementValue"]) == (45_00, 0)
    assert change["itemsRemoved"] == [
        {"id": "mug", "name": "mug", "quantity": 1, "price": 45_00, "unitMultiplier": None}
    ]


def test_discount_and_increment_are_one_net():
    order = changed(in_handling, asks(removed=(MUG,), increment_value=50_00, discount_value=1))
    assert order.value == 100_00 - 45_00 + 50_00 - 1
    (change,) = order.registered_changes
    assert (change.change.discount_value, change.change.increment_value) == (0, 4_99)


@pytest.mark.guarantee("G5")
def test_the_same_request_id_again_changes_nothing():
    once = in_handling.when(register_change, requested=asks(removed=(MUG,)))
    again = after(once.decided(), once.order)
    assert register_change(again, once.context, requested=asks(discount_value=1)) == []


@pytest.mark.guarantee("G24")
def test_removed_units_come_from_lines_of_that_price_first():
    dear = replace(MUGS, unique_id="LINE-3", price=50_00)
    story = given(purchase(items=(MUGS, LAMP, dear)), *in_handling.events[1:])
    story.when(register_change, requested=asks(removed=(UnitsInput("mug", 3, 50_00),))).decided()
    order = after(
        story.when(
            register_change, requested=asks(removed=(UnitsInput("mug", 3, 50_00),))
        ).decided(),
        story.order,
    )
    assert order.registered_changes[0].change.taken == (
        events.TakenUnits(0, 1),
        events.TakenUnits(2, 2),
    )


@pytest.mark.guarantee("G26")
def test_removed_units_are_gone_from_what_is_invoiced_and_added_ones_are_in():
    order = changed(in_handling, asks(removed=(MUG,), added=(UnitsInput("pan", 2, 20_00),)))
    assert order.units_left() == [1, 1, 2]
    context = in_handling.when(register_change).context
    first = issue_invoice(
        order,
        context,
        number="1",
        type="Output",
        value=40_00,
        issued_at=START,
        items=[InvoiceItemInput("pan", 2, 20_00)],
    )
    assert _units(first) == [(2, 2)]
    order = after(first, order)
    assert oms_document(order)["packageAttachment"]["packages"][0]["items"][0]["itemIndex"] == 2
    last = issue_invoice(
        order, context, number="2", type="Output", value=55_00, issued_at=START, items=[]
    )
    assert _units(last) == [(0, 1), (1, 1)]
    assert after(last, order).status is Status.INVOICED


@pytest.mark.guarantee("G22")
def test_a_change_that_leaves_nothing_to_invoice_ends_the_order():
    story = in_handling.and_(invoice(90_00, events.InvoicedItem(0, 2, 45_00)))
    story.when(register_change, requested=asks(removed=(A_LAMP,))).rests_in(Status.INVOICED)


in_manufacture = given(purchase("marketplace"), *sold_for_another.events[1:])
unpaid = given(replace(purchase(), transaction_id=None), *in_handling.events[1:])
by_slip = given(replace(purchase(), payments=(SLIP,)), *in_handling.events[1:])
chain = given(purchase("chain"))
of_v2 = in_handling.and_(
    events.ChangeRequested(
        request_id="v2",
        workflow_id="w",
        value=0,
        items=(MUGS, LAMP),
        totals=(events.Total("Items", 100_00),),
        logistics=(),
    )
)
changed_fifty_times = in_handling.and_(
    *(
        events.ChangeRegistered(request_id=f"r-{number}", receipt="r", discount_value=1)
        for number in range(50)
    )
)
partly_invoiced = in_handling.and_(invoice(90_00, events.InvoicedItem(0, 2, 45_00)))


REFUSED = [
    (in_handling, asks(discount_value=-1), refusals.NegativeModification),
    (in_handling, asks(increment_value=-1), refusals.NegativeModification),
    (in_handling, asks(), refusals.InvalidModification),
    (in_handling, asks(discount_value=5, increment_value=5), refusals.InvalidModification),
    (in_handling, asks(removed=(UnitsInput("", 1, 1),)), refusals.InvalidModificationItem),
    (in_handling, asks(reason=" ", discount_value=1), refusals.ReasonNotSet),
    (in_window, asks(discount_value=1), refusals.ModificationNotInHandling),
    (placed, asks(discount_value=1), refusals.ModificationWithoutWorkflow),
    (chain, asks(discount_value=1), refusals.ModificationOfChain),
    (
        given(purchase("marketplace"), *placed.events[1:], events.WorkflowCreated()),
        asks(discount_value=1),
        refusals.ModificationNotApproved,
    ),
    (in_handling, asks(discount_value=100_01), refusals.ModificationExceedsPrice),
    (in_handling, asks(removed=(UnitsInput("mug", 2, 60_00),)), refusals.ModificationExceedsPrice),
    (unpaid, asks(discount_value=1), refusals.ModificationWithoutPayment),
    (in_handling, asks(removed=(UnitsInput("pan", 1, 1),)), refusals.ModificationItemNotFound),
    (in_handling, asks(removed=(UnitsInput("mug", 3, 1),)), refusals.InvalidQuantityToRemove),
    (partly_invoiced, asks(removed=(MUG,)), refusals.InvalidQuantityToRemove),
    (by_slip, asks(increment_value=1), refusals.ModificationPaymentCannotIncrease),
    (partly_invoiced, asks(discount_value=10_01), refusals.ModificationExceedsPrice),
    (in_handling.captured, asks(discount_value=1), refusals.ModificationSettled),
    (of_v2, asks(discount_value=1), refusals.ChangeInProgress),
    (of_v2.and_(events.ChangeApplied("v2", "r")), asks(discount_value=1), refusals.ChangedByV2),
    (changed_fifty_times, asks("more", discount_value=1), refusals.TooManyModifications),
]


@pytest.mark.parametrize(("story", "requested", "refusal"), REFUSED)
def test_a_modification_that_may_not_be_is_refused(story, requested, refusal):
    with pytest.raises(refusal) as refused:
        story.when(register_change, requested=requested).decided()
    if refusal not in (refusals.ChangeInProgress, refusals.ChangedByV2):
        assert any(says(refused.value, text) for text in PUBLISHED["v1"])


def test_an_added_item_that_nobody_knows_is_refused_where_prices_are_not_trusted():
    requested = asks(added=(UnitsInput("pan", 1, 1),))
    in_handling.when(register_change, requested=requested, trust_prices=False).refused(
        refusals.ModificationItemNotFound
    )
    in_handling.when(register_change, requested=asks(added=(MUG,)), trust_prices=False).decided()


def test_a_marketplace_order_is_changed_while_its_payment_is_approved():
    order = changed(sold_for_another, asks(discount_value=1_00))
    assert (order.value, order.status) == (99_00, Status.PAYMENT_APPROVED)
    assert CARD in order.payments


@pytest.mark.guarantee("G26")
def test_changes_that_an_imported_order_came_with_are_out_of_and_in_what_is_invoiced():
    fields = {
        "id": "changeAttachment",
        "changesData": [
            {
                "reason": "reason",
                "discountValue": 25_00,
                "incrementValue": 0,
                "itemsAdded": [{"id": "pan", "name": "Pan", "quantity": 1, "price": 20_00}],
                "itemsRemoved": [{"id": "mug", "quantity": 1, "price": 45_00}],
            }
        ],
    }
    bought = purchase()
    order = after(
        [
            events.OrderImported(
                placed=replace(
                    bought,
                    totals=(*bought.totals, events.Total("Change", -25_00)),
                    details={"changesAttachment": fields},
                ),
                status="handling",
                created_at=START,
                changed_at=START,
            )
        ]
    )
    assert order.units_left() == [1, 1, 1]
    shown = oms_document(order)["changesAttachment"]["changesData"]
    assert [one["reason"] for one in shown] == ["reason"]
    context = in_handling.when(register_change).context
    more = register_change(order, context, requested=asks(removed=(UnitsInput("pan", 1, 20_00),)))
    order = after(more, order)
    assert order.units_left() == [1, 1, 0]
    assert len(oms_document(order)["changesAttachment"]["changesData"]) == 2
    last = issue_invoice(order, context, number="1", type="Output", value=55_00, issued_at=START)
    assert _units(last) == [(0, 1), (1, 1)]
    assert after(last, order).status is Status.INVOICED
