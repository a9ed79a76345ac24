"""What the Sales App's guides read of an order: who sold it and where, and how it is found."""

import pytest

from tests.acceptance.test_order_life import ORDERS
from tests.support.purchases import purchase

DOCUMENT = "/api/orders/pvt/document"
ASSOCIATE = {"salesAssociateData": {"salesAssociateId": "seller-7"}}


def placed(client, **more):
    answer = client.call("PUT", "/api/checkout/pub/orders", {**purchase(), **more})
    assert answer.status == 201, answer.body
    return answer.json()["orders"][0]["orderId"]


def document(client, order_id):
    return client.call("GET", f"{DOCUMENT}/{order_id}").json()


@pytest.mark.parametrize("sent", [ASSOCIATE, {"merchantContextData": ASSOCIATE}])
def test_sales_associate_is_shown_however_it_was_sent(client, sent):
    order_id = placed(client, **sent)
    assert document(client, order_id)["merchantContextData"] == ASSOCIATE
    assert "merchantContextData" not in client.call("GET", f"{ORDERS}/{order_id}").json()
    reads = f"/api/dataentities/orders/documents/{order_id}?_fields=merchantContextData"
    assert client.call("GET", reads).json() == {"merchantContextData": ASSOCIATE}


def test_store_is_shown_where_it_was_sent_in_the_full_document_alone(client):
    order_id = placed(client, isCheckedIn=True, checkedInPickupPointId="p", storeId="s-1")
    found = document(client, order_id)
    assert (found["storeId"], found["isCheckedIn"]) == ("s-1", True)
    assert "storeId" not in client.call("GET", f"{ORDERS}/{order_id}").json()
    assert "storeId" not in document(client, placed(client))
    assert document(client, order_id)["merchantContextData"] is None


def test_fields_of_a_cart_are_fields_of_the_order(client):
    fields = [{"name": "PO Number", "value": "PO-1", "refId": None}]
    sent = [
        {"linkedEntity": {"type": "cart"}, "fields": fields},
        {"linkedEntity": {"type": "item", "id": "1"}, "fields": fields},
    ]
    order_id = placed(client, customData={"customFields": sent})
    (of_order, of_item) = document(client, order_id)["customData"]["customFields"]
    assert of_order == {"linkedEntity": {"type": "order"}, "fields": fields}
    assert of_item == sent[1]


@pytest.mark.parametrize(
    "query",
    [
        "CallCenterOperatorEmail=op%2B1@x.com",
        "CallCenterOperatorEmail=op+1@x.com",
        "f_callCenterOperatorEmail=OP+1@X.com",
        "f_UtmSource=store-1&CallCenterOperatorEmail=op+1@x.com",
        "f_UtmSource=store-1&f_isInstore=true&f_callCenterOperatorName=op",
    ],
)
def test_own_orders_of_an_operator_are_found_by_the_e_mail(client, query):
    operator = {"id": "CallCenterOperatorAttachment", "email": "op+1@x.com", "userName": "Op"}
    marketing = {"utmSource": "store-1", "marketingTags": ["instore"]}
    order_id = placed(client, callCenterOperatorData=operator, marketingData=marketing)
    placed(client)
    found = client.call("GET", f"/api/oms/pvt/orders?incompleteOrders=true&{query}").json()
    assert [one["orderId"] for one in found["list"]] == [order_id]
