import pytest

from oms_ledger.orders import events
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.refusals import (
    InputBeforeOutput,
    InvoiceExceedsOrder,
    InvoiceNotAllowed,
    InvoiceNumberTaken,
    NoWorkflow,
    TooManyInvoiceItems,
    UnknownInvoiceItem,
)
from oms_ledger.orders.status import Status
from tests.support import scenarios
from tests.support.given_when_then import RECEIPT, START, given

MUG = events.InvoicedItem(0, 1, 45_00, unique_id="LINE-1")
LAMP = events.InvoicedItem(1, 1, 10_00, unique_id="LINE-2")
DONE = (events.InvoiceVerified(), events.FullyInvoiced())


def invoicing(story, value, *items, number="1", type="Output", **named):
    return story.when(
        issue_invoice,
        number=number,
        type=type,
        value=value,
        issued_at=START,
        items=[InvoiceItemInput(*item) for item in items],
        **named,
    )


def test_an_invoice_for_part_of_the_order_leaves_it_in_handling():
    invoicing(scenarios.in_handling, 45_00, ("mug", 1)).then(scenarios.invoice(45_00, MUG))


@pytest.mark.guarantee("G22")
def test_the_invoice_that_completes_the_value_completes_the_order():
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    invoicing(consume, 55_00, ("mug", 1), ("lamp", 1), number="2").then(
        scenarios.invoice(55_00, MUG, LAMP, number="2"), *DONE
    )


@pytest.mark.guarantee("G22")
def test_invoices_never_exceed_the_order():
    invoicing(scenarios.in_handling, scenarios.VALUE + 1).refused(InvoiceExceedsOrder)
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    invoicing(consume, 55_01, number="2").refused(InvoiceExceedsOrder)


def test_an_invoice_implies_that_handling_started():
    handling = (events.HandlingRequested(), events.HandlingStarted())
    invoicing(scenarios.ready_for_handling, 10_00, ("lamp", 1)).then(
        *handling, scenarios.invoice(10_00, LAMP)
    )
    invoicing(scenarios.ready_for_handling, scenarios.VALUE).rests_in(Status.INVOICED)


@pytest.mark.parametrize(
    "story", [scenarios.awaiting_payment, scenarios.in_window, scenarios.canceled]
)
def test_an_order_that_is_not_to_be_handled_takes_no_invoice(story):
    invoicing(story, 10_00).refused(InvoiceNotAllowed)


def test_an_incomplete_order_takes_no_invoice():
    invoicing(scenarios.placed, 10_00).refused(NoWorkflow)


@pytest.mark.parametrize("number", ["1", " 1 "])
def test_an_invoice_that_is_sent_again_changes_nothing(number):
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    invoicing(consume, 99_00, ("lamp", 1), number=number).then()
    invoicing(consume, 99_00, ("lamp", 1), number=number, receipted=True).then(
        events.InvoiceRepeated(number="1", receipt=RECEIPT, ignored=("invoiceValue",))
    )


def test_an_invoice_that_is_sent_again_fills_in_what_was_empty():
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    known = {"trackingNumber": "T-1", "courier": ""}
    fields = events.InvoiceCompleted(number="1", details={"trackingNumber": "T-1"})
    again = events.InvoiceRepeated(number="1", receipt=RECEIPT)
    invoicing(consume, 45_00, details=known).then(fields)
    invoicing(consume, 45_00, details=known, receipted=True).then(fields, again)
    order = invoicing(consume.and_(fields), 45_00, details={"trackingNumber": "T-2"}).rests_in(
        Status.HANDLING
    )
    assert order.invoices[0].details["trackingNumber"] == "T-1"


def test_a_number_cannot_be_both_an_output_and_an_input():
    invoicing(
        scenarios.in_handling.and_(scenarios.invoice(45_00, MUG)), 45_00, type="Input"
    ).refused(InvoiceNumberTaken)


