"""Simulations over HTTP: what a storefront and a marketplace get without a cart."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT
from tests.support.storefront import CODE, load_offers

PATH = f"/api/checkout/pub/orderForms/simulation?an={ACCOUNT}"
SELLER_PATH = f"/api/fulfillment/pvt/orderForms/simulation?an={ACCOUNT}"


@pytest.fixture
def anybody(cell, app):
    load_offers(cell)
    return Client(app)


def requested(*lines, **more):
    return {"items": [{"id": i, "quantity": q, "seller": "1"} for i, q in lines], **more}


def test_simulation_says_price_stock_and_deliveries(anybody):
    body = requested(("1", 2), ("2", 9), country="BRA", postalCode=CODE)
    fields = anybody.call("POST", PATH, body).json()
    mug, lamp = fields["items"]
    assert (mug["price"], mug["listPrice"], mug["sellingPrice"]) == (3190, 3990, 3190)
    assert mug["priceDefinition"]["total"] == 6380
    assert (lamp["quantity"], lamp["availability"]) == (5, "available")
    slas = {one["id"]: one["price"] for one in fields["logisticsInfo"][0]["slas"]}
    assert slas == {"Normal": 990, "Express": 2200, "Scheduled": 1200, "Store": 0}
    assert [one["code"] for one in fields["messages"]] == ["itemQuantityNotAvailable"]
    assert [(t["id"], t["value"]) for t in fields["totals"]] == [("Items", 6380 + 5 * 15999)]
    assert fields["pickupPoints"][0]["id"] == "1_p1"
    store = next(s for s in fields["logisticsInfo"][0]["slas"] if s["id"] == "Store")
    assert store["pickupDistance"] == pytest.approx(8.4, abs=0.5)
    assert "stockBalance" not in fields["logisticsInfo"][0]


def test_simulation_leaves_out_what_is_not_on_offer(anybody):
    body = requested(("404", 1), ("1", 1), country="BRA", postalCode=CODE)
    fields = anybody.call("POST", PATH, body).json()
    assert [one["requestIndex"] for one in fields["items"]] == [1]
    assert fields["logisticsInfo"][0]["itemIndex"] == 0
    assert [(m["code"], m["fields"]["id"]) for m in fields["messages"]] == [("ORD027", "404")]


def test_simulation_counts_freight_only_on_request(anybody):
    infos = [{"itemIndex": 0, "selectedSla": "Express"}]
    body = requested(
        ("1", 2), country="BRA", postalCode=CODE, shippingData={"logisticsInfo": infos}
    )
    fields = anybody.call("POST", PATH, body).json()
    totals = {one["id"]: one["value"] for one in fields["totals"]}
    assert totals == {"Items": 6380, "Shipping": 2200}
    assert fields["logisticsInfo"][0]["selectedSla"] == "Express"


@pytest.mark.parametrize(
    ("sku", "code", "availability"),
    [("6", None, "withoutStock"), ("5", None, "available"), ("1", CODE, "available")],
)
def test_simulation_says_availability(anybody, sku, code, availability):
    fields = anybody.call("POST", PATH, requested((sku, 1), country="BRA", postalCode=code)).json()
    assert fields["items"][0]["availability"] == availability


def test_simulation_without_a_place_has_no_slas(anybody):
    fields = anybody.call("POST", PATH, requested(("1", "2"))).json()
    assert fields["logisticsInfo"][0]["slas"] == []
    assert fields["logisticsInfo"][0]["shipsTo"] == ["BRA"]
    channels = [one["id"] for one in fields["logisticsInfo"][0]["deliveryChannels"]]
    assert sorted(channels) == ["delivery", "pickup-in-point"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"items": [{"quantity": 1, "seller": "1"}]}, "ORD055"),
        (requested(("1", 0)), "CHK0023"),
        (requested(("1", 1), country="Brazil"), "ORD026"),
        (requested(("1", 1), country="BRA", postalCode="123"), "ORD001"),
        (requested(("1", 1), country="BRA", postalCode="<script>"), "CHK0040"),
        (requested(*[("1", 1)] * 301), "CHK0062"),
        ({"items": [{"id": "1", "quantity": 1, "seller": "nobody"}]}, "CHK0024"),
    ],
)
def test_simulation_refuses_what_cannot_be_requested(anybody, body, code):
    answer = anybody.call("POST", PATH, body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)


def test_simulation_of_nothing_is_empty(anybody):
    fields = anybody.call("POST", PATH, {"items": []}).json()
    assert (fields["items"], fields["logisticsInfo"], fields["totals"]) == ([], [], [])


def test_simulation_with_a_key_tells_the_stock(anybody, client):
    path = "/api/checkout/pvt/orderForms/simulation"
    fields = client.call("POST", path, requested(("2", 1))).json()
    assert fields["logisticsInfo"][0]["stockBalance"] == 5
    assert anybody.call("POST", f"{path}?an={ACCOUNT}", requested(("2", 1))).status == 401


def test_marketplace_is_notified_of_the_account_as_its_seller(anybody):
    body: dict[str, Any] = {"items": [{"id": "2", "quantity": 9, "seller": "LuzDoBairro"}]}
    body |= {"country": "BRA", "postalCode": CODE}
    fields = anybody.call("POST", SELLER_PATH, body).json()
    assert fields["items"][0]["seller"] == "LuzDoBairro"
    assert (fields["items"][0]["quantity"], fields["items"][0]["price"]) == (5, 15999)
    assert fields["logisticsInfo"][0]["stockBalance"] == 5
    gone = anybody.call("POST", SELLER_PATH, {"items": [{"id": "6", "quantity": 1, "seller": "x"}]})
    assert (gone.json()["items"][0]["quantity"], gone.json()["logisticsInfo"]) == (0, [])


def test_a_marketplace_asks_by_a_query_too_and_names_a_whole_place_or_none(client, cell):
    load_offers(cell)
    now = cell.clock.now()
    set_clock(cell, now)  # a price without an end is valid for a year from the answer
    context = requested(("1", 2), country="BRA", postalCode=CODE)
    query = f"affiliateId=MKP&purchaseContext={quote(json.dumps(context))}"
    for path in ("/api/checkout/pub", "/api/checkout/pvt", "/api/fulfillment/pvt", "/pvt"):
        url = f"{path}/orderForms/simulation"
        by_query, by_body = (
            client.call("GET", f"{url}?an={ACCOUNT}&{query}"),
            client.call("POST", f"{url}?an={ACCOUNT}&affiliateId=MKP", context),
        )
        assert by_query.status == 200, by_query.body
        assert by_query.json()["items"] == by_body.json()["items"]
        assert "stockBalance" in by_query.json()["logisticsInfo"][0]
        wrong = client.call("GET", f"{url}?an={ACCOUNT}&affiliateId=MKP&purchaseContext=x")
        assert (wrong.status, wrong.json()["error"]["code"]) == (400, "FMT0044")
        half = {**context, "postalCode": None}
        refused = client.call("POST", f"{url}?an={ACCOUNT}&affiliateId=MKP", half)
        assert (refused.status, refused.json()["error"]["code"]) == (400, "FMT0074")
    bare = client.call("POST", f"{PATH}&affiliateId=MKP", requested(("1", 1))).json()
    assert (bare["logisticsInfo"][0]["slas"], bare["items"][0]["price"]) == ([], 3190)
