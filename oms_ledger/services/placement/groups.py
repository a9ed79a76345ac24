"""The orders of a purchase, found by its group, its transaction, or one of its payments."""

import asyncio
import json

from oms_ledger.cell import Cell
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    OrderGroupNotFound,
    PaymentNotFound,
    TransactionNotFound,
)


async def orders_of_group(cell: Cell, account: str, group: str) -> list[Order]:
    """In the order of their suffixes; refuses when the account has no such group."""
    ids = await asyncio.to_thread(cell.store.key, account, f"group:{group}")
    if ids is None:
        raise OrderGroupNotFound(group)
    return [await cell.ledger.order(account, order_id) for order_id in json.loads(ids)]


async def orders_of_transaction(cell: Cell, account: str, transaction: str) -> list[Order]:
    """The orders that a transaction pays; `TransactionNotFound` where there is none."""
    group = await _key(cell, account, f"transaction:{transaction}")
    if group is None:
        raise TransactionNotFound(transaction)
    return await orders_of_group(cell, account, group)


async def orders_of_payment(cell: Cell, account: str, payment_id: str) -> list[Order]:
    """Those that share the payment; its id in any case."""
    group = await _key(cell, account, f"payment:{payment_id.upper()}")
    if group is None:
        raise PaymentNotFound(payment_id)
    return await orders_of_group(cell, account, group)


async def siblings(cell: Cell, order: Order) -> list[Order]:
    """The order and the others of its purchase; it alone when it came here without them."""
    try:
        return await orders_of_group(cell, order.account, order.placed.order_group)
    except OrderGroupNotFound:
        return [order]


async def _key(cell: Cell, account: str, key: str) -> str | None:
    value = await asyncio.to_thread(cell.store.key, account, key)
    return None if value is None else value.decode()
