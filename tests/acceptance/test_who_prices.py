"""Who may say what something costs: a key. Figures of all others come from offers alone (G57)."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.parts import Json
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from tests.support.client import Client
from tests.support.purchases import ACCOUNT, purchase

ORDERS = "/api/checkout/pub/orders"


def _line(**fields: object) -> Callable[[Json], None]:
    return lambda body: body["items"][0].update(fields)


def _freight(body: Json) -> None:
    body["shippingData"]["logisticsInfo"][0].update(price=500, sellingPrice=0)


CARD = dict.fromkeys(("redemptionCode", "name", "caption", "id", "provider"), "MINE")


def _gift_card(body: Json) -> None:
    body["paymentData"]["giftCards"] = [{**CARD, "value": 1999, "inUse": True}]


TAG = {"name": "discount@price-mine", "value": -1999, "rawValue": -19.99, "isPercentual": False}
# What may be sent of a purchase of 2000 cents, and what is then paid by card.
FIGURES: dict[str, tuple[Callable[[Json], None], int]] = {
    "as shown": (_line(), 2000),
    "price": (_line(price=1), 1),
    "price and selling price": (_line(price=2000, sellingPrice=1), 2000),
    "price tag": (_line(priceTags=[TAG]), 1),
    "manual price": (_line(price=1, manualPrice=1), 1),
    "unit multiplier": (_line(unitMultiplier=0.0005), 1),
    "tax": (_line(price=1, tax=1), 2),
    "freight": (_freight, 2500),
    "gift card": (_gift_card, 1),
}


@pytest.fixture
def shop(cell, client):
    def decide(_):
        return [AccountSettingsChanged({"anonymous_checkout": True})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), decide))
    token = user_tokens.issue(cell.encryption, UserToken(ACCOUNT, 4_000_000_000, shopper="a@x.com"))
    host = {"host": f"{ACCOUNT}.vtexcommercestable.com.br"}
    shopper = Client(client.app, {**host, "VtexIdclientAutCookie": token})
    return {"key": client, "shopper": shopper, "stranger": Client(client.app, host)}


@pytest.mark.guarantee("G57")
@pytest.mark.parametrize("figure", FIGURES)
def test_only_a_keys_figures_are_taken(cell, shop, figure):
    change, paid = FIGURES[figure]
    body = purchase()
    change(body)
    body["paymentData"]["payments"][0].update(value=paid, referenceValue=paid)
    for who in ("shopper", "stranger"):
        before = _count(cell)
        answer = shop[who].call("PUT", ORDERS, body)
        assert (answer.status, _count(cell)) == (400, before), who
    if figure != "unit multiplier":  # the published shape has whole ones only
        assert shop["key"].call("PUT", ORDERS, body).status == 201


@pytest.mark.guarantee("G57")
@pytest.mark.parametrize("who", ["shopper", "stranger"])
def test_a_gift_card_is_sent_by_a_key_or_was_placed(cell, shop, who):
    key = shop["key"]
    fields = key.call("PUT", ORDERS, purchase()).json()
    (transaction,) = fields["transactionData"]["merchantTransactions"]
    url = f"/api/pub/transactions/{transaction['transactionId']}/payments"
    split = f"/split/{fields['orders'][0]['orderGroup']}/payments"
    card = [{"paymentSystem": " 16", "value": 2000, "referenceValue": 2000}]
    for path in (url, split):
        for body in (card, card[0]):
            answer = shop[who].call("POST", path, body)
            assert (answer.status, answer.json()["error"]["code"]) == (400, "ORD020")
    assert shop[who].call("POST", url, [{"paymentSystem": 2, "value": 2000}]).status == 201
    assert key.call("POST", url, card).status == 201


def _count(cell) -> int:
    with cell.database.snapshot() as connection:
        return int(connection.execute(select(func.count()).select_from(events)).scalar_one())
