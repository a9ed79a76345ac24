"""Whatever is changed and invoiced, in whatever order: the parts add up to the whole, to the cent,
at every version, and what is left can be invoiced in full (G21, G22, G26)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.orders import events as e
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.request import ChangeInput, LineInput, Side
from oms_ledger.orders.changes.v1 import Modification, UnitsInput, register_change
from oms_ledger.orders.changes.v2 import adjust_payment, advance, request_change
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents import filter_document, list_row, oms_document, pii_document
from oms_ledger.orders.documents.modifications import details, history, summary
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.orders.totals import ARITHMETIC, line_value, order_totals, shipping_price
from oms_ledger.refusal import Refusal
from tests.support.given_when_then import START, after
from tests.support.scenarios import CARD, in_handling, placed

SKUS = ("a", "b", "c")
MULTIPLIERS = st.sampled_from([Decimal(1), Decimal(1), Decimal("0.35"), Decimal("1.25")])


NAMES = (
    "promo",
    "DISCOUNT@MARKETPLACE",
    "discount@price-1",
    "discount@shipping-2#x",
    "tax@price-3",
)


@st.composite
def price_tags(draw, price):
    """Two tags of any kind; those that lower the price leave the line worth something."""
    fields = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2)):
        value = draw(st.integers(0, price // 4))
        rate = draw(st.none() | st.just(Decimal("-0.1")))
        fields.append(
            e.PriceTag(name, value if name.startswith("tax") else -value, None, bool(rate), rate)
        )
    return tuple(fields)


@st.composite
def orders(draw):
    items, logistics, rule = [], [], draw(st.integers(0, ARITHMETIC))
    for index in range(draw(st.integers(1, 4))):
        price = draw(st.integers(0, 5000))
        items.append(
            e.Item(
                f"U{index}",
                draw(st.sampled_from(SKUS)),
                "1",
                draw(st.integers(1, 5)),
                price,
                draw(MULTIPLIERS),
                draw(price_tags(price)),
                tax=draw(st.integers(0, 50)),
                details={"bundleItems": [{"id": "wrap", "price": draw(st.integers(0, 99))}]},
                arithmetic=rule,
                difference=draw(st.integers(0, 3)) if rule else 0,
            )
        )
        freight = draw(st.integers(0, 999))
        logistics.append(
            {
                "itemIndex": index,
                "selectedSla": "Normal",
                "selectedDeliveryChannel": "delivery",
                "price": freight,
                "sellingPrice": freight,
                "tax": draw(st.integers(0, 9)),
            }
        )
    totals = order_totals(items, logistics)
    value = sum(total.value for total in totals)
    purchase = replace(
        placed.purchase,
        items=tuple(items),
        logistics=tuple(logistics),
        totals=totals,
        payments=(replace(CARD, value=value, reference_value=value),),
    )
    return after([purchase, *in_handling.events[1:]])


class Story:
    """An order, moved on by decisions; what is refused changes nothing."""

    def __init__(self, order: Order) -> None:
        self.order, self.steps = order, 0

    def decide(self, decision, **named) -> bool:
        self.steps += 1
        at = START + timedelta(seconds=self.steps)
        try:
            events = decision(self.order, DecisionContext(at, f"receipt-{self.steps}"), **named)
        except Refusal:
            return False
        for event in events:
            self.order = after([event], self.order, at)
            holds(self.order)
        return True


def holds(order: Order) -> None:
    """What is true at every version."""
    totals = {total.id: total.value for total in order.totals}
    assert order.value == sum(totals.values()) >= order.invoiced_value
    from_lines = {total.id: total.value for total in order_totals(order.items, order.logistics)}
    for name, value in from_lines.items():
        assert totals.get(name, 0) == value
    assert all(line.quantity >= 0 for line in order.lines)
    assert all(left >= 0 for left in order.units_left())
    for document in (oms_document(order), pii_document(order), filter_document(order)):
        assert document["value"] == sum(total["value"] for total in document["totals"])
        assert document["value"] == order.value == list_row(order)["totalValue"]
    for request in order.change_requests:
        fields = details(order, request)
        assert sum(total["value"] for total in fields["totals"]) == fields["totalChangeValue"]
    done = summary(order)
    assert sum(total["value"] for total in done["totals"]) == done["totalChangesValueAggregated"]
    assert done["totalChangesValueAggregated"] == sum(
        row["totalChangeValue"] for row in history(order)["requests"]
    )


def line(draw, order: Order, **more) -> LineInput:
    item = draw(st.sampled_from(order.items))
    known = draw(st.booleans())
    return LineInput(
        item.id, draw(st.integers(1, 5)), unique_id=item.unique_id if known else None, **more
    )


def v2(draw, order: Order) -> ChangeInput:
    new = LineInput(
        draw(st.sampled_from((*SKUS, "new"))),
        draw(st.integers(1, 4)),
        price=draw(st.integers(0, 4000)),
        unit_multiplier=draw(st.none() | MULTIPLIERS),
    )
    kinds = draw(st.lists(st.sampled_from(("add", "remove", "replace")), max_size=3))
    return ChangeInput(
        "reason",
        manual_discount=draw(st.integers(0, 500)),
        manual_increment=draw(st.integers(0, 500)),
        add=tuple(Side((new,)) for kind in kinds if kind == "add"),
        remove=tuple(Side((line(draw, order),)) for kind in kinds if kind == "remove"),
        replace=tuple(
            (Side((line(draw, order),)), Side((new,))) for kind in kinds if kind == "replace"
        ),
    )


def v1(draw, order: Order, number: int) -> Modification:
    def units(skus):
        return tuple(
            UnitsInput(sku, draw(st.integers(1, 3)), draw(st.integers(0, 4000)))
            for sku in draw(st.lists(st.sampled_from(skus), max_size=2))
        )

    return Modification(
        f"change-{number}",
        "reason",
        draw(st.integers(0, 300)),
        draw(st.integers(0, 300)),
        removed=units(SKUS),
        added=units((*SKUS, "new")),
    )


def invoice_something(draw, story: Story) -> None:
    order = story.order
    rest = order.value - order.invoiced_value
    if rest <= 0:
        return
    left = order.units_left()
    items = [
        InvoiceItemInput(order.lines[index].unique_id, draw(st.integers(1, units)))
        for index, units in enumerate(left)
        if units and draw(st.booleans())
    ]
    value = draw(st.integers(1, rest))
    story.decide(
        issue_invoice,
        number=f"part-{story.steps}",
        type="Output",
        value=value,
        issued_at=START,
        items=items,
    )


def finish(story: Story) -> None:
    """Invoice all that is left: the order ends, and every unit was invoiced."""
    order = story.order
    rest = order.value - order.invoiced_value
    if order.status is Status.INVOICED:
        return
    if rest:
        left = order.units_left()
        items = [
            InvoiceItemInput(order.lines[index].unique_id, units)
            for index, units in enumerate(left)
            if units
        ]
        fields = {"number": "last", "type": "Output", "value": rest, "issued_at": START}
        assert story.decide(issue_invoice, **fields, items=items)
        assert story.order.status is Status.INVOICED
        assert not any(story.order.units_left())


@pytest.mark.guarantee("G21", "G26")
@settings(max_examples=150, deadline=None)
@given(orders(), st.data())
def test_any_sequence_of_v2_changes_and_invoices_adds_up(order, data):
    story, chosen = Story(order), changes_settings.shown({})
    for number in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            invoice_something(data.draw, story)
            continue
        request_id = f"change-{number}"
        compensate = data.draw(st.booleans())
        pipeline = {"pipelineConfiguration": {"compensateShippingChanges": compensate}}
        requested, before = v2(data.draw, story.order), story.order
        if story.decide(
            request_change,
            request_id=request_id,
            workflow_id="w",
            requested=requested,
            settings=changes_settings.shown(chosen, pipeline),
        ):
            story.decide(advance, request_id=request_id)
            if story.order.change_in_progress and story.order.change_requests[-1].requested.value:
                story.decide(adjust_payment, request_id=request_id, receipt="g")
            story.decide(advance, request_id=request_id)
            request = story.order.change_requests[-1]
            assert request.status == "done"
            assert story.order.value == before.value + request.requested.value
            if not (before.captured or before.invoiced_value):
                assert sum(p.value for p in story.order.payments) == story.order.value
    finish(story)


@pytest.mark.guarantee("G21", "G26")
@settings(max_examples=150, deadline=None)
@given(orders(), st.data())
def test_any_sequence_of_v1_changes_and_invoices_adds_up(order, data):
    story = Story(order)
    for number in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            invoice_something(data.draw, story)
            continue
        before = story.order
        requested = v1(data.draw, before, number)
        if story.decide(register_change, requested=requested):
            assert story.order.items == before.items
            assert story.order.value == before.value + requested.net(before.lines)
            assert story.decide(register_change, requested=requested)
    finish(story)


def test_line_values_after_a_change_are_the_totals():
    """The helper of invoices and the totals speak of the same money."""
    order = after([placed.events[0], *in_handling.events[1:]])
    assert sum(line_value(item) for item in order.items) == order.value
    assert sum(shipping_price(one) for one in order.logistics) == 0
