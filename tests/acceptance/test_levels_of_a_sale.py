"""Sales over up to three levels, accounts and outsiders mixed: depth, ids and values agree."""

import asyncio
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_ledger.web import build
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.levels import OUTSIDE, World
from tests.support.outside_sales import opened
from tests.support.outsider import Outsider, ReceivedRequest, Reply, well_behaved_seller
from tests.support.purchases import purchase
from tests.support.run_until_idle import settle
from tests.support.sales import MIDDLE, SHOP, STORE

CHAINS = ((), (SHOP,), (OUTSIDE,), (MIDDLE,), (MIDDLE, SHOP), (MIDDLE, OUTSIDE))
EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

LINES = st.lists(
    st.fixed_dictionaries(
        {
            "chain": st.sampled_from(CHAINS),
            "quantity": st.integers(1, 5),
            "price": st.integers(1, 99_999),
            "tax": st.sampled_from([0, 0, 7]),
            "discount": st.integers(0, 3),
            "multiplier": st.sampled_from([1, 1, 2.5, 0.333]),
            "freight": st.integers(0, 2_000),
        }
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture
def world(cell):
    with opened(cell) as cell, Outsider(well_behaved_seller) as outsider:
        yield World(cell, outsider)


def line_of(number: int, line: dict[str, Any]) -> dict[str, Any]:
    chain = list(line["chain"]) or ["1"]
    tags = []
    if line["discount"]:
        value = -min(line["discount"], line["price"])
        tags = [{"name": "discount@price-1", "value": value, "rawValue": value / 100}]
    item = {
        "id": str(number),
        "name": f"SKU {number}",
        "seller": chain[0],
        "quantity": line["quantity"],
        "price": line["price"],
        "tax": line["tax"],
        "unitMultiplier": line["multiplier"],
        "priceTags": tags,
    }
    return item | ({"sellerChain": chain} if len(chain) > 1 else {})


def shipping_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"itemIndex": number, "selectedSla": "Normal", "price": line["freight"]}
        for number, line in enumerate(lines)
    ]


def value_of(items: list[dict[str, Any]], logistics: list[dict[str, Any]]) -> int:
    """What the lines of a body come to, as anybody who gets it would reckon."""
    exact = (i["price"] * i["quantity"] * Decimal(str(i["unitMultiplier"])) for i in items)
    lines = sum(int(one.quantize(Decimal(1), ROUND_HALF_EVEN)) for one in exact)
    tags = sum(tag["value"] for item in items for tag in item["priceTags"])
    taxes = sum(item.get("tax", 0) * item["quantity"] for item in items)
    return int(lines + tags + taxes + sum(one["price"] for one in logistics))


@pytest.mark.guarantee("G21")
@EXAMPLES
@given(lines=LINES)
def test_every_level_has_the_lines_the_value_and_the_id_of_its_marketplace_order(world, lines):
    world.outsider.received.clear()
    body = purchase()
    body["items"] = [line_of(number, line) for number, line in enumerate(lines)]
    body["shippingData"]["logisticsInfo"] = shipping_of(lines)
    total = value_of(body["items"], body["shippingData"]["logisticsInfo"])
    body["paymentData"]["payments"][0] |= {"value": total, "referenceValue": total}
    by_first = {line["seller"] for line in body["items"]}
    chains = {tuple(line["chain"]) for line in lines}
    if len(chains) != len(by_first):  # the lines of an order go one way
        return
    store = world.clients[STORE]
    placed = store.call("PUT", "/api/checkout/pub/orders", body)
    assert placed.status == 201, placed.body
    orders = placed.json()["orders"]
    group = orders[0]["orderGroup"]
    assert store.call("POST", f"/api/checkout/pub/gatewayCallback/{group}", {}).status == 204
    asyncio.run(settle(world.cell))
    documents = [world.order(STORE, one["orderId"]) for one in orders]
    assert sum(one["value"] for one in documents) == total
    for document in documents:
        chain = next(
            line["chain"]
            for number, line in enumerate(lines)
            if str(number) == document["items"][0]["id"]
        )
        agrees(world, document, STORE, chain)


