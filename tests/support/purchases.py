"""Purchases and orders that tests place, and the shortest way to place them."""

import copy
import json
from functools import partial
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.cli.demo import sample_order
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.ledger import Ledger
from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import process_order

ACCOUNT = "acme"
SAVED_CARD = "5B2F0C1E9A7D4C33A1F06E8D2B4C7A90"
PAID = partial(process_order, approved=frozenset({"PAY"}))


def purchase(price: int = 2000, quantity: int = 1) -> dict[str, Any]:
    """A place-order body of one line that adds up, paid by a card that was saved before."""
    body = copy.deepcopy(sample_order())
    body["items"] = [
        {"id": "7", "quantity": quantity, "seller": "1", "price": price, "name": "Mug"}
    ]
    body["shippingData"]["logisticsInfo"] = [{"itemIndex": 0, "selectedSla": "Normal", "price": 0}]
    total = price * quantity
    body["paymentData"]["payments"] = [
        {
            "paymentSystem": "2",
            "value": total,
            "referenceValue": total,
            "installments": 1,
            "accountId": SAVED_CARD,
        }
    ]
    return body


def placed(number: int = 1, price: int = 2000, quantity: int = 1) -> events.OrderPlaced:
    return events.OrderPlaced(
        flow="complete",
        order_group=f"v{number}acme",
        sequence=number,
        seller="1",
        seller_name="Acme",
        items=(events.Item("U1", "7", "1", quantity, price),),
        totals=(events.Total("Items", price * quantity),),
        logistics=(),
        payments=(
            events.Payment("PAY", "2", "Visa", "creditCard", price * quantity, price * quantity),
        ),
        transaction_id="T",
        merchant_name="ACME",
        client_profile={"email": "ana@example.com", "firstName": "Ana", "lastName": "Souza"},
    )


async def open_account(ledger: Ledger, grace_period_minutes: int = 0, name: str = ACCOUNT) -> None:
    settings = {"grace_period_minutes": grace_period_minutes}

    def decide(known: Account | None) -> list[AccountEvent]:
        created: list[AccountEvent] = [] if known else [AccountCreated(name, "acme")]
        return [*created, AccountSettingsChanged(settings)]

    await ledger.change_account(CommandContext(name, "test"), decide)


async def place(ledger: Ledger, order_id: str, number: int = 1, account: str = ACCOUNT) -> Order:
    """An order, the first of its group with the group's key."""
    ctx, event = CommandContext(account, "test"), placed(number)
    key = Key(account, f"group:{event.order_group}", json.dumps([order_id]).encode())
    try:
        orders = await ledger.place(ctx, {order_id: event}, keys=[key])
    except KeyTaken:
        orders = await ledger.place(ctx, {order_id: event})
    return orders[order_id]


async def place_paid(
    ledger: Ledger, order_id: str, number: int = 1, account: str = ACCOUNT
) -> Order:
    """An order that is ready for handling (the account has no grace period)."""
    await place(ledger, order_id, number, account)
    return await ledger.change(CommandContext(account, "test"), order_id, PAID)
