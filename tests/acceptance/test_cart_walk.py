"""A cart from its first answer to its placement over a real socket: rules that are easily lost."""

import asyncio
from typing import Any

import pytest

from oms_ledger.offers.catalog import Offer
from oms_ledger.offers.reading import of
from projections.offers import rows
from tests.support.client import Client
from tests.support.purchases import ACCOUNT
from tests.support.storefront import ADDRESS, OFFERS, PROFILE, Browser, load_offers, set_account

CART = "/api/checkout/pub/orderForm"
KEYS = [
    *("orderFormId", "salesChannel", "loggedIn", "isCheckedIn", "storeId"),
    *("checkedInPickupPointId", "allowManualPrice", "canEditData", "userProfileId", "userType"),
    *("ignoreProfileData", "value", "messages", "items", "selectableGifts", "totalizers"),
    *("shippingData", "clientProfileData", "paymentData", "marketingData", "sellers"),
    *("clientPreferencesData", "commercialConditionData", "giftRegistryData", "hooksData"),
    *("subscriptionData", "purchaseAgentsData", "itemsOrdination", "storePreferencesData"),
    *("openTextField", "invoiceData", "customData", "merchantContextData", "itemMetadata"),
    "ratesAndBenefitsData",
]


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app, over_http=True))


def codes(cart):
    return [one["code"] for one in cart["messages"]]


def lines(cart):
    return [(one["uniqueId"], one["id"], one["quantity"]) for one in cart["items"]]


def test_every_key_is_always_there(browser):
    empty = browser.ok("GET", CART)
    assert sorted(empty) == sorted(KEYS)
    assert empty["shippingData"] is None
    assert empty["totalizers"] == []
    for name in ("commercialConditionData", "giftRegistryData", "hooksData", "subscriptionData"):
        assert empty[name] is None
    filled = browser.add(("4", 2))
    assert list(filled) == list(empty)
    (line,) = filled["items"]
    fixed: dict[str, Any] = {
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "rewardValue": 0,
    }
    fixed |= {"assemblies": [], "components": [], "isGift": False, "preSaleDate": None}
    fixed |= {"modalType": None, "manufacturerCode": None, "taxCode": ""}
    assert {name: line[name] for name in fixed} == fixed
    assert (line["price"], line["unitMultiplier"]) == (3999, 0.35)
    assert line["priceDefinition"]["total"] == filled["value"]
    preferences = filled["clientPreferencesData"]
    assert (preferences["savePersonalData"], preferences["savePaymentData"]) == (False, False)


def test_trade_policy_is_a_number_and_another_quotes_every_line_again(browser, cell):
    load_offers(cell, [{"sku": "1", "price": 3190, "sales_channels": ["1"]}])
    browser.add(("1", 1), ("3", 1))
    answer = browser.call("POST", f"{CART}?sc=abc", {})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "CHK0010")
    moved = browser.ok("POST", f"{CART}?sc=2", {})
    assert moved["salesChannel"] == "2"
    assert "ORD027" in codes(moved)
    assert browser.ok("POST", f"{CART}?sc=1", {})["salesChannel"] == "1"


def test_paths_are_matched_without_case_and_what_is_not_needed_is_ignored(browser):
    browser.add(("1", 1))
    for path in (
        f"/api/checkout/pub/orderform/{browser.cart_id}",
        f"/API/Checkout/pub/ORDERFORM/{browser.cart_id}",
        f"{CART}/{browser.cart_id}?disableAutoCompletion=true&allowedOutdatedData=paymentData",
        f"{CART}/{browser.cart_id}?allowOutdatedData=paymentData&refreshOutdatedData=true",
    ):
        for method in ("GET", "POST"):
            found = browser.ok(method, path, {"expectedOrderFormSections": ["items"]})
            assert found["orderFormId"] == browser.cart_id
            assert found["paymentData"]["updateStatus"] == "updated"
    body = {"items": [{"id": "1", "quantity": 1, "seller": "1"}]}
    path = "/api/checkout/pub/orderforms/simulation"
    assert browser.ok("POST", path, body)["items"][0]["price"] == 3190


