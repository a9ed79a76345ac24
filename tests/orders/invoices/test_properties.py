"""Whatever is invoiced and returned in whatever order, money and units add up (G20-G27)."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents import filter_document, list_row, oms_document, pii_document
from oms_ledger.orders.events import InvoiceIssued
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import divide
from oms_ledger.orders.totals import figures, order_totals
from oms_ledger.refusal import Refusal
from tests.support import scenarios
from tests.support.given_when_then import START, after

SKUS = ("mug", "lamp")


def lines():
    """Lines of few SKUs, so that one often stands on several lines, at several prices."""
    line = st.tuples(
        st.sampled_from(SKUS),
        st.integers(1, 4),
        st.sampled_from([0, 7, 10_00, 10_01, 33_33]),
        st.sampled_from(["1", "0.5", "0.333", "2.25"]),
        st.sampled_from([0, -1, -7]),
    )
    return st.lists(line, min_size=1, max_size=5)


def items_of(fields) -> tuple[e.Item, ...]:
    return tuple(
        e.Item(
            f"LINE-{at}",
            sku,
            "1",
            quantity,
            price,
            Decimal(multiplier),
            (e.PriceTag("promo", tag),) if tag and price else (),
            details={"refId": f"ref-{sku}"},
            arithmetic=at % 2,
        )
        for at, (sku, quantity, price, multiplier, tag) in enumerate(fields)
    )


def in_handling(items: tuple[e.Item, ...]) -> Order:
    totals = order_totals(items, ({"itemIndex": 0, "price": 500, "sellingPrice": 499},))
    value = sum(total.value for total in totals)
    placed = e.OrderPlaced(
        **{
            **{
                name: getattr(scenarios.purchase(), name) for name in scenarios.purchase().__slots__
            },
            "items": items,
            "totals": totals,
            "payments": (e.Payment("CARD", "2", "Visa", "creditCard", value, value),),
        }
    )
    paid = e.PaymentAuthorized("CARD", "r")
    return after([placed, paid, *[x for x in scenarios.in_handling.events[1:] if not _pays(x)]])


def _pays(event: e.OrderEvent) -> bool:
    return isinstance(event, e.PaymentAuthorized)


@dataclass(frozen=True)
class Invoice:
    number: int
    type: str
    share: int
    items: tuple[tuple[str, int, bool], ...]


def invoices():
    item = st.tuples(
        st.sampled_from([*SKUS, "ref-mug", "LINE-0", "LINE-1", "vase"]),
        st.integers(1, 5),
        st.booleans(),
    )
    return st.lists(
        st.builds(
            Invoice,
            st.integers(0, 6),
            st.sampled_from(["Output", "Output", "Input"]),
            st.integers(1, 110),
            st.lists(item, max_size=3).map(tuple),
        ),
        max_size=10,
    )


def lives(order: Order, fields) -> list[Order]:
    every = [order]
    for at, one in enumerate(fields):
        left = max(order.value - order.invoiced_value, 1)
        value = left if one.share > 100 else max(order.value * one.share // 100, 1)
        requested = [
            InvoiceItemInput(name, units, order.items[0].price if priced else None)
            for name, units, priced in one.items
        ]
        try:
            events = issue_invoice(
                order,
                DecisionContext(START, f"receipt-{at}"),
                number=str(one.number),
                type=one.type,
                value=value,
                issued_at=START,
                items=requested,
            )
        except Refusal:
            continue
        order = after(events, order)
        every.append(order)
    return every


@pytest.mark.guarantee("G22", "G24")
@settings(max_examples=200, deadline=None)
@given(lines(), invoices())
def test_no_more_is_invoiced_or_returned_than_there_is_of_any_line(fields, requested):
    order = in_handling(items_of(fields))
    for one in lives(order, requested):
        assert one.invoiced_value <= one.value
        invoiced = [0] * len(one.items)
        returned = [0] * len(one.items)
        for invoice in one.invoices:
            units = invoiced if invoice.type == "Output" else returned
            for entry in invoice.items:
                assert one.items[entry.item_index].unique_id == entry.unique_id
                units[entry.item_index] += entry.quantity
        for item, out, back in zip(one.items, invoiced, returned, strict=True):
            assert 0 <= back <= out <= item.quantity
        assert (one.invoiced_value == one.value) == (one.invoiced_at is not None)


@pytest.mark.guarantee("G24")
@settings(max_examples=200, deadline=None)
@given(lines(), st.sampled_from(SKUS), st.integers(1, 8))
def test_units_of_a_sku_are_taken_in_order_at_their_own_prices(fields, sku, units):
    order = in_handling(items_of(fields))
    of_sku = [i for i, item in enumerate(order.items) if item.id == sku]
    if sum(order.items[i].quantity for i in of_sku) < units:
        return
    (issued, *_) = issue_invoice(
        order,
        DecisionContext(START, "r"),
        number="1",
        type="Output",
        value=1,
        issued_at=START,
        items=[InvoiceItemInput(sku, units)],
    )
    assert isinstance(issued, InvoiceIssued)
    taken = [
        (index, sum(entry.quantity for entry in entries))
        for index, entries in groupby(issued.items, key=lambda entry: entry.item_index)
    ]
    expected, wanted = [], units
    for i in of_sku:
        here = min(wanted, order.items[i].quantity)
        if here:
            expected.append((i, here))
        wanted -= here
    assert taken == expected
    for index, here in taken:
        prices = figures(order.items[index]).selling_prices
        each = [price for price, count in prices for _ in range(count)]
        fields = [
            e
            for entry in issued.items
            if entry.item_index == index
            for e in [entry.price] * entry.quantity
        ]
        assert fields == each[:here]


@pytest.mark.guarantee("G24")
@settings(max_examples=200, deadline=None)
@given(lines(), st.lists(st.integers(1, 4000), max_size=3))
def test_inferred_packages_come_to_what_their_lines_cost(fields, values):
    order = in_handling(items_of(fields))
    for number, value in enumerate([*values, None]):
        left = order.value - order.invoiced_value
        value = left if value is None else min(value, left)
        if not value:
            continue
        events = issue_invoice(
            order,
            DecisionContext(START, "r"),
            number=str(number),
            type="Output",
            value=value,
            issued_at=START,
        )
        order = after(events, order)
        package = oms_document(order)["packageAttachment"]["packages"][-1]
        lines = {entry["itemIndex"] for entry in package["items"]}
        cost = sum(
            price["value"] * price["quantity"]
            for index in lines
            for price in oms_document(order)["items"][index]["priceDefinition"]["sellingPrices"]
        )
        assert sum(entry["quantity"] * entry["price"] for entry in package["items"]) == cost
        if value != left:
            assert cost == value or not lines
    assert order.units_left() == [0] * len(order.lines) or not order.value


@pytest.mark.guarantee("G20", "G21")
@settings(max_examples=200, deadline=None)
@given(lines(), invoices())
def test_the_same_whole_cents_stand_in_every_document_at_every_version(fields, requested):
    for order in lives(in_handling(items_of(fields)), requested):
        oms, pii, row = oms_document(order), pii_document(order), list_row(order)
        seen = filter_document(order)
        assert oms["value"] == pii["value"] == seen["value"] == row["totalValue"] == order.value
        assert type(oms["value"]) is int
        assert sum(total["value"] for total in oms["totals"]) == order.value
        for item in pii["items"]:
            prices = item["priceDefinition"]
            parts = prices["sellingPrices"]
            assert prices["total"] == sum(part["value"] * part["quantity"] for part in parts)
        for one, other in zip(
            oms["packageAttachment"]["packages"], pii["packageAttachment"]["packages"], strict=True
        ):
            assert one["invoiceValue"] == other["invoiceValue"]
            assert type(one["invoiceValue"]) is int
        assert _floats(oms["totals"]) == _floats(oms["packageAttachment"]["packages"]) == []


def _floats(part: Any) -> list[float]:
    """Floats anywhere in it, but for multipliers, which are decimals."""
    if isinstance(part, float):
        return [part]
    if isinstance(part, dict):
        return [x for key, value in part.items() if key != "unitMultiplier" for x in _floats(value)]
    return [x for value in part for x in _floats(value)] if isinstance(part, list) else []


@pytest.mark.guarantee("G25")
@settings(max_examples=300, deadline=None)
@given(lines())
def test_unit_multipliers_are_exact_decimals_in_every_sum(fields):
    items = items_of(fields)
    exact = [
        (item.price * item.quantity * item.unit_multiplier).quantize(
            Decimal(1), rounding=ROUND_HALF_EVEN
        )
        for item in items
    ]
    document = oms_document(in_handling(items))
    assert document["totals"][0]["value"] == sum(exact)
    for item, shown, whole in zip(items, document["items"], exact, strict=True):
        tags = sum(tag.value for tag in item.price_tags)
        assert shown["priceDefinition"]["total"] == int(whole) + tags
        assert shown["unitMultiplier"] == float(item.unit_multiplier)


@pytest.mark.guarantee("G21")
@settings(max_examples=300, deadline=None)
@given(st.integers(-10_000, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=8))
def test_a_division_loses_and_invents_no_cent(amount, weights):
    shares = divide(amount, weights)
    assert sum(shares) == amount
    whole = sum(weights)
    if whole:
        for share, weight in zip(shares, weights, strict=True):
            assert abs(share - amount * weight / whole) <= 1


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(
    lambda text: text.strip()
)


@pytest.mark.guarantee("G27")
@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_any_number_and_description_is_kept_and_found(number, description):
    order = in_handling((scenarios.MUGS, scenarios.LAMP))
    issued = issue_invoice(
        order,
        DecisionContext(START, "r"),
        number=number,
        type="Output",
        value=10_00,
        issued_at=START,
        items=[InvoiceItemInput("lamp", 1, 10_00, description)],
    )
    order = after(issued, order)
    for document in (oms_document(order), pii_document(order)):
        (package,) = document["packageAttachment"]["packages"]
        assert package["invoiceNumber"] == number
        assert package["items"][0]["description"] == description
    assert order.invoice(f"  {number} ") is order.invoices[0]
