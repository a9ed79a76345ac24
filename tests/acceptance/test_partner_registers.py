"""The registers of an account's partners, and keys that are bound to one of them."""

from typing import Any

import pytest

from tests.support.purchases import purchase

SELLERS = "/api/seller-register/pvt/sellers"
AFFILIATES = "/api/fulfillment/pvt/affiliates"
ENDPOINT = "https://warehouse.example.com/api/fulfillment?token=SECRET&sc=1"
SELLER = {
    "id": "warehouse",
    "name": "Warehouse",
    "isActive": True,
    "isVtex": False,
    "fulfillmentEndpoint": ENDPOINT,
    "email": "orders@warehouse.example.com",
    "password": "PASSWORD",
    "appToken": "TOKEN",
    "appKey": "key",
    "ourOwnField": [1],
}
AFFILIATE = {"Name": "Marketplace", "SearchURIEndpointVersion": "1.x.x", "useful": 1}


def saved(client, **fields):
    answer = client.call("POST", SELLERS, {**SELLER, **fields})
    assert answer.status == 200, answer.body
    return answer.json()


def code_of(answer):
    return answer.status, answer.json()["data"]["code"]


def test_a_seller_is_kept_as_sent_and_its_secrets_are_shown_to_nobody(cell, client, client_of):
    assert saved(client)["fulfillmentEndpoint"] == ENDPOINT
    one = client.call("GET", f"{SELLERS}/warehouse").json()
    assert (one["ourOwnField"], one["password"], one["sellerType"]) == ([1], None, 1)
    assert not {"appKey", "appToken"} & one.keys()
    listed = client.call("GET", SELLERS).json()
    assert [row["id"] for row in listed["items"]] == ["1", "warehouse"]
    masked = "https://warehouse.example.com/api/fulfillment?token=***&sc=1"
    assert listed["items"][1]["fulfillmentEndpoint"] == masked
    assert listed["paging"] == {"from": 0, "to": 2, "total": 2}
    for path in (SELLERS, "/api/ledger/account/events"):
        body = client.call("GET", path).body
        assert not [one for one in (b"SECRET", b"PASSWORD", b"TOKEN") if one in body]
    with cell.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM sellers").all()
    assert "SECRET" not in repr(rows)
    names = [e["name"] for e in client.call("GET", "/api/ledger/account/events").json()["events"]]
    assert names[0] == "seller-configured"
    assert client_of("OMS - Read only").call("GET", SELLERS).status == 403


def test_what_is_written_again_as_it_was_shown_keeps_its_secrets(client):
    saved(client)
    (shown,) = [r for r in client.call("GET", SELLERS).json()["items"] if r["id"] == "warehouse"]
    again = client.call("POST", "/seller-register/pvt/sellers", {**shown, "name": "Renamed"})
    assert again.status == 200, again.body
    assert (again.json()["name"], again.json()["fulfillmentEndpoint"]) == ("Renamed", ENDPOINT)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": "with space"}, "SRAPI-400"),
        ({"id": None}, "SRAPI-400"),
        ({"name": ""}, "SRAPI-400"),
        ({"isActive": "yes"}, "SRAPI-400"),
        ({"sellerType": 3}, "SRAPI-400"),
        ({"groups": "all"}, "SRAPI-400"),
        ({"fulfillmentEndpoint": None}, "SRAPI-400"),
        ({"fulfillmentEndpoint": "https://user@warehouse.example.com"}, "SRAPI-400"),
        ({"fulfillmentEndpoint": "ftp://warehouse.example.com"}, "SRAPI-400"),
        ({"fulfillmentEndpoint": "https://elsewhere.example.com/api/checkout"}, "SRAPI-400"),
        (
            {"sellerCommissionConfiguration": [{"productCommissionPercentage": -1}]},
            "SRAPI-400",
        ),
        (
            {"sellerCommissionConfiguration": [{"freightCommissionPercentage": "5"}]},
            "SRAPI-400",
        ),
        ({"isBetterScope": True}, "SRAPI-405"),
        ({"channel": "CNC"}, "SRAPI-408"),
    ],
)
def test_a_seller_that_cannot_be_one_is_refused(client, fields, code):
    assert code_of(client.call("POST", SELLERS, {**SELLER, **fields})) == (400, code)
    assert code_of(client.call("GET", f"{SELLERS}/warehouse")) == (404, "SRAPI-404")


