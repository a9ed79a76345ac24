"""An account reaches another one of the deployment where both name each other, and else it is as
if it were not there (ASVS 8.4.1)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from oms_ledger.accounts.account import Account, parse_setting
from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.accounts.partners import are_partners
from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.eventstore.command import CommandContext
from tests.support.client import Client
from tests.support.purchases import purchase
from tests.support.run_until_idle import settle
from tests.support.sales import MIDDLE, OTHER_SHOP, SHOP, STORE, open_accounts

ORDERS = "/api/checkout/pub/orders"
# What the store names, what the shop names, and whether they are partners.
RELATIONS = {
    "both name each other": (f"{MIDDLE}, {SHOP}", STORE, True),
    "both name all": ("*", "*", True),
    "only the store names the shop": (SHOP, "", False),
    "only the shop names the store": (MIDDLE, "*", False),
    "neither names the other": ("", "", False),
}


def named(cell, account: str, partners: str) -> None:
    def decide(_: Account | None) -> list[AccountSettingsChanged]:
        return [AccountSettingsChanged({"partners": partners})]

    asyncio.run(cell.ledger.change_account(CommandContext(account, "test"), decide))


@pytest.fixture
def accounts(cell, app, client_of) -> Callable[[str], Client]:
    asyncio.run(open_accounts(cell, STORE, SHOP, OTHER_SHOP, MIDDLE))
    return lambda account: client_of(account=account)


def _sold(seller: str, *chain: str) -> dict[str, Any]:
    body = purchase(price=1000, quantity=3)
    body["items"][0]["seller"] = seller
    if chain:
        body["items"][0]["sellerChain"] = [seller, *chain]
    return body


def _purchase(accounts, seller: str):
    return accounts(STORE).call("PUT", ORDERS, _sold(seller))


def _chain(accounts, seller: str):
    """The middle one is everybody's partner; its seller is the shop, and stands below it."""
    return accounts(MIDDLE).call("PUT", ORDERS, _sold(STORE, seller))


def _chain_order(accounts, seller: str):
    body = {**_sold(seller), "marketplaceOrderGroup": "MKP1", "marketplacePaymentValue": 3000}
    body["marketplaceServicesEndpoint"] = "https://market.example.com"
    path = "/api/checkout/pvt/orders?sc=1&affiliateId=MKP"
    return accounts(STORE).call("PUT", path, body)


REQUESTS = {
    "purchase": _purchase,
    "chain": _chain,
    "chain order": _chain_order,
}


@pytest.mark.guarantee("G51")
@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("placement", REQUESTS)
def test_an_account_that_is_no_partner_is_as_one_that_is_not_there(
    cell, accounts, placement, relation
):
    by_store, by_shop, partners = RELATIONS[relation]
    named(cell, STORE, f"{by_store},{MIDDLE}" if by_store != "*" else "*")
    named(cell, SHOP, by_shop)
    answer, unknown = REQUESTS[placement](accounts, SHOP), REQUESTS[placement](accounts, "nobody")
    assert unknown.json()["error"]["code"] == "CHK0024"
    if partners:
        assert answer.status in (200, 201), answer.body
    else:
        error = answer.json()["error"]
        assert answer.status == unknown.status
        assert error["message"].replace(SHOP, "nobody") == unknown.json()["error"]["message"]


@pytest.mark.guarantee("G51")
@pytest.mark.parametrize("relation", RELATIONS)
def test_an_endpoint_names_a_partner_or_nobody(cell, accounts, relation):
    by_store, by_shop, partners = RELATIONS[relation]
    named(cell, STORE, by_store)
    named(cell, SHOP, by_shop)
    body = {**_sold("1"), "marketplaceOrderId": "M1", "marketplacePaymentValue": 3000}
    body["marketplaceServicesEndpoint"] = f"http://portal.vtexcommerce.com.br/api/oms?an={STORE}"
    path = "/api/fulfillment/pvt/orders?affiliateId=MKP"
    assert accounts(SHOP).call("POST", path, [body]).status == 200
    order = asyncio.run(cell.ledger.order(SHOP, "MKP-M1"))
    assert order.placed.sold_by == (STORE if partners else None)


@pytest.mark.guarantee("G51")
def test_an_agreement_that_ended_is_looked_at_when_the_order_is_handed_on(cell, accounts):
    store = accounts(STORE)
    placed = store.call("PUT", ORDERS, _sold(SHOP)).json()
    named(cell, SHOP, OTHER_SHOP)
    group = placed["orders"][0]["orderGroup"]
    assert store.call("POST", f"/api/checkout/pub/gatewayCallback/{group}", {}).status == 204
    asyncio.run(settle(cell))
    order = asyncio.run(cell.ledger.order(STORE, placed["orders"][0]["orderId"]))
    assert order.seller_reason == "Invalid seller: there is no account shop"
    assert accounts(SHOP).call("GET", "/api/oms/pvt/orders").json()["paging"]["total"] == 0


def test_whom_a_deployment_names_may_be_nobody():
    one, two = Account("one", "aaaa"), Account("two", "bbbb", {"partners": "one , three"})
    assert are_partners(one, two, "*")
    assert not are_partners(one, two, "")
    assert are_partners(Account("one", "aaaa", {"partners": "two"}), two, "")


@pytest.mark.parametrize("text", ["shop", "shop, store", "*", "", "a1,b2,"])
def test_names_of_partners_are_a_list(text):
    assert parse_setting("partners", text) == text


@pytest.mark.parametrize("text", ["Shop", "*,shop", "shop store", "shop;store", "-"])
def test_what_names_no_partners_is_refused(text):
    with pytest.raises(InvalidSetting):
        parse_setting("partners", text)