def test_malformed_ids_are_refused_and_others_open_a_new_cart(browser):
    first = browser.ok("GET", CART)["orderFormId"]
    for wrong in ("nonsense", "12", "g" * 32):
        answer = browser.call("GET", f"{CART}/{wrong}")
        assert (answer.status, answer.json()["error"]["code"]) == (400, "ORD002")
    opened = browser.ok("GET", f"{CART}/{'0' * 32}")
    assert opened["orderFormId"] not in (first, "0" * 32)
    answer = browser.call("POST", f"{CART}/{'0' * 32}/items", {"orderItems": []})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "ORD002")


def test_full_cart_takes_no_more_and_says_so(browser, cell):
    load_offers(cell, [{"sku": f"f{n}", "price": 1} for n in range(260)])
    lines = [{"id": f"f{n}", "quantity": 1, "seller": "1"} for n in range(251)]
    cart = browser.cart("/items", {"orderItems": lines})
    assert len(cart["items"]) == 250
    assert codes(cart) == ["cartMaxProductCountReached"]
    assert cart["messages"][0]["status"] == "info"
    entries = [{"id": "f1", "quantity": 1, "seller": "1"}] * 301
    assert browser.refused("/items", {"orderItems": entries}) == (400, "CHK0062")


def test_what_is_no_longer_offered_with_a_line_goes_with_a_message(browser, cell):
    browser.add(("3", 1))
    browser.cart("/items/0/offerings", {"id": "s1"})
    content = {"content": {"text": "Ana", "color": "red"}, "noSplitItem": True}
    browser.cart("/items/0/attachments/Engraving", content)
    load_offers(cell, [{"sku": "3", "price": 10000, "name": "Table"}])
    cart = browser.cart("", {})
    assert {"bundleItemsRemoved", "itemAttachmentsRemoved"} <= set(codes(cart))
    assert cart["items"][0]["bundleItems"] == cart["items"][0]["attachments"] == []
    assert cart["value"] == 10000
    kept = browser.cart("/messages/clear", {"expectedOrderFormSections": ["items"]})
    assert kept["messages"] == []


def test_empty_required_attachment_places_nothing(browser, cell):
    schema: dict[str, Any] = {"text": {"maximum_number_of_characters": 5}}
    required: dict[str, Any] = {"name": "Engraving", "required": True, "schema": schema}
    load_offers(cell, [{"sku": "3", "price": 10000, "name": "Table", "attachments": [required]}])
    browser.fill(("3", 1))
    total = browser.cart("", {})["value"]
    sent = {"referenceId": browser.cart_id, "value": total, "referenceValue": total}
    assert browser.refused("/transaction", sent) == (400, "ORD025")


def test_addresses_of_two_countries_and_two_deliveries_are_refused(browser):
    browser.add(("1", 1))
    path, abroad = "/attachments/shippingData", {**ADDRESS, "country": "ARG", "addressId": "b"}
    pickup = {**abroad, "addressType": "pickup"}
    assert browser.refused(path, {"selectedAddresses": [ADDRESS, pickup]}) == (400, "ORD030")
    assert browser.refused(path, {"selectedAddresses": [ADDRESS, abroad]}) == (400, "ORD031")
    assert browser.cart("", {})["shippingData"]["address"] is None


def test_installments_of_an_empty_cart_and_payments_above_the_cart_are_refused(browser):
    browser.ok("GET", CART)
    path = "/installments?paymentSystem=2"
    assert browser.refused(path, method="GET") == (400, "CHK0269")
    browser.add(("1", 1))
    assert browser.cart(path, method="GET")["paymentSystem"] == "2"
    assert browser.refused("/installments?paymentSystem=99", method="GET") == (400, "CHK0152")
    most = {"paymentSystem": "2", "installments": 1, "value": 9999, "referenceValue": 9999}
    assert browser.refused("/attachments/paymentData", {"payments": [most, most]}) == (
        400,
        "CHK0151",
    )


