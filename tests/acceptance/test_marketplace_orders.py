"""What external marketplaces ask of a seller: place, authorize, cancel, by published paths."""

import asyncio
import copy
from typing import Any

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from tests.acceptance.test_order_life import ORDERS, invoice
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT, purchase
from tests.support.run_until_idle import settle
from tests.support.storefront import CODE, OFFERS, load_offers

PLACE = "/api/fulfillment/pvt/orders?affiliateId=MKP"
ENDPOINT = "https://market.example.com/api/orders?token=theirs"
MERCADO = {
    "orderIdMarketplace": "2000 | 1",
    "paymentIdMarketplace": "51 | 52",
    "authorization_code": "0",
    "currency_id": "BRL",
    "first_six_digits": "0 | 503143",
    "Installments": "1",
    "payment_type": "ticket | credit_card",
}


def sold(number="1", **fields):
    body = {
        **purchase(1000),
        "marketplaceOrderId": number,
        "marketplaceServicesEndpoint": ENDPOINT,
        "marketplacePaymentValue": 1000,
        "paymentData": None,
        **fields,
    }
    return copy.deepcopy(body)


def setting(cell, **settings):
    def decide(account):
        return [AccountSettingsChanged(settings)]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), decide))


def with_key(cell, app, party, role="Owner"):
    key, token = create_key(cell, ACCOUNT, role, party=party)
    return Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})


def document(client, order_id):
    return client.call("GET", f"{ORDERS}/{order_id}").json()


def refusal(answer):
    return answer.status, answer.json()["error"]["code"]


def test_an_order_is_placed_by_one_object_or_a_list_and_keys_have_any_case(client):
    one = sold()
    profile = one["clientProfileData"]
    one["ClientProfileData"] = {k[0].upper() + k[1:]: v for k, v in profile.items()}
    del one["clientProfileData"]
    placed = client.call("POST", PLACE, one)
    assert placed.status == 200, placed.body
    accepted = placed.json()
    assert (accepted["orderId"], accepted["status"]) == ("MKP-1", "success")
    assert accepted["message"] == "Order placed successfully"
    assert accepted["orderData"]["clientProfileData"]["email"] == profile["email"]
    again = client.call("POST", "/fulfillment/pvt/orders?AffiliateId=MKP", [sold()])
    assert again.status == 200, again.body
    assert [row["orderId"] for row in again.json()] == ["MKP-1"]
    assert again.json()[0]["paymentData"] is None
    assert again.json()[0]["clientProfileData"]["email"] == again.json()[0]["followUpEmail"]


def test_what_the_marketplace_says_of_its_order_stands_in_the_document(cell, client):
    body = sold(
        marketplaceOrderGroup="G1",
        marketplacePaymentValue=1300,
        marketplacePaymentReferenceValue=1000,
        invoiceData={"userPaymentInfo": {"paymentMethod": ["creditCardPaymentGroup"]}},
        customData={
            "customApps": [{"id": "marketplace-integration", "major": 1, "fields": MERCADO}]
        },
        openTextField={"value": "as a gift"},
    )
    hints = [
        {"trackingId": "T1", "courierName": "Post", "trackingUrl": None, "trackingLabel": None}
    ]
    body["shippingData"] |= {
        "isFob": True,
        "isMarketplaceFulfillment": True,
        "trackingHints": hints,
    }
    body["shippingData"]["logisticsInfo"][0] |= {"selectedSla": None, "shippingEstimate": "5bd"}
    assert client.call("POST", PLACE, [body]).status == 200
    shown = document(client, "MKP-1")
    assert (shown["affiliateId"], shown["marketplaceOrderId"]) == ("MKP", "1")
    assert (shown["sellerOrderId"], shown["marketplaceOrderGroup"]) == ("MKP-1", "G1")
    assert shown["marketplaceServicesEndpoint"] == ENDPOINT
    base = "https://market.example.com/api/orders"
    assert shown["marketplace"] == {"baseURL": base, "isCertified": False, "name": "MKP"}
    assert shown["customData"]["customApps"][0]["fields"] == MERCADO
    methods = shown["invoiceData"]["userPaymentInfo"]["paymentMethods"]
    assert methods == ["creditCardPaymentGroup"]
    assert shown["openTextField"] == {"value": "as a gift"}
    shipping = shown["shippingData"]
    assert (shipping["isFOB"], shipping["isMarketplaceFulfillment"]) == (True, True)
    assert shipping["trackingHints"] == hints
    assert shipping["logisticsInfo"][0]["selectedSla"] == "vtex:fob_0"
    assert shown["value"] == 1000
    (transaction,) = shown["paymentData"]["transactions"]
    assert transaction["transactionId"] == "PAYMENT-FROM-AFFILIATE"
    (payment,) = transaction["payments"]
    assert payment["paymentSystemName"] == "Assumed value by affiliate MKP"
    assert (payment["value"], payment["referenceValue"]) == (1300, 1000)
    assert (payment["group"], payment["installments"]) == ("promissory", 1)
    assert client.call("GET", f"{ORDERS}/MKP-1/payment-transaction").status == 404


