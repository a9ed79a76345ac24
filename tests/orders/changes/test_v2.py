"""v2 modifications: the worked examples of the contract, every refusal, and the steps of a life."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_ledger.orders import events as e
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.planning import plan
from oms_ledger.orders.changes.request import ChangeInput, LineInput, Side
from oms_ledger.orders.changes.rules import can_change
from oms_ledger.orders.changes.v2 import (
    adjust_payment,
    advance,
    agree,
    ask_payment,
    cancel_change,
    expire_change,
    fail_step,
    request_change,
    restore_payment,
    retry_change,
)
from oms_ledger.orders.documents import filter_document, oms_document, pii_document
from oms_ledger.orders.documents.modifications import details, history, request_answer, summary
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.status import Status
from oms_ledger.orders.totals import order_totals
from oms_ledger.refusal import Refusal
from tests.support.given_when_then import after, given
from tests.support.published_refusals import PUBLISHED, says
from tests.support.scenarios import (
    CARD,
    SLIP,
    START,
    in_handling,
    in_window,
    invoice,
    placed,
)

SETTINGS = changes_settings.shown({})
A = e.Item("A", "a", "1", 3, 10_00, price_tags=(e.PriceTag("promo", -1_00),))
B = e.Item("B", "b", "1", 1, 5_00)
CHEESE = e.Item("M", "cheese", "1", 1, 39_99, unit_multiplier=Decimal("0.350"))


def delivery(index, price, **more):
    values = {"itemIndex": index, "selectedSla": "Normal", "selectedDeliveryChannel": "delivery"}
    return {**values, "price": price, "sellingPrice": price, **more}


def handled(*items, logistics=(), payments=(CARD,), **more):
    """An order of these lines in handling."""
    totals = order_totals(items, logistics)
    value = sum(total.value for total in totals)
    paid = tuple(replace(one, value=value, reference_value=value) for one in payments[:1])
    purchase = replace(
        placed.purchase,
        items=items,
        logistics=logistics,
        totals=totals,
        payments=paid,
        **more,
    )
    return given(purchase, *in_handling.events[1:])


def side(*lines, **more):
    return Side(lines=tuple(LineInput(**line) for line in lines), **more)


def one(id, quantity=1, **more):
    return {"id": id, "quantity": quantity, **more}


def asks(reason="out of stock", **named):
    for name in ("add", "remove"):
        if name in named:
            named[name] = (named[name],)
    if "replace" in named:
        named["replace"] = (named["replace"],)
    return ChangeInput(reason, **named)


def with_request(story, requested, order=None, settings=SETTINGS, request_id="r-1", **named):
    order = order or story.order
    events = request_change(
        order,
        story.when(request_change).context,
        request_id=request_id,
        workflow_id="w",
        requested=requested,
        settings=settings,
        **named,
    )
    return after(events, order)


def applied(story, requested, **named):
    """The order after a request that went through all of its steps."""
    context = story.when(advance).context
    order = with_request(story, requested, **named)
    request_id = order.change_requests[-1].id
    for decision, more in ((advance, {}), (ask_payment, {}), (adjust_payment, {"receipt": "g"})):
        if decision is adjust_payment and not order.change_requests[-1].payment_requested:
            continue
        order = after(decision(order, context, request_id=request_id, **more), order)
    return after(advance(order, context, request_id=request_id), order)


shopping = handled(A, B, logistics=(delivery(0, 6_00), delivery(1, 3_01)))


def test_example_1_a_unit_leaves_with_its_share_of_promotion_and_freight():
    assert shopping.order.value == 43_01
    order = applied(shopping, asks(remove=side(one("a"))))
    assert (order.items[0].quantity, order.items[0].price_tags[0].value) == (2, -67)
    assert [line["sellingPrice"] for line in order.logistics] == [4_00, 3_01]
    assert order.value == 31_34
    assert order.change_requests[0].requested.value == -11_67
    assert order.payments[0].value == 31_34


def test_example_2_goods_are_weighed_and_cost_more():
    weighed = asks(
        replace=(
            side(one("cheese", unique_id="M")),
            side(one("cheese", unit_multiplier=Decimal("0.372"))),
        )
    )
    story = handled(CHEESE)
    assert story.order.value == 14_00
    order = applied(story, weighed)
    assert (order.value, order.change_requests[0].requested.value) == (14_88, 88)
    assert order.items[0].unique_id == "M"
    assert order.payments[0].value == 14_88
    by_slip = handled(CHEESE, payments=(SLIP,))
    with pytest.raises(refusals.ChangePaymentCannotIncrease):
        with_request(by_slip, weighed)
    allowed = changes_settings.shown(
        {}, {"paymentConfiguration": {"customPaymentSystemsAllowed": ["6"]}}
    )
    assert applied(by_slip, weighed, settings=allowed).value == 14_88


def test_the_document_changes_once_and_readers_do_not_apply_the_change_twice():
    order = with_request(shopping, asks(remove=side(one("a")), manual_increment=5))
    before, shown = oms_document(shopping.order), oms_document(order)
    assert (before.pop("allowEdition"), shown.pop("allowEdition")) == (True, False)
    assert shown == before
    order = applied(shopping, asks(remove=side(one("a")), manual_increment=5))
    for document in (oms_document(order), pii_document(order)):
        assert document["changesAttachment"] is None
        assert [line["quantity"] for line in document["items"]] == [2, 1]
        assert document["totals"][-1]["value"] == 5
        assert document["value"] == sum(total["value"] for total in document["totals"])
    (change,) = filter_document(order)["changesAttachment"]["changesData"]
    assert (change["reason"], change["discountValue"]) == ("out of stock", 11_62)
    assert [(i["id"], i["quantity"]) for i in change["itemsRemoved"]] == [("a", 1)]


def test_another_product_takes_the_place_and_the_freight_of_the_replaced_one():
    requested = asks(replace=(side(one("b")), side(one("tea", 2, price=2_00))))
    order = applied(shopping, requested)
    assert [(item.id, item.quantity) for item in order.items] == [("a", 3), ("tea", 2)]
    assert [line["sellingPrice"] for line in order.logistics] == [6_00, 3_01]
    assert order.value == 43_01 - 1_00


def test_part_of_a_line_can_be_replaced_at_another_price():
    requested = asks(replace=(side(one("a", unique_id="A")), side(one("a", price=9_00))))
    order = applied(shopping, requested)
    assert [(i.id, i.quantity, i.price) for i in order.items] == [
        ("a", 2, 10_00),
        ("a", 1, 9_00),
        ("b", 1, 5_00),
    ]
    assert len({item.unique_id for item in order.items}) == 3
    assert sum(line["sellingPrice"] for line in order.logistics) == 9_01
    assert [line["itemIndex"] for line in order.logistics] == [0, 1, 2]


def test_with_compensation_the_freight_stays_what_it_was():
    settings = changes_settings.shown(
        {}, {"pipelineConfiguration": {"compensateShippingChanges": True}}
    )
    order = applied(shopping, asks(remove=side(one("b"))), settings=settings)
    assert [line["sellingPrice"] for line in order.logistics] == [9_01]
    assert order.value == 43_01 - 5_00


@pytest.mark.guarantee("G26")
def test_the_changed_order_is_invoiced_by_its_new_lines():
    part = shopping.and_(invoice(10_00, e.InvoicedItem(1, 1, 5_00, unique_id="B")))
    order = applied(part, asks(replace=(side(one("a", 2)), side(one("tea", price=1_00)))))
    assert order.units_left() == [1, 1, 0]
    document = oms_document(order)
    assert document["packageAttachment"]["packages"][0]["items"][0]["itemIndex"] == 2
    context = part.when(advance).context
    events = issue_invoice(
        order,
        context,
        number="2",
        type="Output",
        value=order.value - 10_00,
        issued_at=START,
        items=[InvoiceItemInput("a", 1), InvoiceItemInput("tea", 1)],
    )
    assert after(events, order).status is Status.INVOICED


@pytest.mark.guarantee("G22")
def test_a_change_that_leaves_nothing_to_invoice_ends_the_order():
    part = shopping.and_(invoice(40_00, e.InvoicedItem(0, 3, 10_00, unique_id="A")))
    order = applied(part, asks(remove=side(one("b")), manual_increment=5_00))
    assert order.value == 40_00
    assert order.status is Status.INVOICED


two_ways = handled(A, B, logistics=(delivery(0, 1), delivery(1, 1, selectedSla="Fast")))
two_places = handled(
    A, B, logistics=(delivery(0, 1, addressId="home"), delivery(1, 1, addressId="office"))
)
twice = handled(A, replace(A, unique_id="A2"), B)
packed = shopping.and_(invoice(1_00))
docks = handled(
    A,
    B,
    logistics=(
        delivery(0, 1, deliveryIds=[{"dockId": "1"}]),
        delivery(1, 1, deliveryIds=[{"dockId": "2"}]),
    ),
)
at_home = handled(
    A,
    logistics=(delivery(0, 1),),
    address={"addressId": "home", "availableAddresses": [{"addressId": "office"}]},
)
TAX_HUB = changes_settings.shown({}, {"pipelineConfiguration": {"enableTaxHubRecalculation": True}})
CLOSED = changes_settings.shown({}, {"rolloutConfiguration": {"enableApi": False}})


def moved(address, sla="Normal"):
    return {"itemIndex": 0, "selectedSla": sla, "addressId": address}


REFUSED = [
    (shopping, asks(), "CHK0124"),
    (shopping, asks(remove=side(one("", 1))), "CHK0022"),
    (shopping, asks(add=side(one("tea"))), "CHK0022"),
    (shopping, asks(remove=side(one("a", 0))), "CHK0023"),
    (shopping, asks(add=side(one("a", 0))), "CHK0023"),
    (shopping, asks(manual_discount=43_02), "CHK0034"),
    (given(replace(placed.purchase, flow="chain")), asks(manual_discount=1), "CHK0095"),
    (
        shopping.and_(invoice(43_00, e.InvoicedItem(1, 1, 5_00, unique_id="B"))),
        asks(manual_discount=2),
        "CHK0034",
    ),
    (shopping.captured, asks(manual_discount=2), "CHK0096"),
    (shopping, asks(manual_discount=-1), "CHK0098"),
    (shopping, asks(manual_increment=-1), "CHK0098"),
    (in_window, asks(manual_discount=1), "CHK0124"),
    (shopping, asks(remove=side(one("a", 3), one("b"))), "CHK0124"),
    (handled(A, transaction_id=None), asks(manual_discount=1), "CHK0196"),
    (placed, asks(manual_discount=1), "CHK0229"),
    (handled(A, payments=(SLIP,)), asks(manual_increment=1), "CHK00342"),
    (
        in_window.and_(e.CancellationStarted(by="user", receipt="c"), e.Canceled()),
        asks(manual_discount=1),
        "SalesOrderSystem008",
    ),
    (shopping, asks(remove=side(one("tea"))), "SalesOrderSystem010"),
    (shopping, asks(remove=side(one("a", 4))), "SalesOrderSystem011"),
    (two_ways, asks(add=side(one("tea", price=1))), "SalesOrderSystem012"),
    (
        at_home,
        asks(add=side(one("tea", price=1), deliveries=(moved("home", "Drone"),))),
        "SalesOrderSystem013",
    ),
    (
        shopping.and_(e.ChangeRegistered(request_id="1", receipt="r", discount_value=1)),
        asks(manual_discount=1),
        "SalesOrderSystem015",
    ),
    (twice, asks(remove=side(one("a"))), "SalesOrderSystem026"),
    (two_places, asks(add=side(one("tea", price=1))), "SalesOrderSystem029"),
    (
        at_home,
        asks(replace=(side(one("a", 3)), side(one("a", 3), deliveries=(moved("moon"),)))),
        "SalesOrderSystem045",
    ),
    (
        shopping.and_(invoice(1_00, e.InvoicedItem(1, 1, 5_00, unique_id="B"))),
        asks(remove=side(one("b"))),
        "SalesOrderSystem046",
    ),
    (
        at_home,
        asks(
            replace=(
                side(one("a", 3)),
                side(one("tea", price=1), deliveries=(moved("office"),)),
            )
        ),
        "SalesOrderSystem047",
    ),
    (
        at_home.and_(invoice(1)),
        asks(replace=(side(one("a", 3)), side(one("a", 3), deliveries=(moved("office"),)))),
        "SalesOrderSystem048",
    ),
    (
        shopping,
        asks(add=side(one("a", measurement_unit="kg"))),
        "SalesOrderSystem055",
    ),
    (docks, replace(asks(manual_discount=1), settings=TAX_HUB), "SalesOrderSystem051"),
]


@pytest.mark.parametrize(("story", "requested", "code"), REFUSED)
def test_what_may_not_be_is_refused_with_its_code(story, requested, code):
    with pytest.raises(Refusal) as refused:
        with_request(story, requested, settings=requested.settings or SETTINGS)
    assert refused.value.code == code
    assert says(refused.value, PUBLISHED["v2"][code]) or isinstance(
        refused.value, refusals.ChangedByV2 | refusals.ChangePriceMissing
    )


def test_settings_can_close_the_api():
    with pytest.raises(refusals.InvalidChange):
        with_request(shopping, asks(manual_discount=1), settings=CLOSED)


def test_an_invoiced_order_is_not_changed():
    done = shopping.and_(invoice(43_01), e.InvoiceVerified(), e.FullyInvoiced())
    with pytest.raises(refusals.ChangeAlreadyInvoiced):
        with_request(done, asks(manual_discount=1))


@pytest.mark.guarantee("G24")
def test_lines_of_the_same_sku_are_kept_apart_by_their_unique_id():
    order = applied(twice, asks(remove=side(one("a", 2, unique_id="A2"))))
    assert [item.quantity for item in order.items] == [3, 1, 1]


def test_a_line_moves_to_another_address_by_a_replacement_of_itself():
    requested = asks(replace=(side(one("a", 3)), side(one("a", 3), deliveries=(moved("office"),))))
    order = applied(at_home, requested)
    assert order.logistics[0]["addressId"] == "office"
    assert order.value == at_home.order.value


def test_client_and_custom_data_change_with_the_line():
    fields = {"linkedEntity": {"type": "item", "id": "A"}, "fields": [{"name": "n", "value": "v"}]}
    person = Side(
        lines=(LineInput("a", 3),), client_profile={"phone": "+1"}, custom_fields=(fields,)
    )
    order = applied(shopping, asks(replace=(side(one("a", 3)), person)))
    assert order.placed.client_profile["phone"] == "+1"
    assert order.placed.custom_data == {"customFields": [fields]}
    assert order.value == shopping.order.value


# A request's life


removal = with_request(shopping, asks(remove=side(one("a"))))
FACTS = shopping.when(advance).context


def test_without_participants_a_request_passes_to_its_payment_and_then_to_the_end():
    assert removal.change_requests[0].status == "waiting-acknowledgement"
    order = after(advance(removal, FACTS, request_id="r-1"), removal)
    assert order.change_requests[0].status == "waiting-confirmation"
    assert order.items == shopping.order.items
    order = after(adjust_payment(order, FACTS, request_id="r-1", receipt="g"), order)
    done = after(advance(order, FACTS, request_id="r-1"), order)
    (request,) = done.change_requests
    assert (request.status, request.in_progress) == ("done", False)
    assert [log.step for log in request.logs] == [
        "validated",
        "acknowledged",
        "payment-adjusted",
        "confirmed",
        "applied",
    ]
    assert advance(done, FACTS, request_id="r-1") == []
    assert adjust_payment(done, FACTS, request_id="r-1", receipt="again") == []


def test_one_request_at_a_time():
    with pytest.raises(refusals.ChangeInProgress):
        with_request(shopping, asks(manual_discount=1), order=removal, request_id="r-2")
    assert not can_change(removal)
    assert can_change(shopping.order)


@pytest.mark.guarantee("G22")
def test_no_invoice_is_taken_while_a_change_is_in_progress():
    with pytest.raises(refusals.ChangeInProgress):
        issue_invoice(removal, FACTS, number="1", type="Output", value=1, issued_at=START)


def test_a_cancellation_of_the_order_cancels_the_request_first():
    events = cancel(removal, FACTS, reason="no more")
    assert isinstance(events[0], e.ChangeCanceled)
    order = after(events, removal)
    assert order.change_requests[0].status == "canceled"
    assert order.status is Status.CANCELLATION_REQUESTED


def test_a_step_is_tried_five_times_and_then_waits_for_somebody():
    order = after(advance(removal, FACTS, request_id="r-1"), removal)
    fails: dict[str, Any] = {"request_id": "r-1", "step": "payment"}
    fails |= {"code": "OMS503", "message": "away"}
    for _ in range(5):
        assert not order.change_requests[0].aborted
        order = after(fail_step(order, FACTS, **fails), order)
    (request,) = order.change_requests
    assert request.aborted
    assert details(order, request)["error"] == {"code": "OMS503", "message": "away"}
    assert fail_step(order, FACTS, **fails) == []
    assert advance(order, FACTS, request_id="r-1") == []
    order = after(retry_change(order, FACTS, request_id="r-1"), order)
    assert not order.change_requests[0].aborted


def test_after_a_day_the_system_cancels_the_request():
    later = shopping.when(advance, later=timedelta(hours=24)).context
    assert expire_change(removal, FACTS) == []
    order = after(expire_change(removal, later), removal)
    (request,) = order.change_requests
    assert request.cancellation.code == "SalesOrderSystem017"
    assert request.cancellation.reason == refusals.ChangeGivenUp.text
    with pytest.raises(refusals.CannotRetryChange):
        retry_change(order, FACTS, request_id="r-1")
    assert cancel_change(order, FACTS, request_id="r-1", reason="again") == []


def test_a_request_that_is_done_can_neither_be_retried_nor_canceled():
    done = applied(shopping, asks(remove=side(one("a"))))
    with pytest.raises(refusals.CannotRetryChange):
        retry_change(done, FACTS, request_id="r-1")
    with pytest.raises(refusals.InvalidChange):
        cancel_change(done, FACTS, request_id="r-1", reason=None)
    with pytest.raises(refusals.ChangeRequestNotFound):
        cancel_change(done, FACTS, request_id="none", reason=None)


def test_an_adjusted_payment_of_a_canceled_request_is_set_back_once():
    order = after(advance(removal, FACTS, request_id="r-1"), removal)
    order = after(ask_payment(order, FACTS, request_id="r-1"), order)
    order = after(cancel_change(order, FACTS, request_id="r-1", reason="no"), order)
    order = after(adjust_payment(order, FACTS, request_id="r-1", receipt="g"), order)
    assert (order.value, order.payments) == (shopping.order.value, shopping.order.payments)
    order = after(restore_payment(order, FACTS, request_id="r-1", receipt="b"), order)
    assert restore_payment(order, FACTS, request_id="r-1", receipt="b") == []


def test_agreements_of_a_participant_may_come_twice_and_in_any_order():
    order = with_request(shopping, asks(remove=side(one("a"))))
    (alone,) = order.change_requests
    shared = replace(alone, requested=replace(alone.requested, participants=("seller",)))
    order = replace(order, change_requests=(shared,))
    assert advance(order, FACTS, request_id="r-1") == []
    with pytest.raises(
        refusals.InvalidAgreementType, match="The Maybe is not a valid Agreement Type"
    ):
        agree(order, FACTS, request_id="r-1", participant="", agreement="Maybe")
    confirmed = agree(order, FACTS, request_id="r-1", participant="", agreement="Confirmation")
    order = after(confirmed, order)
    assert order.change_requests[0].status == "waiting-confirmation"
    for agreement in ("Acknowledgment", "Confirmation"):
        assert agree(order, FACTS, request_id="r-1", participant="", agreement=agreement) == []
    order = after(adjust_payment(order, FACTS, request_id="r-1", receipt="g"), order)
    order = after(advance(order, FACTS, request_id="r-1"), order)
    assert order.change_requests[0].status == "done"


def test_history_and_summary_tell_of_what_is_done():
    assert history(removal) == {"requests": [], "actions": []}
    order = applied(shopping, asks(remove=side(one("a")), add=side(one("tea", price=2_00))))
    (row,) = history(order)["requests"]
    assert row["totalChangeValue"] == -11_67 + 2_00
    assert sum(total["value"] for total in row["totals"]) == row["totalChangeValue"]
    assert row["remove"]["items"][0]["id"] == "a"
    values = summary(order)
    assert [item["quantity"] for item in values["original"]] == [3, 1]
    assert [item["id"] for item in values["added"]] == ["tea"]
    assert values["totalChangesValueAggregated"] == row["totalChangeValue"]
    assert [request["reason"] for request in values["requests"]] == ["out of stock"]
    answer = request_answer(order, order.change_requests[0])
    assert answer["origin"]["component"] == "MarketplaceComponent"


def test_a_promotion_on_another_line_is_noted_when_paid_units_leave():
    free = e.PriceTag("discount@price-3-for-2", -10_00)
    paid = e.Item("PAID", "mug", "1", 2, 10_00, arithmetic=1)
    gift = e.Item("GIFT", "mug", "1", 1, 10_00, price_tags=(free,), arithmetic=1)
    values = plan(
        handled(paid, gift).order,
        asks(remove=side(one("mug", 1, unique_id="PAID"))),
        request_id="R",
        settings=SETTINGS,
    )
    assert values.notes == ["The promotions of GIFT stay, though units of another line leave"]