def test_marketing_keeps_every_name_and_an_unknown_coupon_loses_nothing(browser):
    browser.add(("1", 1))
    sent: dict[str, Any] = {"utmSource": "s", "utmMedium": "m", "utmCampaign": "c", "utmiPart": "p"}
    sent |= {"utmiCampaign": "i", "utmiPage": "g", "marketingTags": ["a", None]}
    found = browser.cart("/attachments/marketingData", {**sent, "coupon": "NONE"})
    marketing = found["marketingData"]
    assert marketing["utmipage"] == "g"
    assert marketing["marketingTags"] == ["a"]
    for name in ("utmSource", "utmMedium", "utmCampaign", "utmiPart", "utmiCampaign"):
        assert marketing[name] == sent[name]
    assert marketing["coupon"] is None
    assert codes(found) == ["couponNotFound"]
    assert found["messages"][0]["status"] == "warning"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("/items/0/clone", "CHK0172"),
        ("/items/0/assemblyOptions/kit", "CHK0172"),
        ("/checkIn", "CHK0036"),
        ("/attachments/giftRegistryData", "CHK0232"),
        ("/attachments/commercialConditionData", "CHK008"),
        ("/attachments/subscriptionData", "CHK0166"),
        ("/attachments/nonsense", "CHK008"),
    ],
)
def test_what_is_not_offered_says_so_and_changes_nothing(browser, rest, code):
    before = browser.add(("1", 1))
    assert browser.refused(rest, {}) == (400, code)
    assert lines(browser.cart("", {})) == lines(before)


@pytest.mark.parametrize(
    "rest", ["/selectable-gifts/list", "/giftRegistry/1/remove", "/paymentAccount/1/remove"]
)
def test_what_has_no_effect_answers_the_cart(browser, rest):
    before = browser.add(("1", 1))
    assert lines(browser.cart(rest, {})) == lines(before)


def test_price_that_is_missing_is_no_price_and_zero_is_one(browser, cell):
    load_offers(cell, [{"sku": "free", "price": 0, "name": "Flyer"}])
    browser.add(("free", 2), ("1", 1))
    with cell.database.writing() as connection:  # as a source over HTTP may answer
        unpriced = [of(Offer(sku="1", price=None, name="Mug"))]
        rows.load(connection, ACCOUNT, unpriced, replace=False)
    cart = browser.cart("", {})
    assert [one["availability"] for one in cart["items"]] == ["available", "withoutPrice"]
    assert "withoutPrice" in codes(cart)
    assert cart["value"] == 0


def test_delivery_takes_its_choice_by_the_published_rule(browser):
    browser.add(("1", 1), ("3", 1))
    infos = [{"itemIndex": 0, "selectedSla": "Express"}]
    cart = browser.cart(
        "/attachments/shippingData",
        {"selectedAddresses": [{**ADDRESS, "addressId": None}], "logisticsInfo": infos},
    )
    shipping = cart["shippingData"]
    assert [one["selectedSla"] for one in shipping["logisticsInfo"]] == ["Express", "Normal"]
    generated = shipping["address"]["addressId"]
    assert len(generated) == 32
    assert {one["addressId"] for one in shipping["logisticsInfo"]} == {generated}
    assert [one["addressId"] for one in shipping["selectedAddresses"]] == [generated]
    freight = next(one["value"] for one in cart["totalizers"] if one["id"] == "Shipping")
    assert freight == 2100 + 990
    for wrong, code in (
        ([{"itemIndex": 7, "selectedSla": "Normal"}], "CHK0041"),
        (2 * [{"itemIndex": 0, "selectedSla": "Normal"}], "CHK0108"),
    ):
        sent = {"logisticsInfo": wrong}
        assert browser.refused("/attachments/shippingData", sent) == (400, code)
    gone = [{"itemIndex": 0, "selectedSla": "Nowhere"}]
    again = browser.cart("/attachments/shippingData", {"logisticsInfo": gone})
    assert [one["selectedSla"] for one in again["shippingData"]["logisticsInfo"]] == 2 * ["Normal"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"postalCode": "123"}, "ORD001"),
        ({"postalCode": "<script>"}, "CHK0040"),
        ({"country": "BR"}, "ORD026"),
        ({"postalCode": None, "geoCoordinates": []}, "CHK0119"),
        ({"street": "Av***ta"}, "ORD006"),
    ],
)
def test_address_that_cannot_be_one_is_refused(browser, fields, code):
    browser.add(("1", 1))
    sent = {"selectedAddresses": [{**ADDRESS, **fields}]}
    assert browser.refused("/attachments/shippingData", sent) == (400, code)


