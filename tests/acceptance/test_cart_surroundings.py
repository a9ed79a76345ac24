"""Around a cart: configuration, addresses, pickup points, regions, known profiles."""

import asyncio

import pytest

from tests.support.client import Client
from tests.support.purchases import purchase
from tests.support.storefront import CODE, Browser, load_offers, set_account

PUB = "/api/checkout/pub"
CONFIGURATION = "/api/checkout/pvt/configuration/orderForm"
NEEDED = {
    "paymentConfiguration": {"requiresAuthenticationForPreAuthorizedPaymentOption": False},
    "minimumQuantityAccumulatedForItems": 1,
}


@pytest.fixture
def browser(cell, app):
    load_offers(cell)
    asyncio.run(set_account(cell.ledger, anonymous_checkout=True))
    return Browser(Client(app))


def code_of(answer):
    return answer.status, answer.json()["error"]["code"]


def test_postal_code_is_looked_up_in_the_address_book(browser):
    known = browser.ok("GET", f"{PUB}/postal-code/BRA/{CODE}")
    assert (known["city"], known["geoCoordinates"]) == ("São Paulo", [-46.65, -23.56])
    unknown = browser.ok("GET", f"{PUB}/postal-code/USA/10019")
    assert (unknown["postalCode"], unknown["city"]) == ("10019", "")
    assert code_of(browser.call("GET", f"{PUB}/postal-code/BR/1")) == (400, "ORD026")


def test_pickup_points_come_nearest_first(browser, cell):
    far = {"kind": "pickup-point", "id": "p2", "name": "Far", "address": {}}
    far["address"] = {"country": "BRA", "geoCoordinates": [-43.3, -23.0]}
    load_offers(cell, [far])
    path = f"{PUB}/pickup-points"
    fields = browser.ok("GET", f"{path}?geoCoordinates=-46.65;-23.56")
    assert [one["pickupPoint"]["id"] for one in fields["items"]] == ["1_p1", "1_p2"]
    assert fields["paging"] == {"page": 1, "pageSize": 30, "total": 2, "pages": 1}
    assert fields["items"][0]["pickupPoint"]["businessHours"][0]["DayOfWeek"] == 1
    by_code = browser.ok("GET", f"{path}?postalCode={CODE}&countryCode=BRA")
    assert [one["pickupPoint"]["id"] for one in by_code["items"]] == ["1_p1"]
    assert 0 < by_code["items"][0]["distance"] < 20
    assert code_of(browser.call("GET", f"{path}?geoCoordinates=here")) == (400, "001")
    for page in ("%C2%B2", "0", "00", "9" * 5000):
        refused = browser.call("GET", f"{path}?geoCoordinates=-46.65;-23.56&page={page}")
        assert code_of(refused) == (400, "001")
    assert code_of(browser.call("GET", path)) == (400, "CHK0264")


@pytest.mark.guarantee("G53")
def test_a_postal_code_of_very_many_digits_is_no_failure(browser):
    code = "1" * 5000
    for path in ("postal-code/USA/{}", "regions?country=USA&postalCode={}"):
        assert browser.call("GET", f"{PUB}/{path.format(code)}").status < 500
    body = {"items": [{"id": "1", "quantity": 1, "seller": "1"}], "country": "USA"}
    answer = browser.call("POST", f"{PUB}/orderForms/simulation", body | {"postalCode": code})
    assert answer.status < 500, answer.body


def test_region_names_who_delivers_there(browser, cell):
    other = {"kind": "delivery", "id": "Own", "estimate": "1d", "seller": "lojab"}
    load_offers(cell, [other | {"country": "ARG"}])
    (here,) = browser.ok("GET", f"{PUB}/regions/?country=BRA&sc=1&postalCode={CODE}")
    assert [one["id"] for one in here["sellers"]] == ["1"]
    (again,) = browser.ok("GET", f"{PUB}/regions/{here['id']}")
    assert again == here
    (there,) = browser.ok("GET", f"{PUB}/regions?country=ARG&postalCode=1000")
    assert [one["id"] for one in there["sellers"]] == ["lojab"]
    for query, code in (
        (f"postalCode={CODE}", "CHK0127"),
        ("country=BRA", "CHK0119"),
        ("country=BRA&postalCode=1", "001"),
    ):
        assert code_of(browser.call("GET", f"{PUB}/regions?{query}")) == (400, code)
    assert code_of(browser.call("GET", f"{PUB}/regions/v2.nothing")) == (400, "001")


def test_profile_is_known_to_who_may_see_carts_alone(browser, client, client_of):
    body = purchase()
    email = body["clientProfileData"]["email"]
    assert client.call("PUT", "/api/checkout/pub/orders", body).status == 201
    nobody = browser.ok("GET", f"{PUB}/profiles?email={email}")
    assert (nobody["userProfile"], nobody["availableAddresses"]) == (None, [])
    path = f"{PUB}/profiles?email={email}"
    assert client_of("Storefront").call("GET", path).json()["userProfile"] is None
    known = client.call("GET", path).json()
    assert known["userProfile"]["firstName"] == body["clientProfileData"]["firstName"]
    assert known["availableAddresses"][0]["city"]


def test_configuration_is_replaced_merged_and_read(client, client_of):
    fields = client.call("GET", CONFIGURATION).json()
    assert (fields["allowManualPrice"], fields["decimalDigitsPrecision"]) == (False, 2)
    sent = {**NEEDED, "apps": [{"id": "a", "fields": ["x"], "major": 2}], "extra": "kept"}
    assert client.call("POST", CONFIGURATION, sent).status == 204
    assert client.call("PATCH", CONFIGURATION, {"allowManualPrice": True}).status == 204
    fields = client.call("GET", CONFIGURATION).json()
    assert (fields["allowManualPrice"], fields["extra"]) == (True, "kept")
    assert fields["apps"] == [{"id": "a", "fields": ["x"], "major": 2}]
    assert client.call("POST", CONFIGURATION, NEEDED).status == 204
    assert client.call("GET", CONFIGURATION).json()["apps"] == []
    for method in ("GET", "POST", "PATCH"):
        answer = client_of("Storefront").call(method, CONFIGURATION, NEEDED)
        assert code_of(answer) == (401, "ORD062")


@pytest.mark.guarantee("G2")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"paymentConfiguration": None}, "CHK0288"),
        ({"minimumQuantityAccumulatedForItems": None}, "CHK0288"),
        ({"apps": [{"fields": []}]}, "CHK0122"),
        ({"apps": [{"id": "a", "fields": "x"}]}, "CHK0121"),
        ({"apps": [{"id": "a", "fields": [], "major": 0}]}, "CHK0123"),
        ({"apps": [{"id": "a", "fields": []}] * 2}, "ORD035"),
        ({"allowManualPrice": "yes"}, "CHK0288"),
    ],
)
def test_refused_configuration_changes_nothing(client, change, code):
    before = client.call("GET", CONFIGURATION).json()
    answer = client.call("POST", CONFIGURATION, {**NEEDED, **change})
    assert code_of(answer) == (400, code)
    assert client.call("GET", CONFIGURATION).json() == before