def agrees(world, document: dict[str, Any], account: str, chain: tuple[str, ...]) -> None:
    """Walk down the levels of an order."""
    reserved = {item["lockId"] for item in document["items"]}
    if not chain:
        assert document["sellers"][0]["id"] in ("1", account)
        assert reserved == {document["sellerOrderId"]}
        return
    assert reserved == {None}
    assert document["sellers"][0]["id"] == chain[0]
    order_id, below = document["orderId"], document["sellerOrderId"]
    if chain[0] == OUTSIDE:
        (request,) = placements(world, account, order_id)
        (body,) = request.body
        assert below == f"S-{order_id}"
        sent = value_of(body["items"], body["shippingData"]["logisticsInfo"])
        assert body["marketplacePaymentValue"] == document["value"] == sent
        lines = [(item["id"], item["quantity"], item["price"]) for item in body["items"]]
        assert lines == [(i["id"], i["quantity"], i["price"]) for i in document["items"]]
        return
    assert below == f"00-{order_id}"
    seller_order = world.order(chain[0], below)
    assert seller_order["marketplaceOrderId"] == order_id
    assert seller_order["affiliateId"] == "00"
    assert seller_order["value"] == document["value"]
    assert seller_order["origin"] == ("Chain" if chain[1:] else "Fulfillment")
    for name in ("uniqueId", "id", "quantity", "price", "priceTags", "priceDefinition"):
        assert [i[name] for i in seller_order["items"]] == [i[name] for i in document["items"]]
    agrees(world, seller_order, chain[0], chain[1:])


def placements(world, account: str, order_id: str) -> list[ReceivedRequest]:
    return [
        one
        for one in world.outsider.calls("orders")
        if one.path.startswith(f"/{account}/") and one.body[0]["marketplaceOrderId"] == order_id
    ]


GROUPS = iter(range(1, 10**6))


@pytest.mark.guarantee("G21")
@EXAMPLES
@given(lines=LINES, interest=st.sampled_from([0, 0, 1, 2, 997]))
def test_group_of_an_outsider_is_divided_to_the_cent(world, lines, interest):
    world.outsider.received.clear()
    for line in lines:  # below the account that the outsider sold through
        line["chain"] = line["chain"][-1:] if line["chain"] != (MIDDLE,) else ()
    body = purchase()
    group = f"G{next(GROUPS)}"
    body["items"] = [line_of(number, line) for number, line in enumerate(lines)]
    body["shippingData"]["logisticsInfo"] = shipping_of(lines)
    total = value_of(body["items"], body["shippingData"]["logisticsInfo"])
    body |= {
        "marketplaceOrderGroup": group,
        "marketplacePaymentValue": total + interest,
        "marketplacePaymentReferenceValue": total,
        "marketplaceServicesEndpoint": f"{world.outsider.url}/mkt",
        "paymentData": None,
    }
    middle = world.clients[MIDDLE]
    placed = middle.call("PUT", "/api/checkout/pvt/orders?affiliateId=MKP", body)
    assert placed.status == 200, placed.body
    orders = placed.json()["orders"]
    count = len({line["seller"] for line in body["items"]})
    expected = [f"MKP-{group}-{number:02d}" for number in range(1, count + 1)]
    assert [one["orderId"] for one in orders] == expected
    asyncio.run(settle(world.cell))
    documents = [world.order(MIDDLE, order_id) for order_id in expected]
    assert sum(one["value"] for one in documents) == total
    paid = [one["paymentData"]["transactions"][0]["payments"] for one in documents]
    assert sum(payment["value"] for (payment,) in paid) == total + interest
    assert [payment["referenceValue"] for (payment,) in paid] == [d["value"] for d in documents]
    for document in documents:
        chain = next(
            line["chain"]
            for number, line in enumerate(lines)
            if str(number) == document["items"][0]["id"]
        )
        assert document["marketplaceOrderId"] == document["orderId"].removeprefix("MKP-")
        agrees(world, document, MIDDLE, chain)