def test_shared_payments_are_shown_without_what_says_of_a_card(client):
    payment = {"paymentSystem": "2", "value": 1000, "installments": 3, "lastDigits": "1111"}
    payment["connectorResponses"] = {"authId": "A1", "Tid": "T1", "Nsu": "N1"}
    assert client.call("POST", PLACE, [sold()]).status == 200
    sent = [{"marketplaceOrderId": "1", "paymentData": {"payments": [payment]}}]
    path = "/api/fulfillment/pvt/orders/MKP-1/fulfill?affiliateId=MKP"
    authorized = client.call("POST", path, sent)
    assert authorized.status == 201, authorized.body
    assert (authorized.json()["status"], len(authorized.json()["receipt"])) == ("success", 32)
    assert authorized.json()["details"]["marketplaceOrderId"] == "1"
    (transaction,) = document(client, "MKP-1")["paymentData"]["transactions"]
    (shown,) = transaction["payments"]
    assert (shown["paymentSystemName"], shown["group"], shown["installments"]) == (
        "Visa",
        "creditCard",
        3,
    )
    assert shown["connectorResponses"] == {"authId": "A1"}


def test_a_payment_that_nobody_knows_is_kept_by_its_label(client):
    sent = [
        {"paymentSystem": 777, "paymentSystemName": "Wallet", "value": 300},
        {"paymentSystem": "wallet-x", "value": 300},
        {"paymentSystem": "10", "paymentSystemName": {"a": 1}, "group": "debitCard", "value": 400},
        {"paymentSystem": True, "value": "x"},
    ]
    assert client.call("POST", PLACE, [sold(paymentData={"payments": sent})]).status == 200
    (transaction,) = document(client, "MKP-1")["paymentData"]["transactions"]
    names = "paymentSystem", "paymentSystemName", "group", "value"
    assert [tuple(one[name] for name in names) for one in transaction["payments"]] == [
        ("0", "Wallet", "promissory", 300),
        ("0", "wallet-x", "promissory", 300),
        ("10", "Custom", "debitCard", 400),
        ("0", "Custom", "promissory", 0),
    ]


def test_an_authorization_may_be_as_large_as_a_placement(client):
    assert client.call("POST", PLACE, [sold()]).status == 200
    payments = 2_000 * [{"paymentSystem": "2", "value": 1}]
    for size, expected in ((1, 201), (30, 413)):
        body = {"paymentData": {"payments": size * payments}}
        answer = client.call("POST", "/api/fulfillment/pvt/orders/MKP-1/fulfill", body)
        assert answer.status == expected, answer.body


def test_the_account_is_the_seller_by_either_of_its_names(client):
    body = sold(marketplacePaymentValue=2000)
    line, delivery = body["items"][0], body["shippingData"]["logisticsInfo"][0]
    body["items"] = [{**line, "seller": "1"}, {**line, "seller": ACCOUNT}]
    body["shippingData"]["logisticsInfo"] = [delivery, {**delivery, "itemIndex": 1}]
    placed = client.call("POST", PLACE, [body])
    assert placed.status == 200, placed.body
    assert document(client, "MKP-1")["value"] == 2000


