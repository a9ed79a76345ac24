"""Messages to the payment gateway: settle, refund, cancel; what came of each is recorded once.

The gateway is called with the request's own id, so that an answer that was lost (the process died,
the line broke) is asked for again and nothing is done twice.
"""

import asyncio
from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.gateway import GatewayRejected, GatewayUnavailable
from oms_ledger.orders.payments.manual import record_failure, record_outcome
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.services.outbox.outcomes import PermanentFailure, Unanswered
from oms_ledger.services.payments.authorization import requested
from oms_ledger.services.payments.gateways import holder_of
from projections.outbox.messages import StoredMessage

BY = "gateway"


async def carry_out(cell: Cell, message: StoredMessage) -> None:
    """Have the gateway do what an order asked of it, and record its receipt."""
    order = await cell.ledger.order(message.account, message.order_id)
    request = order.money.request(message.key)
    if request is None or request.receipt is not None:
        return
    gateway = await asyncio.to_thread(holder_of, cell, order)
    if gateway is None:
        raise PermanentFailure("the account has no gateway any more that knows this transaction")
    transaction = transaction_of([order])
    record = partial(
        cell.ledger.change,
        CommandContext(message.account, BY, f"request:{request.id}"),
        message.order_id,
    )
    try:
        receipt = await requested(
            gateway, gateway.carry_out, transaction, request.kind, request.value, request.id
        )
    except GatewayUnavailable as away:
        raise Unanswered(str(away), away.after) from away
    except GatewayRejected as refused:
        reason, connector = str(refused), refused.connector
        await record(
            partial(record_failure, asked_as=request.id, reason=reason, connector=connector)
        )
        raise PermanentFailure(reason) from refused
    await record(partial(record_outcome, asked_as=request.id, receipt=receipt))


HANDLERS = {kind.value: carry_out for kind in Kind}