def test_more_than_three_levels_are_refused(world):
    body = purchase()
    body["items"][0] |= {"seller": MIDDLE, "sellerChain": [MIDDLE, SHOP, OUTSIDE]}
    refused = world.clients[STORE].call("PUT", "/api/checkout/pub/orders", body)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0024")


def test_outsider_below_a_chain_order_ends_all_levels(world):
    """What happens to the outsider's order comes to the top: a refusal, and a cancellation."""
    world.outsider.will("orders", Reply(400, {"message": "Sold out"}))
    for expected in ("canceled", "payment-approved"):
        body = purchase(price=1000, quantity=1)
        body["items"][0] |= {"seller": MIDDLE, "sellerChain": [MIDDLE, OUTSIDE]}
        store = world.clients[STORE]
        order = store.call("PUT", "/api/checkout/pub/orders", body).json()["orders"][0]
        url = f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}"
        assert store.call("POST", url, {}).status == 204
        asyncio.run(settle(world.cell))
        assert world.order(STORE, order["orderId"])["status"] == expected
    order_id = order["orderId"]
    assert len(world.outsider.calls("fulfill")) == 1
    cancel = f"/api/oms/pvt/orders/{order_id}/cancel"
    assert store.call("POST", cancel, {"reason": "late"}).status == 200
    asyncio.run(settle(world.cell))
    assert world.order(STORE, order_id)["status"] == "canceled"
    assert world.order(MIDDLE, f"00-{order_id}")["status"] == "canceled"
    assert world.outsider.calls("cancel")[-1].order_id == f"S-00-{order_id}"


SELLERS = "/api/seller-register/pvt/sellers"


def register_account(world, account: str, seller: str, endpoint: str) -> None:
    entry = {"id": seller, "name": seller, "isActive": True, "fulfillmentEndpoint": endpoint}
    saved = world.clients[account].call("POST", SELLERS, entry)
    assert saved.status == 200, saved.body


def buy(world, *chain: str) -> str:
    body = purchase(price=1000, quantity=1)
    body["items"][0] |= {"seller": chain[0], "sellerChain": list(chain)}
    placed = world.clients[STORE].call("PUT", "/api/checkout/pub/orders", body)
    assert placed.status == 201, placed.body
    order = placed.json()["orders"][0]
    url = f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}"
    assert world.clients[STORE].call("POST", url, {}).status == 204
    asyncio.run(settle(world.cell))
    return str(order["orderId"])


def test_an_order_has_the_prefix_that_the_register_above_says(world):
    register_account(world, STORE, MIDDLE, "/api/checkout")
    mapping = [{"marketplaceSalesChannel": 1, "sellerChannel": "GCB"}]
    mapped = world.clients[STORE].call("PUT", f"{SELLERS}/{MIDDLE}/sales-channel/mapping", mapping)
    assert mapped.status == 200, mapped.body
    register_account(world, MIDDLE, SHOP, f"/api/fulfillment?an={SHOP}&affiliateid=MKT")
    top = buy(world, MIDDLE, SHOP)
    chained, lowest = f"GCB-{top}", f"MKT-GCB-{top}"
    assert world.order(STORE, top)["sellerOrderId"] == chained
    middle, shop = world.order(MIDDLE, chained), world.order(SHOP, lowest)
    assert (middle["affiliateId"], middle["marketplaceOrderId"]) == ("GCB", top)
    assert (middle["sellerOrderId"], shop["marketplaceOrderId"]) == (lowest, chained)
    assert shop["affiliateId"] == "MKT"
    handling = f"/api/oms/pvt/orders/{lowest}/start-handling"
    assert world.clients[SHOP].call("POST", handling).status == 204
    invoice = {"type": "Output", "invoiceNumber": "N-1", "invoiceValue": shop["value"]}
    sent = world.clients[SHOP].call(
        "POST",
        f"/api/oms/pvt/orders/{lowest}/invoice",
        invoice | {"issuanceDate": "2026-01-15", "items": []},
    )
    assert sent.status == 200, sent.body
    asyncio.run(settle(world.cell))
    assert [world.order(MIDDLE, chained)["status"], world.order(STORE, top)["status"]] == [
        "invoiced",
        "invoiced",
    ]