PLACE_OF_ANA = {"addressType": "residential", "country": "BRA", "postalCode": CODE}
NO_PLACE = {"addressType": "residential", "country": "BRA"}
WRONG: dict[str, Any] = {
    "FMT015": {"marketplaceOrderId": " "},
    "FMT0070": {"marketplaceServicesEndpoint": None},
    "FMT0026": {"items": []},
    "FMT0104": {"items": 1001 * purchase(1)["items"]},
    "FMT0039": ("items", {"id": None}),
    "FMT0038": ("items", {"quantity": 0}),
    "FMT0040": ("items", {"seller": "another"}),
    "FMT0041": ("items", {"price": 10.5}),
    "FMT0042": {"marketplacePaymentValue": "10,50"},
    "FMT0066": {"marketplacePaymentReferenceValue": 1001},
    "FMT001": {"shippingData": {}},
    "FMT0089": ("shippingData", {"logisticsInfo": 2 * [{"itemIndex": 0, "price": 0}]}),
    "FMT004": ("shippingData", {"logisticsInfo": []}),
    "FMT0072": ("shippingData", {"selectedAddresses": 2 * [PLACE_OF_ANA]}),
    "FMT0073": (
        "shippingData",
        {"selectedAddresses": [PLACE_OF_ANA, {"addressType": "pickup", "country": "ARG"}]},
    ),
    "FMT0057": ("logisticsInfo", {"itemIndex": 7}),
    "FMT0079": ("logisticsInfo", {"shippingEstimate": "soon"}),
    "FMT0077": ("logisticsInfo", {"lockTTL": "8 days"}),
    "FMT0095": ("logisticsInfo", {"selectedDeliveryChannel": "drone"}),
    "FMT0095 by the address": (
        "shippingData",
        {"selectedAddresses": [{**PLACE_OF_ANA, "addressType": "pickup"}]},
    ),
    "OMS004 sooner or later": {"isCreatedAsync": "yes"},
    "OMS004 by the marketplace": ("shippingData", {"isFob": 1}),
    "FMT0074": ("shippingData", {"address": NO_PLACE, "selectedAddresses": []}),
    "FMT0096": ("shippingData", {"trackingHints": [{"trackingId": "1"}]}),
    "FMT0096 as a text": ("shippingData", {"trackingHints": "1"}),
    "FMT0094 as a text": {"customData": {"customApps": "a"}},
    "FMT0093": {"invoiceData": {"userPaymentInfo": {"paymentMethods": "pix"}}},
    "FMT0094": {"customData": {"customApps": [{"id": "a", "fields": {"n": 1}}]}},
    "ORD007": ("clientProfileData", {"email": "nobody"}),
    "FMT007": {"marketplacePaymentValue": 900},
}


@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_field_is_reported_with_its_code(client, code):
    body, wrong = sold(), WRONG[code]
    if isinstance(wrong, dict):
        body |= wrong
    else:
        place, fields = wrong
        known: dict[str, Any] = {
            "items": body["items"][0],
            "logisticsInfo": body["shippingData"]["logisticsInfo"][0],
        }
        known.get(place, body.get(place)).update(fields)
    answer = client.call("POST", PLACE, [body])
    assert refusal(answer) == (400, code.split()[0]), answer.body
    assert client.call("GET", ORDERS).json()["list"] == []


def test_every_wrong_field_is_reported_at_once(client):
    body = sold(marketplacePaymentValue=-1, marketplaceServicesEndpoint="")
    body["items"][0] |= {"quantity": 0, "seller": "x"}
    answer = client.call("POST", PLACE, body)
    assert refusal(answer) == (400, "FMT0070")
    fields = answer.json()["fields"]
    assert set(fields) == {
        "marketplaceServicesEndpoint",
        "marketplacePaymentValue",
        "items[0].quantity",
        "items[0].seller",
    }
    assert fields["items[0].seller"].startswith("FMT0040")


@pytest.mark.parametrize(
    ("affiliate", "code"),
    [("", "FMT0088"), ("00", "FMT0088"), ("MAP", "FMT0088"), ("mkp", "FMT0088"), ("MK", "FMT0031")],
)
def test_an_affiliate_that_can_be_none_is_refused(client, affiliate, code):
    path = f"/pvt/orders?affiliateId={affiliate}"
    assert refusal(client.call("POST", path, [sold()])) == (400, code)


def test_an_unknown_affiliate_is_registered_by_its_first_order_unless_the_account_is_strict(
    cell, client
):
    assert client.call("POST", PLACE, [sold()]).status == 200
    (registered,) = client.call("GET", "/api/fulfillment/pvt/affiliates").json()
    assert (registered["id"], registered["name"]) == ("MKP", "MKP")
    setting(cell, strict_affiliates=True)
    other = PLACE.replace("MKP", "NTH")
    assert refusal(client.call("POST", other, [sold()])) == (400, "FMT0021")
    assert client.call("POST", PLACE, [sold("2")]).status == 200


@pytest.mark.guarantee("G5")
def test_the_same_again_is_the_first_answer_another_is_refused_and_a_canceled_one_stays(
    cell, client
):
    first = client.call("POST", PLACE, [sold()])
    assert client.call("POST", PLACE, [sold()]).json() == first.json()
    moved = "https://elsewhere.example.com/orders"
    assert client.call("POST", PLACE, [sold(marketplaceServicesEndpoint=moved)]).status == 200
    assert document(client, "MKP-1")["marketplaceServicesEndpoint"] == moved
    other = sold(marketplacePaymentValue=2000)
    other["items"][0]["price"] = 2000
    assert refusal(client.call("POST", PLACE, [other])) == (409, "FMT009")
    canceled = client.call("POST", "/api/fulfillment/pvt/orders/MKP-1/cancel", {})
    assert (canceled.status, canceled.json()["isCancelled"]) == (200, True), canceled.body
    asyncio.run(settle(cell))
    assert refusal(client.call("POST", PLACE, [sold()])) == (400, "FMT0060")


