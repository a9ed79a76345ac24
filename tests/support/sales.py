"""Sales over several accounts of one deployment: who sells what to whom, and how far it came."""

from dataclasses import replace
from functools import partial

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.orders import events as e
from oms_ledger.orders.marketplace.levels import delegated
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.refusals import OrderNotFound
from tests.support.purchases import PAID, placed

SHOP, OTHER_SHOP, STORE, MIDDLE = "shop", "othershop", "store", "middle"
PENDING = partial(process_order, approved=frozenset())


async def open_accounts(cell: Cell, *names: str, **settings) -> None:
    """Accounts without grace period, unless the settings say otherwise."""
    for name in names:

        def decide(_: Account | None, name: str = name) -> list[AccountEvent]:
            told = {"grace_period_minutes": 0, **settings}
            return [AccountCreated(name, name[:4]), AccountSettingsChanged(told)]

        await cell.ledger.change_account(name, decide, by="test")


def sold(number: int = 1, *chain: str, price: int = 1000, quantity: int = 3) -> e.OrderPlaced:
    """An order that the store sold; `chain` are the levels below, the store itself for none."""
    own = placed(number, price, quantity)
    below = chain or (SHOP,)
    if below == (STORE,):
        return own
    details = {"sellerChain": list(below)} if len(below) > 1 else {}
    return replace(
        own,
        flow="marketplace",
        seller=below[0],
        seller_name=below[0],
        items=tuple(
            replace(item, seller=below[0], details={**item.details, **details})
            for item in own.items
        ),
        logistics=({"itemIndex": 0, "selectedSla": "Normal", "price": 0, "sellingPrice": 0},),
    )


async def sell(cell: Cell, number: int = 1, *chain: str, paid: bool = True, **lines) -> str:
    """Place and process an order in the store; its id."""
    order_id = f"v{number}stor-01"
    await cell.ledger.place(STORE, {order_id: sold(number, *chain, **lines)}, by="shopper")
    decision = PAID if paid else PENDING
    await cell.ledger.change(STORE, order_id, decision, by="shopper")
    return order_id


async def levels(cell: Cell, order_id: str, *chain: str) -> list[Order]:
    """The orders of a sale, the store's first; those that are not there are left out."""
    found, account = [], STORE
    for below in (*(chain or (SHOP,)), None):
        try:
            found.append(await cell.ledger.order(account, order_id))
        except OrderNotFound:
            break
        if below is None or not delegated(found[-1]):
            break
        account = found[-1].seller
        order_id = found[-1].seller_order_id or f"00-{order_id}"
    return found


async def statuses(cell: Cell, order_id: str, *chain: str) -> list[str]:
    return [str(order.status) for order in await levels(cell, order_id, *chain)]
