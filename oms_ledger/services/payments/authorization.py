"""Call the gateway for a purchase: send its payments on, request its authorization.

A gateway is called outside of any decision, under a request id, and what it answers is decided on
afterwards. A remote one is called only once that is on record, so that money it may hold is never
forgotten: when the answer is lost, the placement expires, and what it authorized is released.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from oms_ledger.carts.cart import filling_key
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.http_client.sessions import EXCHANGES
from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import (
    PaymentsChanged,
    announce_authorization,
    attempt_of,
    open_transaction,
    record_authorization,
    require_in_time,
    require_sent,
    send_payments,
)
from oms_ledger.orders.payments.gateway import (
    AuthorizationResult,
    Gateway,
    GatewayRejected,
    Transaction,
)
from oms_ledger.orders.payments.submission import payments_sent
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.orders.refusals import OrderAlreadyBought
from oms_ledger.services.payments.gateways import gateway_of, holder_of

ATTEMPTS = 5
T = TypeVar("T")


def _gateway(cell: Cell, order: Order) -> Gateway:
    """The gateway that knows the order's transaction, else the one of new purchases."""
    if order.money.gateway_id is None:
        return gateway_of(cell, order.account)
    holder = holder_of(cell, order)
    if holder is None:
        raise GatewayRejected("the account has no gateway any more that knows this transaction")
    return holder


async def requested(gateway: Gateway, question: Callable[..., T], *arguments: Any) -> T:
    """Ask beside the event loop what may take a while."""
    if gateway.remote:
        return await asyncio.get_running_loop().run_in_executor(EXCHANGES, question, *arguments)
    return question(*arguments)


async def send(cell: Cell, ctx: CommandContext, orders: Sequence[Order], body: Any) -> None:
    """Take the payments of a transaction as a client sent them; nothing new once processed."""
    if all(order.status is not None for order in orders):
        return
    ids = [order.order_id for order in orders]
    require_in_time(orders[0], cell.clock.now())
    payments = payments_sent(body, orders)
    gateway = await asyncio.to_thread(_gateway, cell, orders[0])
    if gateway.remote:
        after = [replace(order, payments=payments[order.order_id]) for order in orders]
        transaction = await known(cell, ctx, gateway, after)
        sent = body if isinstance(body, list) else [body]
        await requested(gateway, gateway.send, transaction, sent)

    def decide(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
        return send_payments(order, context, payments=payments[order.order_id])

    keys = await _new_keys(cell, orders[0], payments[ids[0]])
    await cell.ledger.change_together(ctx, ids, decide, keys=keys)


async def _new_keys(cell: Cell, order: Order, payments: Sequence[events.Payment]) -> list[Key]:
    """Further payments than were placed can be found by their ids, too."""
    placed = {payment.id for payment in order.placed.payments}
    group = order.placed.order_group.encode()
    keys = [
        Key(order.account, f"payment:{payment.id}", group)
        for payment in payments
        if payment.id not in placed
    ]
    return [
        key for key in keys if await asyncio.to_thread(cell.store.key, key.account, key.key) is None
    ]


async def known(
    cell: Cell, ctx: CommandContext, gateway: Gateway, orders: Sequence[Order]
) -> Transaction:
    """The transaction, once a remote gateway knows of it; its own id of it is kept."""
    transaction = transaction_of(orders)
    if not gateway.remote or transaction.gateway_id is not None:
        return transaction
    gateway_id = await requested(gateway, gateway.open, transaction)
    if gateway_id is None:
        return transaction
    ids = [order.order_id for order in orders]
    decision = partial(open_transaction, gateway_id=gateway_id)
    await cell.ledger.change_together(ctx, ids, decision)
    return replace(transaction, gateway_id=gateway_id)


def purchase_keys(order: Order) -> Sequence[Key]:
    """What a purchase from a cart takes when it is processed: the cart's filling, for itself."""
    filling = order.placed.filling
    if filling is None:
        return ()
    return (Key(order.account, filling_key(filling), order.placed.order_group.encode()),)


def _require_only_purchase(cell: Cell, order: Order) -> None:
    """Refuse a purchase of what was bought already, in another group of the same cart."""
    for key in purchase_keys(order):
        taken = cell.store.key(key.account, key.key)
        if taken is not None and taken != key.value:
            raise OrderAlreadyBought(order.order_id)


async def process(
    cell: Cell, ctx: CommandContext, orders: Sequence[Order], *, begin: bool = True
) -> AuthorizationResult | None:
    """Have the payments authorized and decide on the answer; None when it was done before.

    Unless given not to `begin`, the orders get their workflow. Answers the result: a denial,
    which is recorded, or that the shopper must go elsewhere, which is not.
    """
    account, ids = orders[0].account, [order.order_id for order in orders]
    gateway = await asyncio.to_thread(_gateway, cell, orders[0])
    await asyncio.to_thread(_require_only_purchase, cell, orders[0])
    for _ in range(ATTEMPTS):
        if all(order.status is not None for order in orders):
            return None
        require_in_time(orders[0], cell.clock.now())
        require_sent(orders[0])
        attempt = attempt_of(orders[0])
        if gateway.remote:
            announce = partial(announce_authorization, attempt=attempt)
            orders = await cell.ledger.change_together(ctx, ids, announce)
            await known(cell, ctx, gateway, orders)
            orders = [await cell.ledger.order(account, order_id) for order_id in ids]
        transaction = transaction_of(orders, unapproved=True)
        result = await requested(gateway, gateway.authorize, transaction, attempt)
        if result.must_go_elsewhere and not result.denied:
            return result
        decision = partial(record_authorization, result=result, begin=begin)
        keys = () if result.denied or not begin else purchase_keys(orders[0])
        try:
            await cell.ledger.change_together(ctx, ids, decision, keys=keys)
        except KeyTaken:
            await asyncio.to_thread(_require_only_purchase, cell, orders[0])
            return None
        except PaymentsChanged:
            orders = [await cell.ledger.order(account, order_id) for order_id in ids]
            continue
        return result
    raise PaymentsChanged(orders[0].placed.order_group)
