"""Carts over HTTP: lines, sections, figures and messages."""

import asyncio

import pytest

from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT, open_account
from tests.support.storefront import (
    ADDRESS,
    CODE,
    PROFILE,
    Browser,
    figures,
    load_offers,
    set_account,
)


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app))


@pytest.fixture
def operator(browser, client):
    """A key with every resource, in the cart of the browser."""
    client.headers["cookie"] = f"checkout.vtex.com=__ofid={browser.cart_id}"
    return client


def codes(cart):
    return [one["code"] for one in cart["messages"]]


def quantities(cart):
    return [(one["id"], one["quantity"]) for one in cart["items"]]


@pytest.mark.guarantee("G28")
def test_cart_adds_up(browser):
    cart = browser.fill(("1", 5), ("4", 3), sla="Express")
    assert figures(cart) == {"Items": 15950 + 4199, "Shipping": 2500 + 2300}
    assert cart["value"] == sum(figures(cart).values())
    cheese = cart["items"][1]
    assert cheese["priceDefinition"] == {
        "calculatedSellingPrice": 1399,
        "total": 4199,
        "sellingPrices": [{"value": 1400, "quantity": 2}, {"value": 1399, "quantity": 1}],
        "reason": None,
    }
    assert cart["paymentData"]["payments"][0]["value"] == cart["value"]


def test_new_cart_is_empty_and_sets_its_cookie_first(browser):
    answer = browser.call("POST", "/api/checkout/pub/orderForm", {})
    cart = answer.json()
    names = [value.partition("=")[0] for name, value in answer.headers if name == "set-cookie"]
    assert names == ["checkout.vtex.com", "CheckoutOrderFormOwnership"]
    assert browser.jar["checkout.vtex.com"] == f"__ofid={cart['orderFormId']}"
    assert (cart["value"], cart["items"], cart["totalizers"]) == (0, [], [])
    assert (cart["shippingData"], cart["clientProfileData"]) == (None, None)
    again = browser.ok("GET", "/api/checkout/pub/orderForm/")
    assert again["orderFormId"] == cart["orderFormId"]
    fresh = browser.ok("POST", "/api/checkout/pub/orderForm?forceNewCart=true")
    assert fresh["orderFormId"] != cart["orderFormId"]


def test_unknown_id_opens_a_new_cart_and_changes_none(browser):
    unknown = "0" * 32
    opened = browser.ok("GET", f"/api/checkout/pub/orderForm/{unknown}")
    assert opened["orderFormId"] != unknown
    for path, status in ((f"{unknown}/items", 400), ("not-an-id", 400)):
        answer = browser.call("POST", f"/api/checkout/pub/orderForm/{path}", {"orderItems": []})
        assert (answer.status, answer.json()["error"]["code"]) == (status, "ORD002")


