"""Carries modification requests on: what the system does alone, and what the gateway has to do.

Each step is an event, and what is recorded already is not done again. The gateway is called under
the request's own id, and only once that is on record: whoever dies in between asks again and
gets the same answer, and a request that is canceled meanwhile has its payment set back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.changes.outbox import ADVANCE, RESTORE
from oms_ledger.orders.changes.refusals import ChangePaymentCannotIncrease, ChangeSettled
from oms_ledger.orders.changes.state import CANCELED, ChangeRequest
from oms_ledger.orders.changes.v2 import (
    adjust_payment,
    advance,
    ask_payment,
    awaits_payment,
    fail_step,
    known,
    restore_payment,
)
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import (
    Gateway,
    GatewayClosed,
    GatewayRejected,
    GatewayUnavailable,
    Receipt,
)
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.services.outbox.outcomes import PermanentFailure, Unanswered
from oms_ledger.services.payments.authorization import requested
from oms_ledger.services.payments.gateways import holder_of
from projections.outbox.messages import StoredMessage

BY = "changes"
PAYMENT = "payment"


async def _decided(cell: Cell, pending: StoredMessage, decision: Any, **named: Any) -> Order:
    decision = partial(decision, request_id=pending.body["requestId"], **named)
    return await cell.ledger.change(
        CommandContext(pending.account, BY, pending.cause), pending.order_id, decision
    )


async def advance_change_request(cell: Cell, pending: StoredMessage) -> None:
    """As far as it goes: to the end, to somebody's agreement, or to an error to be looked at."""
    while True:
        order = await _decided(cell, pending, advance)
        request = known(order, pending.body["requestId"])
        if request is None or request.aborted or not awaits_payment(order, request):
            return
        await _adjust(cell, pending, order, request)


async def _adjust(cell: Cell, pending: StoredMessage, order: Order, request: ChangeRequest) -> None:
    await _decided(cell, pending, ask_payment)
    try:
        receipt = await _requested(cell, order, request.requested.value, request.payment_request)
    except GatewayUnavailable as away:
        message = f"The payment gateway did not answer: {away}"
        failed = partial(_decided, cell, pending, fail_step, step=PAYMENT, code="OMS503")
        order = await failed(message=message)
        last = known(order, request.id)
        if last is not None and last.in_progress and not last.aborted:
            raise Unanswered(message, away.after) from away
    except GatewayRejected as refused:
        no = ChangePaymentCannotIncrease if request.requested.value > 0 else ChangeSettled
        message = f"{no().message} {refused}".strip()
        await _decided(
            cell, pending, fail_step, step=PAYMENT, code=no.code, message=message, final=True
        )
    else:
        await _decided(cell, pending, adjust_payment, receipt=receipt.token)


async def _requested(cell: Cell, order: Order, value: int, request_id: str) -> Receipt:
    gateway: Gateway | None = await asyncio.to_thread(holder_of, cell, order)
    if gateway is None:
        raise GatewayClosed("The account has no gateway any more that knows this transaction")
    return await requested(gateway, gateway.adjust, transaction_of([order]), value, request_id)


async def revert_change(cell: Cell, pending: StoredMessage) -> None:
    """Undo the adjustment of a request that was canceled, if it was made at all."""
    order = await cell.ledger.order(pending.account, pending.order_id)
    request = known(order, pending.body["requestId"])
    if request is None or request.ended != CANCELED or request.restored:
        return
    value, name = request.requested.value, request.payment_request
    try:
        if request.paid is None:  # the answer was lost: ask for it again
            try:
                await _requested(cell, order, value, name)
            except GatewayClosed:
                raise
            except GatewayRejected:
                return
        receipt = await _requested(cell, order, -value, f"{name}/restore")
    except GatewayUnavailable as away:
        raise Unanswered(str(away), away.after) from away
    except GatewayRejected as refused:
        raise PermanentFailure(f"The payment could not be set back: {refused}") from refused
    await _decided(cell, pending, restore_payment, receipt=receipt.token)


HANDLERS: dict[str, Callable[[Cell, StoredMessage], Awaitable[None]]] = {
    ADVANCE: advance_change_request,
    RESTORE: revert_change,
}