def test_a_seller_is_paused_though_its_channel_is_gone(client):
    assert client.call("PUT", f"{AFFILIATES}/CNC", AFFILIATE).status == 204
    saved(client, channel="CNC")
    assert client.call("DELETE", f"{AFFILIATES}/CNC").status == 204
    pause = [{"operation": "replace", "path": "/isActive", "value": False}]
    assert client.call("PATCH", f"{SELLERS}/warehouse", pause).json()["isActive"] is False
    wrong: Any
    for wrong in ([{"op": "add", "path": "/isActive", "value": True}], {}, [{"op": "replace"}]):
        assert code_of(client.call("PATCH", f"{SELLERS}/warehouse", wrong)) == (400, "SRAPI-400")
    found = client.call("GET", f"{SELLERS}?isActive=false&keyword=WARE&sort=name,desc").json()
    assert [row["id"] for row in found["items"]] == ["warehouse"]
    assert client.call("GET", f"{SELLERS}?isActive=maybe").status == 400


def replace(field, value):
    return {"operation": "replace", "path": f"/{field}", "value": value}


def test_fields_of_a_seller_are_replaced_all_or_none(client):
    saved(client)
    several = [replace("name", "Renamed"), replace("email", "new@example.com")]
    answer = client.call("PATCH", f"{SELLERS}/warehouse", several)
    assert answer.status == 200, answer.body
    one = client.call("GET", f"{SELLERS}/warehouse").json()
    assert (one["name"], one["email"], one["ourOwnField"]) == ("Renamed", "new@example.com", [1])
    assert one["fulfillmentEndpoint"] == ENDPOINT
    for wrong, code in [
        (replace("isActive", "x"), "SRAPI-400"),
        (replace("isActive", None), "SRAPI-400"),
        (replace("id", "other"), "SRAPI-400"),
        (replace("groups/0/name", "x"), "SRAPI-400"),
        (replace("fulfillmentEndpoint", "http://169.254.169.254/"), "SRAPI-400"),
        (replace("isBetterScope", True), "SRAPI-405"),
        (replace("channel", "CNC"), "SRAPI-408"),
        ({"op": "replace", "path": "/name"}, "SRAPI-400"),
    ]:
        answer = client.call("PATCH", f"{SELLERS}/warehouse", [replace("name", "Lost"), wrong])
        assert code_of(answer) == (400, code), wrong
    assert client.call("GET", f"{SELLERS}/warehouse").json() == one
    assert client.call("PATCH", f"{SELLERS}/1", [replace("name", "Shop")]).json()["name"] == "Shop"
    assert code_of(client.call("PATCH", f"{SELLERS}/1", [replace("email", "x")])) == (
        400,
        "SRAPI-400",
    )


@pytest.mark.parametrize(
    "mapping",
    [
        [{"marketplaceSalesChannel": 1, "sellerChannel": "GCB"}] * 2,
        [{"marketplaceSalesChannel": 1, "sellerChannel": "A" * 3}],
        [{"marketplaceSalesChannel": 1, "sellerChannel": "B" * 4}],
        [{"marketplaceSalesChannel": True, "sellerChannel": "GCB"}],
    ],
)
def test_a_mapping_of_sales_channels_that_cannot_be_one_changes_nothing(client, mapping):
    saved(client)
    path = f"{SELLERS}/warehouse/sales-channel/mapping"
    assert code_of(client.call("PUT", path, mapping)) == (400, "SRAPI-400")
    assert client.call("GET", path).json() == []


def test_sales_channels_are_mapped(client):
    saved(client)
    path = f"{SELLERS}/warehouse/sales-channel/mapping"
    assert client.call("GET", path).json() == []
    sent = [{"marketplaceSalesChannel": 1, "sellerChannel": "GCB"}]
    mapped = [{"marketplaceSalesChannel": "1", "sellerChannel": "GCB"}]
    assert client.call("PUT", path, sent).json() == mapped
    assert client.call("GET", path).json() == mapped
    assert code_of(client.call("PUT", path, [{}])) == (400, "SRAPI-400")


def test_the_account_itself_is_seller_1_and_gets_only_a_name(client):
    named = client.call("POST", SELLERS, {"id": 1, "name": "The store", "isActive": True})
    assert named.json()["name"] == "The store"
    assert client.call("GET", f"{SELLERS}/1").json()["name"] == "The store"
    pause = [{"op": "replace", "path": "/isActive", "value": False}]
    assert code_of(client.call("PATCH", f"{SELLERS}/1", pause)) == (400, "SRAPI-400")


