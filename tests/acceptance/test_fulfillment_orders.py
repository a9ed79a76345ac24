"""Orders that a marketplace places together are placed together, or none of them is."""

import pytest

from tests.acceptance.test_order_life import ORDERS
from tests.support.purchases import purchase

PLACE = "/api/fulfillment/pvt/orders?affiliateId=MKP"


def sold(number, price=2000, paid=2000):
    return {
        **purchase(price),
        "marketplaceOrderId": f"M{number}",
        "marketplaceServicesEndpoint": "https://market.example.com/orders",
        "marketplacePaymentValue": paid,
        "paymentData": None,
    }


def placed(client):
    return sorted(row["orderId"] for row in client.call("GET", ORDERS).json()["list"])


@pytest.mark.guarantee("G2")
@pytest.mark.parametrize(
    ("third", "code"),
    [
        ({**sold(3), "items": []}, "FMT0026"),
        (sold(3, paid=1), "FMT007"),
        ({**sold(3), "marketplaceOrderId": ""}, "FMT015"),
        (sold(1, price=1000, paid=1000), None),
    ],
)
def test_a_refusal_of_one_places_none(client, third, code):
    answer = client.call("POST", PLACE, [sold(1), sold(2), third])
    assert answer.status >= 400
    if code:
        assert answer.json()["error"]["code"] == code
    assert placed(client) == []


@pytest.mark.guarantee("G5")
def test_together_and_again_each_is_placed_once(client):
    for orders in ([sold(1), sold(2)], [sold(2), sold(3), sold(3)], [sold(1)]):
        answer = client.call("POST", PLACE, orders)
        assert answer.status == 200, answer.body
        fields = [one["marketplaceOrderId"] for one in answer.json()]
        assert fields == [one["marketplaceOrderId"] for one in orders]
    assert placed(client) == ["MKP-M1", "MKP-M2", "MKP-M3"]
