"""A web process that is killed while a cart is bought leaves one order and one emptied cart."""

import asyncio

import pytest
import requests

from tests.soak.deployment import ACCOUNT, Deployment
from tests.support.storefront import ADDRESS, PROFILE, load_offers, set_account

ORDER_FORM = "/api/checkout/pub/orderForm"


@pytest.fixture
def deployment(tmp_path, database_url, redis_url):
    deployment = Deployment(tmp_path, database_url, redis_url)
    load_offers(deployment.cell, account=ACCOUNT)
    asyncio.run(set_account(deployment.cell.ledger, ACCOUNT, anonymous_checkout=True))
    deployment.start("web")
    deployment.wait_for_web()
    try:
        yield deployment
    finally:
        deployment.close()


def restart(deployment):
    deployment.kill("web", leases_run_out=False)
    deployment.start("web")
    deployment.wait_for_web()


class Shopper:
    def __init__(self, base):
        self.session, self.base = requests.Session(), base

    def post(self, path, body=None):
        answer = self.session.post(f"{self.base}{path}?an={ACCOUNT}", json=body, timeout=30)
        assert answer.status_code < 300, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


@pytest.mark.guarantee("G28", "G57")
def test_killed_web_process_leaves_one_order_and_an_empty_cart(deployment):
    shopper = Shopper(deployment.base)
    path = f"{ORDER_FORM}/{shopper.post(ORDER_FORM)['orderFormId']}"
    line = {"id": "1", "quantity": 2, "seller": "1"}
    shopper.post(f"{path}/items", {"orderItems": [line]})
    shopper.post(f"{path}/attachments/clientProfileData", PROFILE)
    cart = shopper.post(f"{path}/attachments/shippingData", {"address": ADDRESS})
    payment = {"paymentSystem": "2", "referenceValue": cart["value"], "installments": 1}
    shopper.post(f"{path}/attachments/paymentData", {"payments": [payment]})
    placed = shopper.post(f"{path}/transaction", {"value": cart["value"]})
    restart(deployment)  # after the transaction's answer
    again = shopper.post(f"{path}/transaction", {"value": cart["value"]})
    assert again["orderGroup"] == placed["orderGroup"]
    transaction = again["merchantTransactions"][0]
    sent = [
        {**one, "fields": {"cardNumber": "4111111111111111"}} for one in transaction["payments"]
    ]
    shopper.post(f"/api/payments/pub/transactions/{transaction['transactionId']}/payments", sent)
    restart(deployment)  # between payments and callback
    callback = f"/api/checkout/pub/gatewayCallback/{placed['orderGroup']}"
    shopper.post(callback)
    restart(deployment)  # after the callback, before it is sent again
    shopper.post(callback)
    left = shopper.post(path)
    assert (left["orderFormId"], left["items"]) == (cart["orderFormId"], [])
    begun = [row for row in deployment.history() if row.name == "workflow-created"]
    assert len(begun) == 1
    order_id = placed["orders"][0]["orderId"]
    order = asyncio.run(deployment.cell.ledger.order(ACCOUNT, order_id))
    assert order.value == cart["value"]