def test_a_cancellation_passes_levels_with_prefixes(world):
    register_account(world, STORE, MIDDLE, "/api/checkout?affiliateId=GCB")
    register_account(world, MIDDLE, SHOP, "/api/fulfillment?affiliateId=MKT")
    top = buy(world, MIDDLE, SHOP)
    cancel = f"/api/oms/pvt/orders/{top}/cancel"
    assert world.clients[STORE].call("POST", cancel, {"reason": "late"}).status == 200
    asyncio.run(settle(world.cell))
    found = [(STORE, top), (MIDDLE, f"GCB-{top}"), (SHOP, f"MKT-GCB-{top}")]
    confirm = f"/api/oms/pvt/orders/{found[2][1]}/cancel"
    assert world.clients[SHOP].call("POST", confirm, {}).status == 200
    asyncio.run(settle(world.cell))
    assert [world.order(*one)["status"] for one in found] == ["canceled"] * 3


def test_a_canceled_chain_order_is_sent_by_its_group(world):
    body = purchase(1000)
    body["items"][0]["seller"] = SHOP
    body |= {
        "marketplaceOrderGroup": "G/1",
        "marketplacePaymentValue": 1000,
        "marketplaceServicesEndpoint": f"{world.outsider.url}/mkt?token=hush",
    }
    placed = world.clients[MIDDLE].call("PUT", "/api/checkout/pvt/orders?affiliateId=MKP", body)
    (order_id,) = (one["orderId"] for one in placed.json()["orders"])
    asyncio.run(settle(world.cell))
    below = world.order(MIDDLE, order_id)["sellerOrderId"]
    path = f"/api/oms/pvt/orders/{quote(below, safe='')}/cancel"
    assert world.clients[SHOP].call("POST", path, {"reason": "None left"}).status == 200
    asyncio.run(settle(world.cell))
    assert world.order(MIDDLE, order_id)["status"] == "canceled"
    (sent,) = world.outsider.received
    path = "/mkt/pvt/orders/order-group/G%2F1/notifications/seller-cancellation?token=hush"
    assert sent.call == f"POST {path}"
    assert sent.body == {"id": "sellerOrderCancelled", "sellerOrderId": order_id}


@pytest.mark.parametrize("affiliate", ["abc", "AEI", "00", "MKTX", "", "M%2FT"])
def test_a_prefix_that_can_be_no_affiliate_is_00(world, affiliate):
    register_account(world, STORE, SHOP, f"/api/fulfillment?affiliateId={affiliate}")
    top = buy(world, SHOP)
    assert world.order(STORE, top)["sellerOrderId"] == f"00-{top}"
    assert world.order(SHOP, f"00-{top}")["affiliateId"] == "00"


@pytest.mark.guarantee("G59")
def test_a_key_of_an_outsider_opens_no_order_of_an_account_with_the_same_prefix(world):
    register_account(world, STORE, SHOP, "/api/fulfillment?affiliateId=MKT")
    top = buy(world, SHOP)

    def bound(account: str, party: str) -> Client:
        key, token = create_key(world.cell, account, "Owner", party=party)
        headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
        return Client(build(world.cell), headers)

    outsider = bound(SHOP, "affiliate:MKT")
    order = f"MKT-{top}"
    assert outsider.call("GET", f"/api/oms/pvt/orders/{order}").status == 404
    for path in (f"/api/fulfillment/pvt/orders/{order}/fulfill", f"/pvt/orders/{order}/cancel"):
        assert outsider.call("POST", path, {}).status == 404
    seller = bound(STORE, f"seller:{SHOP}")
    assert seller.call("GET", f"/api/oms/pvt/orders/{top}").status == 200


def test_what_was_not_completed_is_not_authorized(world):
    store = world.clients[STORE]
    order_id = store.call("PUT", "/api/checkout/pub/orders", purchase()).json()["orders"][0][
        "orderId"
    ]
    for path in ("/api/fulfillment/pvt/orders", "/pvt/orders"):
        refused = store.call("POST", f"{path}/{order_id}/fulfill", {})
        assert (refused.status, refused.json()["error"]["code"]) == (400, "FMT0056")
