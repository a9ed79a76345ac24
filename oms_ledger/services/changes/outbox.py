"""Carries modification requests on: what the system does alone, and what the gateway is asked.

Each step is an event, and what is recorded already is not done again. The gateway is asked under
the request's own id, and only once that is on record: whoever dies in between asks again and
gets the same answer, and a request that is canceled meanwhile has its payment set back.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from oms_ledger.cell import Cell
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
    GatewayAway,
    GatewayClosed,
    GatewayRefused,
    Receipt,
)
from oms_ledger.orders.payments.transactions import transaction_of
from oms_ledger.services.outbox.outcomes import Failed, TryAgain
from oms_ledger.services.payments.authorization import asked
from oms_ledger.services.payments.gateways import holder_of
from projections.outbox.messages import Owed

BY = "changes"
PAYMENT = "payment"


async def _decided(cell: Cell, owed: Owed, decision: Any, **named: Any) -> Order:
    decision = partial(decision, request_id=owed.body["requestId"], **named)
    return await cell.ledger.change(owed.account, owed.order_id, decision, by=BY, cause=owed.cause)


async def go_on(cell: Cell, owed: Owed) -> None:
    """As far as it goes: to the end, to somebody's agreement, or to an error to be looked at."""
    while True:
        order = await _decided(cell, owed, advance)
        request = known(order, owed.body["requestId"])
        if request is None or request.gave_up or not awaits_payment(order, request):
            return
        await _adjust(cell, owed, order, request)


async def _adjust(cell: Cell, owed: Owed, order: Order, request: ChangeRequest) -> None:
    await _decided(cell, owed, ask_payment)
    try:
        receipt = await _asked(cell, order, request.asked.value, request.payment_request)
    except GatewayAway as away:
        message = f"The payment gateway did not answer: {away}"
        failed = partial(_decided, cell, owed, fail_step, step=PAYMENT, code="OMS503")
        order = await failed(message=message)
        last = known(order, request.id)
        if last is not None and last.in_progress and not last.gave_up:
            raise TryAgain(message, away.after) from away
    except GatewayRefused as refused:
        no = ChangePaymentCannotIncrease if request.asked.value > 0 else ChangeSettled
        message = f"{no().message} {refused}".strip()
        await _decided(
            cell, owed, fail_step, step=PAYMENT, code=no.code, message=message, final=True
        )
    else:
        await _decided(cell, owed, adjust_payment, receipt=receipt.token)


async def _asked(cell: Cell, order: Order, value: int, request_id: str) -> Receipt:
    gateway: Gateway | None = holder_of(cell, order)
    if gateway is None:
        raise GatewayClosed("The account has no gateway any more that knows this transaction")
    return await asked(gateway, gateway.adjust, transaction_of([order]), value, request_id)


async def set_back(cell: Cell, owed: Owed) -> None:
    """Undo the adjustment of a request that was canceled, if it was made at all."""
    order = await cell.ledger.order(owed.account, owed.order_id)
    request = known(order, owed.body["requestId"])
    if request is None or request.ended != CANCELED or request.restored:
        return
    value, name = request.asked.value, request.payment_request
    try:
        if request.paid is None:  # nobody heard the answer: hear it now
            try:
                await _asked(cell, order, value, name)
            except GatewayClosed:
                raise
            except GatewayRefused:
                return
        receipt = await _asked(cell, order, -value, f"{name}/restore")
    except GatewayAway as away:
        raise TryAgain(str(away), away.after) from away
    except GatewayRefused as refused:
        raise Failed(f"The payment could not be set back: {refused}") from refused
    await _decided(cell, owed, restore_payment, receipt=receipt.token)


HANDLERS: dict[str, Callable[[Cell, Owed], Awaitable[None]]] = {ADVANCE: go_on, RESTORE: set_back}