def test_cart_belongs_to_its_account(browser, cell, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    theirs = client_of(account="other")
    path = f"/api/checkout/pub/orderForm/{browser.cart_id}"
    assert theirs.call("GET", path).json()["orderFormId"] != browser.cart_id
    assert theirs.call("POST", f"{path}/items", {"orderItems": []}).status == 400


def test_anonymous_callers_need_the_account_to_let_them(cell, app):
    answer = Client(app).call("POST", f"/api/checkout/pub/orderForm?an={ACCOUNT}", {})
    assert (answer.status, answer.json()["error"]["code"]) == (401, "ORD062")


def test_same_line_gets_the_quantity_and_new_ones_are_appended(browser):
    browser.add(("1", 2), ("2", 1))
    assert quantities(browser.add(("1", 2))) == [("1", 2), ("2", 1)]
    assert quantities(browser.add(("1", 7))) == [("1", 7), ("2", 1)]
    assert quantities(browser.add(("3", 1), ("3", 2))) == [("1", 7), ("2", 1), ("3", 3)]


def test_patch_changes_by_index_removes_and_adds(browser):
    browser.add(("1", 2), ("2", 1))
    entries = [
        {"index": 0, "quantity": 0},
        {"index": 1, "quantity": 3},
        {"id": "3", "quantity": 1, "seller": "1"},
    ]
    cart = browser.cart("/items", {"orderItems": entries}, "PATCH")
    assert quantities(cart) == [("2", 3), ("3", 1)]
    assert [one["itemIndex"] for one in cart["shippingData"]["logisticsInfo"]] == [0, 1]
    update = {"orderItems": [{"index": 1, "quantity": "4"}]}
    assert quantities(browser.cart("/items/update/", update)) == [("2", 3), ("3", 4)]
    cart = browser.cart("/items/removeAll")
    assert (cart["items"], cart["totalizers"], cart["value"]) == ([], [], 0)


@pytest.mark.guarantee("G2")
@pytest.mark.parametrize(
    ("method", "rest", "body", "code"),
    [
        ("POST", "/items", [], "OMS004"),
        ("POST", "/items", {"orderItems": [{"id": "1", "seller": "1"}]}, "CHK0023"),
        ("POST", "/items", {"orderItems": [{"id": "1", "seller": "1", "quantity": 0}]}, "CHK0023"),
        (
            "POST",
            "/items",
            {"orderItems": [{"id": "1", "seller": "1", "quantity": 1.5}]},
            "CHK0023",
        ),
        ("POST", "/items", {"orderItems": [{"id": "1", "quantity": 1}]}, "CHK0024"),
        (
            "POST",
            "/items",
            {"orderItems": [{"id": "1", "seller": "nobody", "quantity": 1}]},
            "CHK0024",
        ),
        ("POST", "/items", {"orderItems": [{"seller": "1", "quantity": 1}]}, "CHK0022"),
        (
            "POST",
            "/items",
            {"orderItems": [{"id": "1", "seller": "1", "quantity": 1}] * 301},
            "CHK0062",
        ),
        ("PATCH", "/items", {"orderItems": [{"index": 4, "quantity": 1}]}, "CHK0041"),
        (
            "PATCH",
            "/items",
            {"orderItems": [{"index": 0, "id": "2", "quantity": 1}]},
            "CHK0041",
        ),
        ("PATCH", "/items", {"orderItems": [{"index": 0, "quantity": 1}] * 2}, "CHK0108"),
        ("POST", "/items/update", {"orderItems": [{"quantity": 1}]}, "ORD058"),
        ("POST", "/items/NOBODY/split", [{"quantity": 1}], "CHK0022"),
        ("POST", "/items/0/offerings", {"id": "s9"}, "CHK0022"),
        ("POST", "/items/0/clone", {}, "CHK0172"),
        ("POST", "/items/0/assemblyOptions/x", {}, "CHK0172"),
        ("POST", "/checkIn", {}, "CHK0036"),
        ("POST", "/itemsOrdination", {"criteria": "PRICE"}, "CHK00318"),
        ("POST", "/attachments/nothing", {}, "CHK008"),
        ("POST", "/attachments/giftRegistryData", {}, "CHK0232"),
        ("POST", "/attachments/clientProfileData", {"firstName": "Ana"}, "ORD007"),
        ("POST", "/attachments/clientProfileData", {"email": "a@b@c"}, "ORD007"),
        (
            "POST",
            "/attachments/clientProfileData",
            {**PROFILE, "firstName": "Ana******"},
            "ORD007",
        ),
        ("POST", "/attachments/openTextField", {"value": "x" * 2001}, "CHK0017"),
        ("POST", "/attachments/marketingData", {"marketingTags": ["x"] * 51}, "CHK0038"),
        (
            "POST",
            "/attachments/merchantContextData",
            {"salesAssociateData": {"salesAssociateId": "x" * 101}},
            "CHK0099",
        ),
        (
            "POST",
            "/attachments/shippingData",
            {"address": {"country": "BRA", "postalCode": "123"}},
            "ORD001",
        ),
        ("POST", "/attachments/shippingData", {"address": {"country": "BRA"}}, "CHK0119"),
        (
            "POST",
            "/attachments/shippingData",
            {"address": {"country": "Brasil", "postalCode": CODE}},
            "ORD026",
        ),
        (
            "POST",
            "/attachments/shippingData",
            {"selectedAddresses": [ADDRESS, {**ADDRESS, "addressId": "b"}]},
            "ORD031",
        ),
        (
            "POST",
            "/attachments/shippingData",
            {"logisticsInfo": [{"itemIndex": 3, "selectedSla": "Normal"}]},
            "CHK0041",
        ),
        (
            "POST",
            "/attachments/shippingData",
            {"logisticsInfo": [{"itemIndex": 0, "selectedSla": "Normal"}] * 2},
            "CHK0108",
        ),
        (
            "POST",
            "/attachments/shippingData",
            {
                "address": ADDRESS,
                "logisticsInfo": [
                    {
                        "itemIndex": 0,
                        "selectedSla": "Scheduled",
                        "deliveryWindow": {
                            "startDateUtc": "2096-07-02T09:00:00+00:00",
                            "endDateUtc": "2096-07-02T12:00:00+00:00",
                        },
                    }
                ],
            },
            "ORD047",
        ),
        ("POST", "/attachments/paymentData", {"payments": [{"paymentSystem": "2"}]}, "ORD020"),
        (
            "POST",
            "/attachments/paymentData",
            {"payments": [{"paymentSystem": "99", "referenceValue": 1}]},
            "CHK0152",
        ),
        (
            "POST",
            "/attachments/paymentData",
            {"payments": [{"paymentSystem": "2", "referenceValue": 1, "installments": 2}]},
            "ORD042",
        ),
        (
            "POST",
            "/attachments/paymentData",
            {"payments": [{"paymentSystem": "2", "referenceValue": 10, "value": 5}]},
            "CHK0016",
        ),
        ("PUT", "/customFields/address/x", {"fields": []}, "CHK0179"),
        ("PUT", "/customFields/item/x", {"fields": []}, "CHK0022"),
    ],
)
def test_refused_operation_changes_nothing(browser, cell, method, rest, body, code):
    now = cell.clock.now()
    set_clock(cell, now)
    before = browser.add(("1", 1))
    assert browser.refused(rest, body, method) == (400, code)
    assert browser.ok("GET", f"/api/checkout/pub/orderForm/{browser.cart_id}") == before


def test_subscriptions_are_not_offered(browser):
    before = browser.add(("1", 1))
    assert browser.refused("/attachments/subscriptionData", {}) == (400, "CHK0166")
    assert browser.cart("/attachments/subscriptionData", None, "DELETE") == before


def test_what_is_not_on_offer_is_said_and_not_added(browser):
    cart = browser.add(("404", 1), ("6", 1), ("2", 9))
    assert quantities(cart) == [("2", 5)]
    assert codes(cart) == ["itemQuantityNotAvailable", "ORD027", "withoutStock"]
    assert cart["messages"][0]["fields"] == {"itemIndex": "0", "skuName": "Lamp", "ean": None}
    again = browser.cart("", {})
    assert codes(again) == ["itemQuantityNotAvailable"]
    assert codes(browser.cart("/messages/clear", {})) == []


def test_messages_speak_the_language_of_the_cart(browser):
    cart = browser.cart("/attachments/clientPreferencesData", {"locale": "pt-BR"})
    assert cart["clientPreferencesData"]["locale"] == "pt-BR"
    cart = browser.add(("6", 1))
    assert cart["messages"][0]["text"] == "O item Soap não tem estoque"
    assert browser.add(("1", 1))["totalizers"][0]["name"] == "Total dos Itens"


def test_moved_offers_are_said(browser, cell):
    browser.fill(("1", 1), ("2", 1), sla="Express")
    load_offers(cell, [{"sku": "1", "price": 3000, "name": "Mug"}])
    cart = browser.cart("", {})
    assert (codes(cart), cart["value"]) == (["changedPriceValue"], 3000 + 15999 + 4200)
    load_offers(
        cell,
        [
            {
                "kind": "delivery",
                "id": "Express",
                "estimate": "1bd",
                "price": 2500,
                "country": "BRA",
                "postal_from": "01000000",
            }
        ],
    )
    assert codes(browser.cart("", {})) == ["changedPriceValue", *["changedFreightPrice"] * 2]
    browser.cart("/messages/clear", {})
    load_offers(cell, [{"sku": "2", "price": 15999, "name": "Lamp", "active": False}])
    cart = browser.cart("", {})
    assert (quantities(cart), codes(cart)) == ([("1", 1)], ["ORD027"])


def test_line_without_stock_stays_and_does_not_count(browser, cell):
    browser.add(("1", 1), ("2", 1))
    load_offers(cell, [{"sku": "2", "price": 15999, "name": "Lamp", "stock": 0}])
    cart = browser.cart("", {})
    assert cart["items"][1]["availability"] == "withoutStock"
    assert (cart["value"], codes(cart)) == (3190, ["withoutStock"])
    load_offers(cell, [{"sku": "2", "price": 15999, "name": "Lamp", "stock": 2}])
    assert codes(browser.cart("", {})) == []


def test_cheapest_delivery_without_windows_is_chosen(browser):
    browser.add(("1", 1), ("2", 1))
    cart = browser.cart("/attachments/shippingData", {"address": ADDRESS})
    infos = cart["shippingData"]["logisticsInfo"]
    assert [one["selectedSla"] for one in infos] == ["Normal", "Normal"]
    assert [one["selectedDeliveryChannel"] for one in infos] == ["delivery", "delivery"]
    assert {one["addressId"] for one in infos} == {"home"}
    back = {**cart["shippingData"]}
    back["logisticsInfo"] = [{**infos[0], "selectedSla": "Express"}, infos[1]]
    cart = browser.cart("/attachments/shippingData", back)
    infos = cart["shippingData"]["logisticsInfo"]
    assert [one["selectedSla"] for one in infos] == ["Express", "Normal"]
    assert figures(cart)["Shipping"] == 2100 + 990


def test_window_is_paid_and_kept_through_other_changes(browser):
    browser.add(("1", 1), ("2", 1))
    window = {
        "startDateUtc": "2096-07-01T11:00:00+02:00",
        "endDateUtc": "2096-07-01T12:00:00+00:00",
    }
    info = {"itemIndex": 0, "selectedSla": "Scheduled", "deliveryWindow": window}
    sent = {"address": ADDRESS, "logisticsInfo": [info]}
    cart = browser.cart("/attachments/shippingData", sent)
    assert figures(cart)["Shipping"] == 1500 + 990
    cart = browser.cart("/items/update", {"orderItems": [{"index": 1, "quantity": 2}]})
    (chosen,) = [s for s in cart["shippingData"]["logisticsInfo"][0]["slas"] if s["deliveryWindow"]]
    assert chosen["deliveryWindow"]["startDateUtc"] == "2096-07-01T09:00:00+00:00"


def test_pickup_puts_the_store_beside_the_address(browser):
    browser.add(("1", 1), ("2", 1))
    info = {"itemIndex": 0, "selectedSla": "Store", "selectedDeliveryChannel": "pickup-in-point"}
    sent = {"address": ADDRESS, "logisticsInfo": [info]}
    cart = browser.cart("/attachments/shippingData", sent)
    shipping = cart["shippingData"]
    assert [one["addressId"] for one in shipping["logisticsInfo"]] == ["p1", "home"]
    assert [one["addressId"] for one in shipping["selectedAddresses"]] == ["home", "p1"]
    assert shipping["address"]["addressId"] == "home"
    assert shipping["pickupPoints"][0]["friendlyName"] == "Paulista"
    again = browser.cart("/attachments/shippingData", shipping)["shippingData"]
    assert again == shipping


def test_address_book_fills_in_what_was_not_sent(browser):
    address = {"postalCode": CODE, "street": "Rua Minha", "receiverName": "Ana"}
    cart = browser.cart("/attachments/shippingData", {"address": address})
    shown = cart["shippingData"]["address"]
    assert (shown["city"], shown["street"], shown["receiverName"]) == (
        "São Paulo",
        "Rua Minha",
        "Ana",
    )
    assert (shown["country"], shown["addressType"], len(shown["addressId"])) == (
        "BRA",
        "residential",
        32,
    )
    sent = {"address": address, "clearAddressIfPostalCodeNotFound": False}
    cart = browser.cart("/attachments/shippingData", sent)
    assert cart["shippingData"]["address"]["city"] is None


def test_payments_follow_the_cart(browser):
    cart = browser.fill(("1", 1), sla="Normal")
    assert cart["paymentData"]["payments"][0]["referenceValue"] == 4180
    cart = browser.add(("1", 2))
    assert cart["paymentData"]["payments"][0]["value"] == 6380 + 990
    total = cart["value"]
    two = [
        {"paymentSystem": 2, "referenceValue": 1000, "installments": "3"},
        {"paymentSystem": "6", "referenceValue": 1},
    ]
    cart = browser.cart("/attachments/paymentData", {"payments": two})
    paid = [one["referenceValue"] for one in cart["paymentData"]["payments"]]
    assert paid == [1000, total - 1000]
    interest = browser.pay(total, installments=4)["paymentData"]["payments"][0]
    assert interest["value"] > interest["referenceValue"] == total
    assert interest["merchantSellerPayments"][0]["id"] == ACCOUNT.upper()
    options = {one["paymentSystem"]: one for one in cart["paymentData"]["installmentOptions"]}
    counts = [one["count"] for one in options["2"]["installments"]]
    assert (counts, options["2"]["paymentName"]) == ([1, 3, 4], None)
    path = f"/api/checkout/pub/orderForm/{browser.cart_id}/installments"
    assert browser.ok("GET", f"{path}?paymentSystem=6")["value"] == total
    answer = browser.call("GET", f"{path}?paymentSystem=77")
    assert answer.json()["error"]["code"] == "CHK0152"


def test_chosen_payment_that_is_gone_is_said(browser, cell):
    browser.fill(("1", 1))
    load_offers(cell, [{"kind": "payment", "system": "2", "installments": [{"count": 3}]}])
    cart = browser.cart("", {})
    assert cart["paymentData"]["payments"] == []
    assert codes(cart) == ["unavailableSelectedPayment"]


def test_gift_cards_are_money_that_not_everybody_may_add(browser, operator):
    browser.fill(("1", 1))
    card = {"redemptionCode": "FREE", "value": 1000, "inUse": True}
    cart = browser.cart("/attachments/paymentData", {"payments": [], "giftCards": [card]})
    assert (cart["paymentData"]["giftCards"], codes(cart)) == ([], ["invalidGiftCard"])
    path = f"/api/checkout/pub/orderForm/{browser.cart_id}/attachments/paymentData"
    payment = {"paymentSystem": "2", "referenceValue": 1}
    fields = operator.call("POST", path, {"payments": [payment], "giftCards": [card]}).json()
    assert fields["paymentData"]["giftCards"][0]["value"] == 1000
    assert fields["paymentData"]["payments"][0]["referenceValue"] == fields["value"] - 1000


def test_service_is_bought_with_one_unit(browser):
    browser.add(("3", 3))
    cart = browser.cart("/items/0/offerings", {"id": "s1"})
    assert quantities(cart) == [("3", 2), ("3", 1)]
    assert cart["items"][1]["bundleItems"][0]["price"] == 199
    assert (cart["value"], figures(cart)["Items"]) == (30199, 30199)
    cart = browser.cart("/items/update", {"orderItems": [{"index": 1, "quantity": 2}]})
    assert quantities(cart) == [("3", 2), ("3", 1), ("3", 1)]
    cart = browser.cart("/items/1/offerings/s1/remove", {})
    assert cart["value"] == 40000


def test_attachment_of_a_line_has_its_schema(browser):
    browser.add(("3", 1))
    path = "/items/0/attachments/Engraving"
    cart = browser.cart(path, {"content": {"text": "Ana", "color": "red"}})
    assert cart["items"][0]["attachments"] == [
        {"name": "Engraving", "content": {"text": "Ana", "color": "red"}}
    ]
    assert browser.refused(path, {"content": {"size": "1"}}) == (404, "CHK0139")
    assert browser.refused(path, {"content": {"text": "toolong"}}) == (400, "CHK0141")
    assert browser.refused(path, {"content": {"color": "green"}}) == (400, "CHK0141")
    assert browser.refused(path, {}) == (400, "CHK0140")
    other = "/items/0/attachments/Other"
    assert browser.refused(other, {"content": {}}) == (404, "CHK0140")
    assert quantities(browser.add(("3", 1))) == [("3", 1), ("3", 1)]
    assert browser.cart(path, None, "DELETE")["items"][0]["attachments"] == []


def test_line_is_split_in_its_place(browser):
    cart = browser.add(("1", 5), ("2", 1))
    line = cart["items"][0]["uniqueId"]
    path = f"/items/{line}/split"
    assert browser.refused(path, [{"quantity": 2}, {"quantity": 2}]) == (400, "CHK0023")
    cart = browser.cart(path, [{"quantity": 2}, {"quantity": 3}])
    assert quantities(cart) == [("1", 2), ("1", 3), ("2", 1)]
    assert len({one["uniqueId"] for one in cart["items"]}) == 3


def test_lines_are_sorted_now_and_later(browser):
    browser.add(("1", 1), ("2", 1))
    cart = browser.cart("/itemsOrdination", {"criteria": "NAME", "ascending": True})
    assert [one["name"] for one in cart["items"]] == ["Lamp", "Mug"]
    assert [one["name"] for one in browser.add(("4", 1))["items"]] == ["Cheese", "Lamp", "Mug"]
    sent = {"criteria": "ADD_TIME", "ascending": False}
    cart = browser.cart("/itemsOrdination", sent)
    assert ([one["id"] for one in cart["items"]], cart["itemsOrdination"]) == (
        ["4", "2", "1"],
        sent,
    )


def test_sections_are_set_and_answered(browser):
    tags = ["vip", None]
    sent = {"marketingTags": tags, "utmSource": "mail", "utmiPage": "p", "coupon": "TEN"}
    cart = browser.cart("/attachments/marketingData", sent)
    assert cart["marketingData"]["marketingTags"] == ["vip"]
    assert (cart["marketingData"]["utmSource"], cart["marketingData"]["utmipage"]) == ("mail", "p")
    assert (cart["marketingData"]["coupon"], codes(cart)) == (None, ["couponNotFound"])
    assert browser.cart("/coupons", {"text": ""})["marketingData"]["coupon"] is None
    text = browser.cart("/attachments/openTextField", {"value": "ring"})["openTextField"]
    assert text == {"value": "ring"}
    assert browser.cart("/attachments/openTextField", {"value": None})["openTextField"] is None
    associate = {"salesAssociateData": {"salesAssociateId": "7"}}
    cart = browser.cart("/attachments/merchantContextData", associate)
    assert cart["merchantContextData"] == associate
    cart = browser.cart("/attachments/invoiceData", {"address": {"street": "Rua"}})
    assert cart["invoiceData"]["address"] == {"street": "Rua", "country": "BRA"}
    cart = browser.cart("/profile", {"ignoreProfileData": True}, "PATCH")
    assert cart["ignoreProfileData"] is True
    cart = browser.cart("/attachments/clientProfileData", {**PROFILE, "document": 66203715418})
    assert cart["clientProfileData"]["document"] == "66203715418"
    assert browser.cart("/attachments/clientProfileData", PROFILE)["clientProfileData"] == {
        **cart["clientProfileData"]
    }
    assert browser.refused("/profile", {"ignoreProfileData": True}, "PATCH") == (403, "CHK003")
    cart = browser.cart("/attachments/subscriptionData", None, "DELETE")
    assert cart["subscriptionData"] is None


def test_manual_price_needs_configuration_and_resource(browser, operator, cell, client_of):
    browser.add(("1", 3))
    path = f"/api/checkout/pub/orderForm/{browser.cart_id}/items/0/price"
    assert operator.call("PUT", path, {"price": 1700}).status == 403
    asyncio.run(set_account(cell.ledger, order_form={"allowManualPrice": True}))
    assert browser.refused("/items/0/price", {"price": 1}, "PUT") == (403, "CHK003")
    assert client_of("Storefront").call("PUT", path, {"price": 1}).status == 403
    cart = operator.call("PUT", path, {"price": 1700}).json()
    line = cart["items"][0]
    assert (line["price"], line["manualPrice"], line["sellingPrice"]) == (3190, 1700, 1700)
    assert line["priceTags"][0]["name"] == "DISCOUNT@MANUALPRICE"
    assert (line["priceTags"][0]["value"], line["priceTags"][0]["rawValue"]) == (-4470, -44.7)
    assert (figures(cart), cart["value"]) == ({"Items": 9570, "Discounts": -4470}, 5100)
    assert browser.cart("", {})["items"][0]["manualPriceAppliedBy"] is None
    assert operator.call("PUT", path, {"price": 2**53}).status == 400
    assert operator.call("DELETE", path).json()["value"] == 9570


def test_leaving_the_person_behind_makes_a_new_cart(browser):
    browser.fill(("1", 2))
    old = browser.cart_id
    answer = browser.call("GET", f"/checkout/changeToAnonymousUser/{old}")
    assert (answer.status, answer.header("location")) == (302, "/checkout/#/orderform")
    new = browser.cart("", {})
    assert (new["orderFormId"] != old, quantities(new)) == (True, [("1", 2)])
    assert new["clientProfileData"] is None
    left = browser.ok("GET", f"/api/checkout/pub/orderForm/{old}")
    assert (left["clientProfileData"], left["shippingData"]["address"]) == (None, None)