@pytest.mark.guarantee("G27")
@pytest.mark.parametrize("number", ["NF 7/2026 #1", "000123", "ção"])
def test_numbers_and_descriptions_are_kept_as_sent(number):
    order = invoicing(
        scenarios.in_handling, 45_00, ("mug", 1, None, "A blue mug"), number=number
    ).rests_in(Status.HANDLING)
    assert (order.invoices[0].number, order.invoices[0].items[0].description) == (
        number,
        "A blue mug",
    )


def test_items_are_units_of_the_order_and_no_more():
    invoicing(scenarios.in_handling, 45_00, ("vase", 1)).refused(UnknownInvoiceItem)
    invoicing(scenarios.in_handling, 45_00, ("mug", 3)).refused(TooManyInvoiceItems)
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    invoicing(consume, 45_00, ("mug", 2), number="2").refused(TooManyInvoiceItems)


def test_a_line_may_be_named_by_its_unique_id():
    invoicing(scenarios.in_handling, 10_00, ("LINE-2", 1)).then(scenarios.invoice(10_00, LAMP))


@pytest.mark.guarantee("G24")
def test_the_same_sku_on_two_lines_is_taken_by_price_then_in_order():
    cheap, dear = events.Item("A", "mug", "1", 1, 10_00), events.Item("B", "mug", "1", 2, 45_00)
    twice = given(scenarios.purchase(items=(cheap, dear)), *scenarios.in_handling.events[1:])
    one = events.InvoicedItem(0, 1, 10_00, unique_id="A")
    other = events.InvoicedItem(1, 1, 45_00, unique_id="B")
    invoicing(twice, 45_00, ("mug", 1, 45_00)).then(scenarios.invoice(45_00, other))
    invoicing(twice, 55_00, ("mug", 1), ("mug", 1)).then(scenarios.invoice(55_00, one, other))


@pytest.mark.parametrize(
    ("value", "inferred"),
    [(scenarios.VALUE, [(0, 2), (1, 1)]), (90_00, [(0, 2)]), (45_00, [])],
)
def test_without_items_whole_lines_are_inferred_when_they_add_up(value, inferred):
    (*_, issued) = (
        event
        for event in invoicing(scenarios.in_handling, value).decided()
        if isinstance(event, events.InvoiceIssued)
    )
    assert issued.inferred
    assert [(item.item_index, item.quantity) for item in issued.items] == inferred


@pytest.mark.guarantee("G23")
def test_a_return_needs_an_output_and_does_not_count_as_invoiced():
    invoicing(scenarios.in_handling, 45_00, type="Input").refused(InputBeforeOutput)
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    order = invoicing(consume, 45_00, ("mug", 1), number="2", type="Input").rests_in(
        Status.HANDLING
    )
    assert order.invoiced_value == 45_00


def test_only_units_that_went_out_come_back():
    consume = scenarios.in_handling.and_(scenarios.invoice(45_00, MUG))
    invoicing(consume, 10_00, ("lamp", 1), number="2", type="Input").refused(TooManyInvoiceItems)


@pytest.mark.parametrize(
    ("value", "rest"), [(45_00, Status.HANDLING), (scenarios.VALUE, Status.INVOICED)]
)
def test_an_invoice_while_a_cancellation_is_requested_denies_it(value, rest):
    order = invoicing(scenarios.in_handling.and_(scenarios.CANCELLATION_REQUESTED), value).rests_in(
        rest
    )
    assert Status.INVOICE_AFTER_CANCELLATION_DENY in [status for status, _ in order.timeline]
    assert order.requests[0].denied_at == START


def test_an_order_that_another_delivers_takes_invoices_when_it_is_paid():
    order = invoicing(scenarios.sold_for_another, 45_00, ("mug", 1)).rests_in(
        Status.PAYMENT_APPROVED
    )
    assert [str(status) for status, _ in order.timeline][-2:] == ["invoice", "payment-approved"]
    invoicing(scenarios.sold_for_another, scenarios.VALUE).rests_in(Status.INVOICED)
