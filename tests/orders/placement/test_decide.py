"""From a purchase to orders: what is refused, how it is split, and that no cent is lost."""

import copy
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.accounts.account import Account
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.orders.documents import filter_document, list_row, oms_document, placed_order
from oms_ledger.orders.placement.decide import number_of_orders, place
from oms_ledger.orders.refusals import InvalidPlacement
from tests.support.given_when_then import after

ACME = Account("acme", "acme")

# The published example, with payments that add up to what it buys: 2499 + 199 - 1000 + 1099.
PUBLISHED: dict[str, Any] = {
    "items": [
        {
            "id": "123456789",
            "quantity": 1,
            "seller": "1",
            "price": 2499,
            "commission": 10,
            "freightCommission": 5,
            "measurementUnit": "g",
            "unitMultiplier": 1,
            "isGift": False,
            "bundleItems": [{"type": "gift-wrap", "id": "g", "name": "Wrapping", "price": 199}],
            "priceTags": [
                {
                    "identifier": "discount-123",
                    "isPercentual": False,
                    "name": "Promotional Discount",
                    "rawValue": -10,
                    "value": -1000,
                }
            ],
        }
    ],
    "clientProfileData": {
        "email": "customer@example.com",
        "firstName": "John",
        "lastName": "Doe",
        "documentType": "cpf",
        "document": "12345678900",
        "phone": "+5511999999999",
        "isCorporate": False,
    },
    "shippingData": {
        "address": {
            "addressType": "residential",
            "receiverName": "John Doe",
            "postalCode": "12345-000",
            "city": "São Paulo",
            "state": "SP",
            "country": "BRA",
            "street": "Avenida Paulista",
            "number": "1000",
        },
        "logisticsInfo": [
            {
                "itemIndex": 0,
                "selectedSla": "Express",
                "selectedDeliveryChannel": "delivery",
                "shippingEstimate": "2d",
                "price": 1099,
            }
        ],
        "updateStatus": "updated",
    },
    "paymentData": {
        "payments": [
            {"paymentSystem": 1, "referenceValue": 2297, "value": 2297, "installments": 1}
        ],
        "giftCards": [{"redemptionCode": "GIFT", "value": 500, "id": "gift123", "inUse": True}],
        "updateStatus": "updated",
    },
    "marketingData": {"coupon": "SUMMER10", "utmSource": "Google"},
    "openTextField": "Please deliver after 5 PM.",
    "salesAssociateData": {"salesAssociateId": "seller123"},
}


def placing(body, account=ACME, **named):
    ids = count(1)
    return place(
        body,
        order_group="v1acme",
        sequences=range(100, 100 + number_of_orders(body)),
        transaction_id="T",
        new_id=lambda: f"ID-{next(ids)}",
        account=account,
        **named,
    )