def test_an_affiliate_is_added_replaced_listed_and_removed(client):
    assert client.call("GET", f"{AFFILIATES}/MKP").status == 404
    assert client.call("PUT", f"{AFFILIATES}/MKP", AFFILIATE).status == 204
    one = client.call("GET", "/fulfillment/pvt/affiliates/MKP").json()
    assert (one["id"], one["name"], one["useful"]) == ("MKP", "Marketplace", 1)
    assert client.call("PUT", f"{AFFILIATES}/MKP", {"name": "Renamed"}).status == 204
    assert [row["name"] for row in client.call("GET", AFFILIATES).json()] == ["Renamed"]
    assert client.call("DELETE", f"{AFFILIATES}/MKP").status == 204
    assert client.call("DELETE", f"{AFFILIATES}/MKP").status == 204
    assert client.call("GET", AFFILIATES).json() == []
    names = [e["name"] for e in client.call("GET", "/api/ledger/account/events").json()["events"]]
    assert names[:3] == ["affiliate-removed", "affiliate-configured", "affiliate-configured"]


@pytest.mark.parametrize(
    ("affiliate", "body", "code"),
    [
        ("MK", AFFILIATE, "FMT0031"),
        ("00", AFFILIATE, "FMT0088"),
        ("MAP", AFFILIATE, "FMT0088"),
        ("mkp", AFFILIATE, "FMT0088"),
        ("MKP", {}, "FMT0034"),
        ("MKP", {"name": "M", "followUpEmail": "nobody"}, "FMT0032"),
        ("MKP", {"name": "M", "salesChannel": "one"}, "FMT0036"),
        ("MKP", {"name": "M", "searchURIEndpointVersion": "2"}, "FMT0029"),
        ("MKP", {"name": "M", "id": "NTH"}, "FMT0088"),
        ("MKP", {"name": "Taken"}, "FMT0035"),
        ("MKP", {"name": "M", "minimumValueAccumulated": -5}, "FMT0042"),
        ("MKP", {"name": "M", "useSellerPaymentMethod": "yes"}, "OMS004"),
        ("MKP", {"name": "M", "connectorEndpoint": "ftp://x.example.com"}, "OMS004"),
    ],
)
def test_an_affiliate_that_cannot_be_one_is_refused(client, affiliate, body, code):
    assert client.call("PUT", f"{AFFILIATES}/BBB", {"name": "Taken"}).status == 204
    refused = client.call("PUT", f"{AFFILIATES}/{affiliate}", body)
    assert (refused.status, refused.json()["error"]["code"]) == (400, code)


def test_an_order_says_where_its_seller_is_without_secrets_and_a_paused_seller_gets_none(client):
    saved(client)
    body = purchase(price=1000)
    body["items"][0]["seller"] = "warehouse"
    placed = client.call("PUT", "/api/checkout/pub/orders", body)
    assert placed.status in (200, 201), placed.body
    group = placed.json()["orders"][0]["orderGroup"]
    assert client.call("POST", f"/api/checkout/pub/gatewayCallback/{group}", {}).status == 204
    order_id = placed.json()["orders"][0]["orderId"]
    shown = client.call("GET", f"/api/oms/pvt/orders/{order_id}")
    (seller,) = shown.json()["sellers"]
    assert (seller["id"], seller["name"]) == ("warehouse", "Warehouse")
    masked = "https://warehouse.example.com/api/fulfillment?token=***&sc=1"
    assert seller["fulfillmentEndpoint"] == masked
    assert b"SECRET" not in shown.body
    pause = [{"op": "replace", "path": "/isActive", "value": False}]
    assert client.call("PATCH", f"{SELLERS}/warehouse", pause).status == 200
    refused = client.call("PUT", "/api/checkout/pub/orders", body)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0045")


def test_a_seller_is_registered_read_paused_and_mapped_by_the_published_paths(client):
    path = "/seller-register/pvt/sellers"
    one = f"{path}/warehouse"
    assert client.call("POST", path, SELLER).json()["id"] == "warehouse"
    assert [row["id"] for row in client.call("GET", path).json()["items"]] == ["1", "warehouse"]
    pause = [{"operation": "replace", "path": "/isActive", "value": False}]
    assert client.call("PATCH", one, pause).status == 200
    assert client.call("GET", one).json()["isActive"] is False
    mapping = [{"marketplaceSalesChannel": "1", "sellerChannel": "GCB"}]
    assert client.call("PUT", f"{one}/sales-channel/mapping", mapping).json() == mapping
    assert client.call("GET", f"{one}/sales-channel/mapping").json() == mapping
