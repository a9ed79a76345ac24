"""Increases of v1 changes: on record before a remote gateway is called, and given back in the end.

The gateway is called by the name on record, so that the process after one that died sends the
same again and gets the same answer. What nobody registered in time, or what could not be
registered any more, is abandoned: then a message has the gateway set it back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.changes.outbox import WITHDRAW
from oms_ledger.orders.changes.state import Preparation
from oms_ledger.orders.changes.v1_payment import (
    abandon,
    preparation,
    prepare,
    withdraw,
)
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import (
    Gateway,
    GatewayClosed,
    GatewayRejected,
    GatewayUnavailable,
)
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.services.outbox.outcomes import PermanentFailure, Unanswered
from oms_ledger.services.payments.authorization import requested
from oms_ledger.services.payments.gateways import holder_of
from projections.outbox.messages import StoredMessage

BY = "changes"


def _gateway(cell: Cell, order: Order) -> Gateway:
    gateway = holder_of(cell, order)
    if gateway is None:
        raise GatewayClosed("The account has no gateway any more that knows this transaction")
    return gateway


async def authorize_increase(
    cell: Cell, ctx: CommandContext, order: Order, value: int, request_id: str
) -> str | None:
    """Have the order's own payment pay more; the name of the preparation, where there is one.

    A gateway that holds no money is called without one.
    """
    gateway = await asyncio.to_thread(_gateway, cell, order)
    transaction = transaction_of([order])
    if not gateway.remote:
        name = f"{order.order_id}/{request_id}"
        await requested(gateway, gateway.adjust, transaction, value, name)
        return None
    record = partial(_record, cell, ctx, order.order_id)
    after = await record(partial(prepare, request_id=request_id, value=value))
    known = after.change_prepared
    if known is None or known.requested.request_id != request_id:
        return None  # it was registered meanwhile
    name = known.requested.asked_as
    try:
        await requested(gateway, gateway.adjust, transaction, value, name)
    except GatewayClosed:
        await record(partial(abandon, asked_as=name))
        raise
    except GatewayRejected:
        await record(partial(withdraw, asked_as=name))
        raise
    return name


async def give_up(cell: Cell, ctx: CommandContext, order: Order, name: str) -> None:
    """What was paid cannot be registered any more: a message gives it back."""
    decision = partial(abandon, asked_as=name, paid=True)
    await _record(cell, ctx, order.order_id, decision)


async def _record(cell: Cell, ctx: CommandContext, order_id: str, decision: Decision) -> Order:
    return await cell.ledger.change(ctx.without_idempotency(), order_id, decision)


async def refund(cell: Cell, message: StoredMessage) -> None:
    """Set back at the gateway what was authorized for a change that nobody registers any more."""
    order = await cell.ledger.order(message.account, message.order_id)
    known = preparation(order, message.body["askedAs"])
    if known is None or known.withdrawn:
        return
    try:
        receipt = await _set_back(cell, order, known)
    except GatewayUnavailable as away:
        raise Unanswered(str(away), away.after) from away
    except GatewayRejected as refused:
        raise PermanentFailure(f"The payment could not be set back: {refused}") from refused
    decision = partial(withdraw, asked_as=known.requested.asked_as, receipt=receipt)
    ctx = CommandContext(message.account, BY, message.cause)
    await _record(cell, ctx, message.order_id, decision)


async def _set_back(cell: Cell, order: Order, known: Preparation) -> str | None:
    """The receipt; None when the gateway never took it."""
    gateway = await asyncio.to_thread(_gateway, cell, order)
    transaction = transaction_of([order])
    value, name = known.requested.value, known.requested.asked_as
    if known.abandoned is None or not known.abandoned.paid:  # the answer was lost: ask for it again
        try:
            await requested(gateway, gateway.adjust, transaction, value, name)
        except GatewayClosed:
            raise
        except GatewayRejected:
            return None
    receipt = await requested(gateway, gateway.adjust, transaction, -value, f"{name}/restore")
    return receipt.token


HANDLERS: dict[str, Callable[[Cell, StoredMessage], Awaitable[None]]] = {WITHDRAW: refund}