def changed(path, value):
    """The published body with one place changed; `...` takes it away."""
    body = copy.deepcopy(PUBLISHED)
    *way, last = path
    part: Any = body
    for step in way:
        part = part[step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return body


ITEM, LINE = ("items", 0), ("shippingData", "logisticsInfo", 0)
PAYMENT, TAG = ("paymentData", "payments", 0), ("items", 0, "priceTags", 0)
PICKUP = {"itemIndex": 0, "price": 1099, "selectedDeliveryChannel": "pickup-in-point"}

REFUSED = [
    (("items",), ..., "ORD005", "items"),
    (("items",), [], "ORD005", "items"),
    (("items",), [7], "CHK0022", "items[0]"),
    ((*ITEM, "id"), ..., "CHK0022", "items[0].id"),
    ((*ITEM, "id"), True, "CHK0022", "items[0].id"),
    ((*ITEM, "quantity"), 0, "CHK0023", "items[0].quantity"),
    ((*ITEM, "quantity"), "²", "CHK0023", "items[0].quantity"),
    ((*ITEM, "quantity"), "9" * 5000, "CHK0023", "items[0].quantity"),
    ((*ITEM, "unitMultiplier"), -1, "CHK0023", "items[0].unitMultiplier"),
    ((*ITEM, "unitMultiplier"), "1e99", "CHK0023", "items[0].unitMultiplier"),
    ((*ITEM, "seller"), ..., "CHK0024", "items[0].seller"),
    ((*ITEM, "price"), ..., "CHK0025", "items[0].price"),
    ((*ITEM, "price"), -1, "CHK0025", "items[0].price"),
    ((*ITEM, "price"), 24.99, "CHK0025", "items[0].price"),
    ((*ITEM, "quantity"), 2**52, "CHK0025", "items[0]"),
    ((*ITEM, "priceTags"), 5, "CHK0025", "items[0].priceTags"),
    ((*TAG, "value"), "ten", "CHK0025", "items[0].priceTags[0].value"),
    (("shippingData",), ..., "ORD045", "shippingData"),
    (("shippingData", "logisticsInfo"), [], "ORD006", "items[0]"),
    (("shippingData", "address"), None, "ORD006", "shippingData.address"),
    ((*LINE, "price"), -1, "ORD006", "shippingData.logisticsInfo[0].price"),
    ((*LINE, "itemIndex"), 1, "CHK0041", "shippingData.logisticsInfo[0].itemIndex"),
    (LINE, PICKUP, "ORD048", "shippingData.logisticsInfo[0]"),
    (("shippingData", "updateStatus"), "outdated", "ORD022", "shippingData.updateStatus"),
    (("clientProfileData",), ..., "ORD007", "clientProfileData"),
    (("clientProfileData", "email"), "", "ORD007", "clientProfileData.email"),
    (("clientProfileData", "email"), "john@", "ORD007", "clientProfileData.email"),
    (("clientProfileData", "email"), "john@example..com", "ORD007", "clientProfileData.email"),
    (("clientProfileData", "firstName"), ["J"], "ORD007", "clientProfileData.firstName"),
    (("paymentData",), ..., "ORD020", "paymentData"),
    (("paymentData", "giftCards"), 5, "ORD020", "paymentData.giftCards"),
    ((*PAYMENT, "value"), "a lot", "ORD020", "paymentData.payments[0].value"),
    ((*PAYMENT, "paymentSystem"), None, "ORD020", "paymentData.payments[0].paymentSystem"),
    ((*PAYMENT, "installments"), 0, "ORD042", "paymentData.payments[0].installments"),
    ((*PAYMENT, "referenceValue"), 2298, "CHK0016", "paymentData.payments[0]"),
    (("paymentData", "updateStatus"), "outdated", "ORD054", "paymentData.updateStatus"),
    ((*TAG, "value"), -2500, "CHK0053", "items[0].priceTags"),
    (TAG, {"name": "tax@price-1", "value": -3800}, "ORD004", "price tags"),
    ((*TAG, "value"), -0.5, "CHK0025", "items[0].priceTags[0].value"),
    ((*ITEM, "bundleItems", 0, "price"), -1, "CHK0025", "items[0].bundleItems[0].price"),
    ((*ITEM, "price"), 24.5, "CHK0025", "items[0].price"),
    ((*ITEM, "price"), "24.50", "CHK0025", "items[0].price"),
    ((*ITEM, "quantity"), 1.5, "CHK0023", "items[0].quantity"),
    (("clientProfileData", "firstName"), "Joh******", "ORD007", "clientProfileData.firstName"),
    (("clientProfileData", "document"), "*1***", "ORD007", "clientProfileData.document"),
    (("clientProfileData", "phone"), "9" * 2001, "CHK0099", "clientProfileData.phone"),
    (("shippingData", "address", "street"), "Ave***", "ORD006", "shippingData.address.street"),
    (("shippingData", "address", "city"), "x" * 2001, "CHK0099", "shippingData.address.city"),
    (("marketingData", "marketingTags"), ["x"] * 51, "CHK0038", "found 51"),
    (("salesAssociateData", "salesAssociateId"), "x" * 101, "CHK0099", "salesAssociateId"),
    (("openTextField",), "x" * 2001, "CHK0017", "openTextField"),
    (("orderFormId",), 7, "OMS004", "orderFormId"),
    (("marketingData",), "SUMMER10", "OMS004", "marketingData"),
]


@pytest.mark.parametrize(("path", "value", "code", "named"), REFUSED)
def test_a_refusal_has_the_published_code_and_names_the_field(path, value, code, named):
    with pytest.raises(InvalidPlacement) as refused:
        placing(changed(path, value))
    assert refused.value.code == code
    assert named in refused.value.message


def test_payments_that_do_not_add_up_are_refused_with_both_sums():
    with pytest.raises(InvalidPlacement, match=r"2798.*2797") as refused:
        placing(changed(PAYMENT, {"paymentSystem": 1, "value": 2298, "installments": 1}))
    assert refused.value.code == "ORD009"


def test_no_payment_at_all_is_refused():
    body = changed(("paymentData", "payments"), [])
    body["paymentData"]["giftCards"] = []
    with pytest.raises(InvalidPlacement, match=r"paymentData\.payments"):
        placing(body)


def test_an_unknown_sales_channel_is_refused():
    with pytest.raises(InvalidPlacement, match="sales channel"):
        placing(PUBLISHED, sales_channel="main")


def test_prices_are_not_taken_from_the_request_where_the_account_says_so():
    with pytest.raises(InvalidPlacement) as refused:
        placing(PUBLISHED, Account("acme", "acme", {"trust_request_prices": False}))
    assert refused.value.code == "CHK0022"


def test_the_published_example_becomes_one_order():
    [(order_id, placed)] = placing(PUBLISHED)
    assert order_id == "v1acme-01"
    assert {total.id: total.value for total in placed.totals} == {
        "Items": 2698,
        "Discounts": -1000,
        "Shipping": 1099,
        "Tax": 0,
    }
    assert (placed.flow, placed.seller, placed.seller_name) == ("complete", "1", "acme")
    assert [(p.payment_system_name, p.group, p.value) for p in placed.payments] == [
        ("American Express", "creditCard", 2297),
        ("Vale", "giftCard", 500),
    ]
    assert placed.gift_cards[0]["value"] == 500
    assert placed.client_profile == PUBLISHED["clientProfileData"]
    address_id = placed.address.pop("addressId")
    assert re.fullmatch(r"id-\d", address_id)
    assert placed.address == PUBLISHED["shippingData"]["address"]
    assert placed.seller_order_id == "00-v1acme-01"
    assert placed.open_text == "Please deliver after 5 PM."
    assert placed.details == {"salesAssociateData": {"salesAssociateId": "seller123"}}
    assert placed.items[0].details["bundleItems"] == PUBLISHED["items"][0]["bundleItems"]


def test_a_percentage_is_a_percentage_of_the_line():
    tag = {"name": "discount@price-1", "isPercentual": True, "value": -12.5, "rawValue": -0.125}
    body = changed(TAG, tag)
    body["paymentData"]["payments"][0] |= {"value": 2985, "referenceValue": 2985}
    [(_, placed)] = placing(body)
    assert placed.items[0].price_tags[0].value == -312  # of 2499
    [shown] = oms_document(after([placed]))["items"][0]["priceTags"]
    assert (shown["value"], shown["rawValue"], shown["isPercentual"]) == (-12.5, -0.125, True)


def test_whole_numbers_with_a_point_are_whole_numbers():
    body = changed((*ITEM, "price"), 2498.9999999999995)
    body["items"][0] |= {"quantity": 1.0, "seller": 1}
    body["shippingData"]["logisticsInfo"][0] |= {"itemIndex": 0.0, "price": "1099"}
    body["paymentData"]["payments"][0] |= {"value": 2297.0, "installments": "1"}
    [(_, placed)] = placing(body)
    [(_, plain)] = placing(PUBLISHED)
    assert (placed.items, placed.totals, placed.payments) == (
        plain.items,
        plain.totals,
        plain.payments,
    )


def test_a_delivery_names_an_address_that_was_sent():
    body = changed(("shippingData", "address", "addressId"), "home")
    body["shippingData"]["logisticsInfo"][0]["addressId"] = "home"
    assert placing(body)[0][1].address["addressId"] == "home"
    body["shippingData"]["logisticsInfo"][0]["addressId"] = "away"
    with pytest.raises(InvalidPlacement) as refused:
        placing(body)
    assert refused.value.code == "ORD044"


def test_a_price_tag_without_a_value_counts_its_raw_value():
    tag = {"name": "Discount", "rawValue": -10.0, "identifier": 7}
    assert placing(changed(TAG, tag))[0][1].items[0].price_tags[0].value == -1000


@pytest.mark.parametrize("sku", [1, 123456789, "1"])
def test_ids_quantities_and_payment_systems_come_as_text_or_number(sku):
    body = changed((*ITEM, "id"), sku)
    body["items"][0]["quantity"] = "1"
    body["paymentData"]["payments"][0]["paymentSystem"] = "1"
    [(_, placed)] = placing(body)
    assert (placed.items[0].id, placed.items[0].quantity) == (str(sku), 1)


@pytest.mark.guarantee("G25")
def test_a_unit_multiplier_is_exact():
    body = changed((*ITEM, "unitMultiplier"), 0.1)
    body["items"][0] |= {"quantity": 3, "price": 8330, "bundleItems": []}
    body["paymentData"]["payments"][0] |= {"value": 2098, "referenceValue": 2098}
    [(_, placed)] = placing(body)
    assert placed.items[0].unit_multiplier == Decimal("0.1")
    assert placed.totals[0].value == 2499


@pytest.mark.parametrize(
    "pickup",
    [
        {**PICKUP, "pickupPointId": "store-1"},
        {**PICKUP, "slas": [{"id": "Normal", "pickupPointId": "store-1"}]},
    ],
)
def test_a_pickup_needs_a_store_and_no_address(pickup):
    body = changed(LINE, pickup)
    body["shippingData"]["address"] = None
    assert placing(body)[0][1].logistics[0]["selectedDeliveryChannel"] == "pickup-in-point"


def test_what_the_ledger_says_itself_cannot_be_placed():
    body = {**PUBLISHED, "sellers": "?", "cancellationData": "?", "status": "invoiced"}
    body["clientProfileData"] = {**PUBLISHED["clientProfileData"], "besides": "?"}
    [(_, placed)] = placing(body)
    assert placed.details.keys() == {"salesAssociateData"}
    assert "besides" not in placed.client_profile


def test_no_secret_of_a_card_is_kept_wherever_it_was_written():
    body = changed((*PAYMENT, "fields"), {"cardNumber": "4444333322221111"})
    body["paymentData"]["payments"][0]["bin"] = "4444333322221111"
    body["card"] = [{"cardNumber": "4444333322221111", "CVV": "737", "holder": "J"}]
    body["items"][0]["cardNumber"] = "4444333322221111"
    stored = repr(placing(body))
    assert "33322221111" not in stored
    assert "737" not in stored
    assert "'bin': '44443333'" in stored


def purchase(lines, payments, gift_card=0):
    """A purchase of (seller, price, shipping) lines paid by (reference, interest) payments."""
    body = copy.deepcopy(PUBLISHED)
    body["items"] = [
        {"id": str(i), "quantity": 1, "seller": seller, "price": price}
        for i, (seller, price, _) in enumerate(lines)
    ]
    body["shippingData"]["logisticsInfo"] = [
        {"itemIndex": i, "price": shipping} for i, (_, _, shipping) in enumerate(lines)
    ]
    body["paymentData"]["payments"] = [
        {"paymentSystem": 2, "value": ref + interest, "referenceValue": ref, "installments": 3}
        for ref, interest in payments
    ]
    body["paymentData"]["giftCards"] = [{"value": gift_card}] if gift_card else []
    return body


def test_every_seller_gets_an_order_with_its_own_lines():
    lines = [("1", 1000, 0), ("toys", 500, 100), ("1", 200, 0), ("acme", 300, 0)]
    orders = placing(purchase(lines, [(2100, 0)]))
    assert [order_id for order_id, _ in orders] == ["v1acme-01", "v1acme-02", "v1acme-03"]
    placed = [order for _, order in orders]
    assert [(o.seller, o.flow, o.sequence) for o in placed] == [
        ("1", "complete", 100),
        ("toys", "marketplace", 101),
        ("acme", "complete", 102),
    ]
    assert [[item.id for item in o.items] for o in placed] == [["0", "2"], ["1"], ["3"]]
    assert [[line["itemIndex"] for line in o.logistics] for o in placed] == [[0, 1], [0], [0]]
    assert [[p.value for p in o.payments] for o in placed] == [[1200], [600], [300]]
    assert len({o.transaction_id for o in placed}) == len({o.payments[0].id for o in placed}) == 1


@st.composite
def purchases(draw):
    prices = st.integers(0, 10_000)
    lines = draw(
        st.lists(st.tuples(st.sampled_from("1abc"), prices, prices), min_size=1, max_size=6)
    )
    left = sum(price + shipping for _, price, shipping in lines)
    amounts = []
    for _ in range(draw(st.integers(0, 3))):
        amounts.append(draw(st.integers(0, left)))
        left -= amounts[-1]
    payments = [(amount, draw(st.integers(0, 99))) for amount in (*amounts, left)]
    return lines, payments


@pytest.mark.guarantee("G21")
@settings(max_examples=300, deadline=None)
@given(purchases(), st.booleans())
def test_the_orders_together_are_the_purchase_to_the_cent(bought, by_gift_card):
    lines, payments = bought
    gift_card = payments.pop()[0] if by_gift_card else 0
    body = purchase(lines, payments, gift_card)
    total = sum(price + shipping for _, price, shipping in lines)
    if not payments and not gift_card and total:
        return
    orders = [order for _, order in placing(body)]
    values = [sum(total.value for total in order.totals) for order in orders]
    assert sum(values) == total
    if not total:
        assert all(o.transaction_id == "NO-PAYMENT" and not o.payments for o in orders)
        return
    for order, value in zip(orders, values, strict=True):
        shares = [p.reference_value for p in order.payments]  # a gift card is one of them
        assert [card["value"] for card in order.gift_cards] == shares[len(payments) :]
        assert sum(shares) == value
        assert min(shares) >= 0
    for number, (reference, interest) in enumerate(payments):
        own = [order.payments[number] for order in orders]
        assert sum(p.reference_value for p in own) == reference
        assert sum(p.value for p in own) == reference + interest


def places(part, path=()):
    """The path of every value in a body."""
    inside: Iterable[Any] = part.items() if isinstance(part, dict) else ()
    inside = enumerate(part) if isinstance(part, list) else inside
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


RICH: dict[str, Any] = {
    **PUBLISHED,
    "clientPreferencesData": {"locale": "pt-BR", "optinNewsLetter": False},
    "storePreferencesData": {"countryCode": "BRA", "timeZone": "UTC", "currencyFormatInfo": {}},
    "invoiceData": {"address": {}, "billing": {}},
    "customData": {"customApps": [{"id": "app", "fields": {}}]},
    "giftRegistryData": {"giftRegistryId": "1"},
    "callCenterOperatorData": {"email": "a@b.c"},
    "receiptData": {"receiptCollection": []},
}
RICH["shippingData"] = {
    **PUBLISHED["shippingData"],
    "selectedAddresses": [{"addressId": "home"}],
    "availableAddresses": [{"addressId": "home"}],
    "contactInformation": {"email": "a@b.c"},
    "logisticsInfo": [
        {
            **PUBLISHED["shippingData"]["logisticsInfo"][0],
            "shippingEstimateDate": "2026-01-05T00:00:00Z",
            "slas": [{"id": "Express", "price": 1099}],
        }
    ],
}


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(sorted(places(RICH), key=repr)),
    st.sampled_from([None, True, -1, 0, 7, 1.5, "", "?", "7", [], ["?"], [{}], {}, {"?": "?"}]),
)
def test_whatever_was_placed_can_be_stored_and_shown(path, value):
    body = copy.deepcopy(RICH)
    *way, last = path
    part: Any = body
    for step in way:
        part = part[step]
    part[last] = value
    try:
        orders = placing(body)
    except InvalidPlacement:
        return
    for _, placed in orders:
        stored = EVENT_TYPES.decode(*EVENT_TYPES.encode(placed))
        assert stored == placed
        order = after([stored])
        assert oms_document(order)["value"] == list_row(order)["totalValue"]
        assert filter_document(order)["orderId"] == placed_order(order)["orderId"]
