"""The money of a cart is that of its totalizers, its placement and its orders, to the cent."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.accounts.account import Account
from oms_ledger.carts import placement
from oms_ledger.carts.cart import Cart, CartLine, ChosenService, Payment
from oms_ledger.carts.configuration import DEFAULTS, Configuration
from oms_ledger.carts.documents.order_form import Viewer, order_form
from oms_ledger.carts.pricing import Store, price_cart
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.offers.catalog import (
    InstallmentCondition,
    Offer,
    PaymentCondition,
    Service,
    Tag,
)
from oms_ledger.offers.quote import Availability, LineQuote, Sla
from oms_ledger.orders.documents import oms_document, placed_order
from oms_ledger.orders.placement.decide import place
from tests.support.given_when_then import after

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STORE = Store("acme", "BRA", "BRL", "pt-BR", "UTC", "Acme", Configuration(dict(DEFAULTS)))
ADDRESS = {
    "addressType": "residential",
    "receiverName": "Ana Souza",
    "addressId": "home",
    "postalCode": "01310-100",
    "city": "São Paulo",
    "state": "SP",
    "country": "BRA",
    "street": "Avenida Paulista",
    "number": "1",
    "geoCoordinates": [],
}
CONDITIONS = (
    PaymentCondition(
        system="2",
        installments=(
            InstallmentCondition(count=1),
            InstallmentCondition(count=3, interest_rate=200),
        ),
    ),
    PaymentCondition(system="6"),
)

cents = st.integers(0, 50_000)
tags = st.one_of(
    st.builds(Tag, name=st.just("discount@price-1#a"), value=st.integers(-300, 0)),
    st.builds(
        Tag,
        name=st.just("discount@price-2#b"),
        value=st.integers(-30, 0),
        is_percentual=st.just(True),
    ),
    st.builds(Tag, name=st.just("tax@price-3#c"), value=st.integers(0, 900)),
    st.builds(Tag, name=st.just("discount@shipping-4#d"), value=st.integers(-200, 0)),
)


@st.composite
def lines(draw, number):
    """A line that is available, and what its seller says of it."""
    sku, seller = str(number), draw(st.sampled_from(["1", "toys", "lojab"]))
    services = tuple(
        Service(id=f"s{n}", price=price, name="Gift wrap", type="wrap")
        for n, price in enumerate(draw(st.lists(st.integers(0, 500), max_size=2)))
    )
    offer = Offer(
        sku=sku,
        seller=seller,
        price=draw(cents),
        list_price=draw(st.none() | cents),
        name=f"SKU {number}",
        unit_multiplier=draw(st.sampled_from([Decimal(1), Decimal("0.3"), Decimal(100)])),
        tax=draw(st.integers(0, 90)),
        services=services,
        price_tags=tuple(draw(st.lists(tags, max_size=3))),
    )
    slas = tuple(
        Sla(id=name, channel="delivery", name=name, estimate="3bd", price=price, list_price=price)
        for name, price in (("Normal", draw(cents)), ("Express", draw(cents)))
    )
    line = CartLine(
        unique_id=f"{number:032X}",
        id=sku,
        seller=seller,
        quantity=draw(st.integers(1, 9)),
        services=tuple(ChosenService(id=one.id) for one in services),
        manual_price=draw(st.none() | st.none() | cents),
        manual_price_by="operator",
    )
    quote = LineQuote(
        availability=Availability.AVAILABLE, quantity=line.quantity, offer=offer, slas=slas
    )
    return line, quote


@st.composite
def filled_carts(draw):
    """A cart that is paid by a gift card, or a card, or two, with or without interest."""
    found = [draw(lines(number)) for number in range(draw(st.integers(1, 5)))]
    counts = draw(st.lists(st.sampled_from([1, 3]), min_size=1, max_size=2))
    payments = tuple(
        Payment(payment_system="2", installments=one, reference_value=draw(cents)) for one in counts
    )
    value = draw(st.integers(0, 3000))
    card = {"id": "g", "redemptionCode": "R", "value": value, "balance": None, "inUse": True}
    cart = Cart(
        id="a" * 32,
        account="acme",
        filling="f" * 32,
        lines=tuple(line for line, _ in found),
        addresses=(ADDRESS,),
        profile={"email": "ana@example.com", "firstName": "Ana", "lastName": "Souza"},
        payments=payments,
        gift_cards=(card,) if value else (),
    )
    quotes = [quote for _, quote in found]
    return price_cart(cart, quotes, store=STORE, conditions=CONDITIONS, now=NOW)


def orders_of(priced):
    """The orders that the cart becomes, in order of their ids."""
    ids, own = count(1), iter([one.line.unique_id for one in priced.lines])
    decided = place(
        placement.placement_body(priced, STORE, NOW),
        order_group="v1acme",
        sequences=[1, 2, 3],
        transaction_id="T",
        new_id=lambda: next(own, None) or f"ID-{next(ids)}",
        account=Account("acme", "acme"),
        offered=True,
    )
    return [placement.finished(event, priced) for _, event in decided]


def is_payable(priced):
    """Whether the cart may be placed: no line is below zero, and what is chosen pays all of it."""
    pays = sum(one.reference_value for one in priced.payments)
    pays += sum(card["value"] for card in priced.gift_cards)
    payable = pays == priced.value and all(one.figures.total >= 0 for one in priced.lines)
    if payable:
        placement.require_payable(priced, None)
    else:
        with pytest.raises(CartRefusal) as refused:
            placement.require_payable(priced, None)
        assert refused.value.code in ("CHK0053", "CHK0209", "ORD009")
    return payable


@pytest.mark.guarantee("G28")
@settings(max_examples=60, deadline=None)
@given(filled_carts())
def test_value_is_the_sum_of_totalizers_lines_and_orders(priced):
    shown = order_form(priced, STORE, Viewer(), NOW)
    totalizers = {one["id"]: one["value"] for one in shown["totalizers"]}
    assert shown["value"] == sum(totalizers.values()) == priced.value
    for item in shown["items"]:
        definition = item["priceDefinition"]
        parts = definition["sellingPrices"]
        assert sum(one["value"] * one["quantity"] for one in parts) == definition["total"]
        assert sum(one["quantity"] for one in parts) == item["quantity"]
    assert totalizers["Items"] + totalizers.get("Discounts", 0) == sum(
        item["priceDefinition"]["total"]
        + sum(one["price"] * one["quantity"] for one in item["bundleItems"])
        for item in shown["items"]
    )
    slas = zip(shown["shippingData"]["logisticsInfo"], priced.lines, strict=True)
    assert totalizers["Shipping"] == sum(one.figures.freight for _, one in slas)
    if not is_payable(priced):
        return
    placed = orders_of(priced)
    orders = [after([one]) for one in placed]
    documents = [oms_document(one) for one in orders]
    for document, order in zip(documents, orders, strict=True):
        assert document["value"] == sum(one["value"] for one in document["totals"])
        assert placed_order(order)["value"] == document["value"]
    assert sum(one["value"] for one in documents) == shown["value"]
    for name in ("Items", "Discounts", "Shipping", "Tax"):
        of_orders = sum(
            one["value"] for each in documents for one in each["totals"] if one["id"] == name
        )
        assert of_orders == totalizers.get(name, 0)
    in_cart = {item["uniqueId"]: item for item in shown["items"]}
    for item in (item for one in documents for item in one["items"]):
        same = in_cart.pop(item["uniqueId"])
        for name in ("price", "sellingPrice", "quantity", "priceDefinition"):
            assert item[name] == same[name]
    assert not in_cart


@pytest.mark.guarantee("G21")
@settings(max_examples=60, deadline=None)
@given(filled_carts())
def test_payments_are_divided_among_sellers_to_the_cent(priced):
    if not is_payable(priced) or not priced.value:
        return
    placed = orders_of(priced)
    assert [one.seller for one in placed] == list(
        dict.fromkeys(one.line.seller for one in priced.lines)
    )
    cards = sum(card["value"] for card in priced.gift_cards)
    for number, payment in enumerate(priced.payments):
        shares = [one.payments[number] for one in placed]
        assert sum(one.reference_value for one in shares) == payment.reference_value
        assert sum(one.value for one in shares) == payment.value
    assert sum(card["value"] for one in placed for card in one.gift_cards) == cards
    for one in placed:
        value = sum(total.value for total in one.totals)
        assert sum(share.reference_value for share in one.payments) == value


@settings(max_examples=40, deadline=None)
@given(filled_carts(), st.integers(0, 4))
def test_a_line_that_is_not_available_counts_nowhere(priced, which):
    which %= len(priced.lines)
    quotes = [one.quote for one in priced.lines]
    gone = quotes[which]
    quotes[which] = LineQuote(
        availability=Availability.WITHOUT_STOCK, quantity=gone.quantity, offer=gone.offer
    )
    again = price_cart(priced.cart, quotes, store=STORE, conditions=CONDITIONS, now=NOW)
    lost = priced.lines[which].figures
    assert again.value == priced.value - (lost.total + lost.services + lost.freight + lost.taxes)
    assert len(again.lines) == len(priced.lines)
    assert not placement.is_whole(again)