@pytest.mark.parametrize(
    ("rule", "paid", "eventual", "status"),
    [
        ("", 990, True, "waiting-for-manual-authorization"),
        ("", 990, False, None),
        ('[{"from": 0, "to": 5, "effect": "authorize"}]', 950, False, "waiting-ffmt-authorization"),
        ('[{"from": 0, "to": 5, "effect": "authorize"}]', 949, True, None),
        (
            '[{"from":0,"to":1,"effect":"authorize"},{"from":1,"to":9,"effect":"task"}]',
            920,
            True,
            "waiting-for-manual-authorization",
        ),
        ('[{"from": 0, "to": 100, "effect": "deny"}]', 1001, True, None),
        ('[{"from": 0, "to": 100, "effect": "task"}]', 0, True, "waiting-for-manual-authorization"),
    ],
)
def test_a_difference_in_price_is_evaluated_by_the_ranges_of_the_account(
    cell, client, rule, paid, eventual, status
):
    if rule:
        setting(cell, price_divergence_rule=rule)
    body = sold(marketplacePaymentValue=paid, isCreatedAsync=eventual)
    answer = client.call("POST", PLACE, [body])
    if status is None:
        assert refusal(answer) == (400, "FMT007")
        assert f"({paid})" in answer.json()["error"]["message"]
    else:
        assert answer.status == 200, answer.body
        assert document(client, "MKP-1")["status"] == status


def test_an_endpoint_that_cannot_be_notified_is_taken_with_a_warning(client):
    answer = client.call("POST", PLACE, [sold(marketplaceServicesEndpoint="market")])
    assert answer.status == 200
    assert "nothing is sent there" in dict(answer.headers)["warning"]
    assert document(client, "MKP-1")["marketplaceServicesEndpoint"] == "market"


def handled(client):
    assert client.call("POST", PLACE, [sold()]).status == 200
    assert client.call("POST", "/api/fulfillment/pvt/orders/MKP-1/fulfill").status == 201
    assert client.call("POST", f"{ORDERS}/MKP-1/start-handling").status == 204


@pytest.mark.guarantee("G11")
def test_a_request_of_the_marketplace_never_confirms_itself(cell, app, client):
    handled(client)
    cancellation = {"marketplaceOrderId": "1", "cancellationRequestId": "a" * 32, "reason": "late"}
    first = client.call("POST", "/api/fulfillment/pvt/orders/MKP-1/cancel", cancellation)
    assert (first.status, first.json()["isCancelled"], first.json()["receipt"]) == (
        200,
        False,
        None,
    )
    for number, path in enumerate(("/pvt/orders", "/pub/orders", "/api/fulfillment/pub/orders")):
        more = {**cancellation, "cancellationRequestId": f"{number}" * 32}
        again = client.call("POST", f"{path}/MKP-1/cancel", more)
        assert again.status == 200, again.body
    affiliate = with_key(cell, app, "affiliate:MKP")
    receipt = affiliate.call("POST", f"{ORDERS}/MKP-1/cancel", {"reason": "late"})
    assert receipt.status == 200
    assert receipt.json().keys() == {"date", "orderId", "receipt"}
    assert document(client, "MKP-1")["status"] == "cancellation-requested"
    assert client.call("POST", f"{ORDERS}/MKP-1/cancel", {}).status == 200  # the store confirms
    assert document(client, "MKP-1")["status"] == "canceled"
    again = client.call("POST", "/pvt/orders/MKP-1/cancel", cancellation)
    assert again.json()["marketplaceOrderId"] == "1"


def test_what_is_invoiced_is_not_canceled_by_its_marketplace_and_another_id_is_refused(client):
    handled(client)
    wrong = client.call("POST", "/pvt/orders/MKP-1/cancel", {"marketplaceOrderId": "2"})
    assert refusal(wrong) == (400, "FMT0071")
    assert client.call("POST", f"{ORDERS}/MKP-1/invoice", invoice("1000")).status == 200
    for path in ("/pvt/orders", "/api/fulfillment/pvt/orders"):
        assert refusal(client.call("POST", f"{path}/MKP-1/cancel", {})) == (400, "CHK0202")