def test_simulation_takes_what_clients_send_without_effect(browser):
    body: dict[str, Any] = {
        "items": [{"id": "1", "quantity": "2", "seller": 1, "parentItemIndex": None}]
    }
    body |= {"country": "BRA", "postalCode": "01310-100", "priceTables": ["x"], "storeId": "s"}
    query = "RnbBehavior=0&individualShippingEstimates=true&sc=1"
    found = browser.ok("POST", f"/api/checkout/pub/orderForms/simulation?{query}", body)
    (line,) = found["items"]
    assert (line["quantity"], line["requestIndex"], line["seller"]) == (2, 0, "1")
    (condition,) = found["purchaseConditions"]["itemPurchaseConditions"]
    assert condition["id"] == "1"
    assert found["selectableGifts"] == []


def test_orders_of_everybody_are_not_listed_here(browser):
    answer = browser.call("GET", "/api/checkout/pub/orders")
    assert answer.status == 405


def test_person_of_a_cart_has_texts_and_one_mail(browser):
    browser.add(("1", 1))
    path = "/attachments/clientProfileData"
    for wrong in ({"email": None}, {"email": "a@b@c"}, {"email": "x" * 255 + "@a.com"}):
        assert browser.refused(path, {**PROFILE, **wrong}) == (400, "ORD007")
    for _ in range(2):
        cart = browser.cart(path, {**PROFILE, "document": 66203715418})
    assert cart["clientProfileData"]["document"] == "66203715418"
    assert browser.refused(path, {**PROFILE, "firstName": "An***"}) == (400, "ORD007")


def test_lines_are_named_as_the_client_saw_them(browser):
    browser.add(("1", 1), ("3", 2))
    wrong = {"orderItems": [{"index": 0, "id": "3", "quantity": 2}]}
    assert browser.refused("/items", wrong, "PATCH") == (400, "CHK0041")
    changed = browser.cart("/items", {"orderItems": [{"index": 1, "quantity": 5}]}, "PATCH")
    assert [one["quantity"] for one in changed["items"]] == [1, 5]
    for entries, code in (
        ([{"quantity": 1}], "ORD058"),
        ([{"index": 9, "quantity": 1}], "CHK0041"),
        (2 * [{"index": 0, "quantity": 1}], "CHK0108"),
    ):
        assert browser.refused("/items/update", {"orderItems": entries}) == (400, code)
    kept = browser.cart("/items/removeAll", None)
    assert kept["items"] == []
    assert kept["messages"] == []


def test_figures_of_offers_that_moved_are_no_order(browser, cell):
    browser.fill(("1", 1))
    total = browser.cart("", {})["value"]
    load_offers(cell, [{**OFFERS[0], "price": 3290}])
    sent = {"referenceId": browser.cart_id, "value": total, "referenceValue": total}
    answer = browser.cart("/transaction", sent)
    assert (answer["id"], answer["orderGroup"], answer["receiverUri"]) == (None, None, None)
    assert (answer["merchantTransactions"], answer["orders"]) == ([], [])
    assert answer["messages"][0]["code"] == "changedPriceValue"
    assert answer["value"] == total + 100
    listed = browser.client.call("GET", f"/api/oms/pvt/orders?an={ACCOUNT}")
    assert listed.status == 401
