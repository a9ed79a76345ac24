"""Sales over several accounts of one deployment: who sells what to whom, and how far it came."""

from dataclasses import replace
from functools import partial
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.marketplace.levels import delegated
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.refusals import OrderNotFound
from tests.support.purchases import PAID, placed

SHOP, OTHER_SHOP, STORE, MIDDLE = "shop", "othershop", "store", "middle"
PENDING = partial(process_order, approved=frozenset())


async def open_accounts(cell: Cell, *names: str, **settings: Any) -> None:
    """Accounts without grace period, unless the settings say otherwise."""
    for name in names:

        def decide(known: Account | None, name: str = name) -> list[AccountEvent]:
            fields = {"grace_period_minutes": 0, **settings}
            created: list[AccountEvent] = [] if known else [AccountCreated(name, name[:4])]
            return [*created, AccountSettingsChanged(fields)]

        await cell.ledger.change_account(CommandContext(name, "test"), decide)


def sold(number: int = 1, *chain: str, price: int = 1000, quantity: int = 3) -> events.OrderPlaced:
    """An order that the store sold; `chain` are the levels below, the store itself for none."""
    own = placed(number, price, quantity)
    seller_order = chain or (SHOP,)
    if seller_order == (STORE,):
        return own
    details = {"sellerChain": list(seller_order)} if len(seller_order) > 1 else {}
    return replace(
        own,
        flow="marketplace",
        seller=seller_order[0],
        seller_name=seller_order[0],
        items=tuple(
            replace(item, seller=seller_order[0], details={**item.details, **details})
            for item in own.items
        ),
        logistics=({"itemIndex": 0, "selectedSla": "Normal", "price": 0, "sellingPrice": 0},),
    )


async def sell(cell: Cell, number: int = 1, *chain: str, paid: bool = True, **lines: Any) -> str:
    """Place and process an order in the store; its id."""
    order_id = f"v{number}stor-01"
    await cell.ledger.place(
        CommandContext(STORE, "shopper"), {order_id: sold(number, *chain, **lines)}
    )
    decision = PAID if paid else PENDING
    await cell.ledger.change(CommandContext(STORE, "shopper"), order_id, decision)
    return order_id


async def levels(cell: Cell, order_id: str, *chain: str) -> list[Order]:
    """The orders of a sale, the store's first; those that are not there are left out."""
    found, account = [], STORE
    for seller_order in (*(chain or (SHOP,)), None):
        try:
            found.append(await cell.ledger.order(account, order_id))
        except OrderNotFound:
            break
        if seller_order is None or not delegated(found[-1]):
            break
        account = found[-1].seller
        order_id = found[-1].seller_order_id or f"00-{order_id}"
    return found


async def statuses(cell: Cell, order_id: str, *chain: str) -> list[str]:
    return [str(order.status) for order in await levels(cell, order_id, *chain)]