@pytest.mark.guarantee("G59")
def test_a_key_of_an_affiliate_opens_its_own_orders_only(cell, app, client):
    assert client.call("POST", PLACE, [sold()]).status == 200
    other = PLACE.replace("MKP", "NTH")
    assert client.call("POST", other, [sold()]).status == 200
    key = with_key(cell, app, "affiliate:NTH")
    assert key.call("POST", "/api/fulfillment/pvt/orders", [sold("2")]).status == 200
    assert refusal(key.call("POST", PLACE, [sold("3")])) == (403, "CHK003")
    assert key.call("GET", f"{ORDERS}/NTH-1").status == 200
    for method, path in (
        ("GET", f"{ORDERS}/MKP-1"),
        ("POST", "/api/fulfillment/pvt/orders/MKP-1/fulfill"),
        ("POST", "/pvt/orders/MKP-1/cancel"),
        ("POST", f"{ORDERS}/MKP-1/cancel"),
    ):
        assert key.call(method, path, {} if method == "POST" else None).status == 404, path
    for method, path in (
        ("GET", ORDERS),
        ("GET", "/api/orders/pvt/document/NTH-1"),
        ("POST", f"{ORDERS}/NTH-1/invoice"),
        ("GET", "/api/ledger/account"),
        ("GET", "/api/ledger/orders/NTH-1/events"),
        ("POST", "/api/ledger/orders/NTH-1/authorize-fulfillment"),
        ("PUT", "/api/checkout/pub/orders"),
        ("GET", "/api/orders/feed"),
    ):
        assert key.call(method, path).status == 403, path


LIMITED = [{"sku": "7", "price": 15999, "max_quantity": 3}]


def offered(sku="2", quantity=1, sla="Normal", price=15999, point=None, country="BRA"):
    body = sold(marketplacePaymentValue=price * quantity)
    body["items"][0] |= {"id": sku, "quantity": quantity, "price": price}
    body["shippingData"]["address"] |= {"postalCode": CODE, "country": country}
    body["shippingData"]["logisticsInfo"][0] |= {"selectedSla": sla, "price": 0}
    if point is not None:
        body["shippingData"]["address"] |= {"addressType": "pickup", "addressId": point}
        body["shippingData"]["logisticsInfo"][0]["selectedDeliveryChannel"] = "pickup-in-point"
    return body


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sku": "404"}, "FMT005"),
        ({"quantity": 6}, "FMT005"),
        ({"sku": "7", "quantity": 4}, "FMT0043"),
        ({"sku": "7", "quantity": 3}, None),
        ({"country": "ARG", "sla": None}, "FMT003"),
        ({"point": "p1", "sla": None}, None),
        ({"point": "p2", "sla": None}, "FMT0061"),
        ({"sla": "Nowhere"}, "FMT010"),
        ({}, None),
    ],
)
def test_an_order_is_held_against_the_offers_where_the_account_has_any(cell, client, fields, code):
    load_offers(cell, [*OFFERS, *LIMITED])
    answer = client.call("POST", PLACE, [offered(**fields)])
    assert (refusal(answer) if code else answer.status) == ((400, code) if code else 200)


def test_a_delivery_that_is_not_chosen_is_the_cheapest_and_prices_may_be_the_offers(cell, client):
    load_offers(cell)
    setting(cell, trust_request_prices=False)
    body = offered(sla=None)
    body["items"][0]["price"] = 1
    for _ in range(2):
        assert client.call("POST", PLACE, [body]).status == 200
    shown = document(client, "MKP-1")
    assert shown["items"][0]["price"] == 15999
    assert shown["shippingData"]["logisticsInfo"][0]["selectedSla"] == "Normal"


@pytest.mark.parametrize(
    ("base", "status"),
    [
        ("/pvt", 200),
        ("/api/fulfillment/pvt", 201),
        ("/api/fulfillment/pub", 201),
        ("/fulfillment/pvt", 201),
    ],
)
def test_orders_are_placed_and_authorized_on_every_path(client, base, status):
    placed = client.call("POST", f"{base}/orders?affiliateId=MKP", [sold()])
    assert placed.status == 200, placed.body
    bodies: tuple[Any, ...] = (None, {}, [{}])
    answers = [client.call("POST", f"{base}/orders/MKP-1/fulfill", body) for body in bodies]
    assert [one.status for one in answers] == [status] * 3
    assert len({one.json()["receipt"] for one in answers}) == 1
    wrong = client.call("POST", f"{base}/orders/MKP-1/fulfill", {"marketplaceOrderId": "2"})
    assert refusal(wrong) == (400, "FMT0071")
