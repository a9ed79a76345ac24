"""v1 modifications: the gateway is asked for more before the change is registered.

The caller waits for the answer, so a gateway that says no refuses the change. It is asked under
the order's and the request's id: the same request again asks again, and pays nothing twice.
"""

from functools import partial

from oms_ledger.orders.changes.paying import has_own_payment
from oms_ledger.orders.changes.refusals import (
    ModificationGatewayFailed,
    ModificationPaymentCannotIncrease,
)
from oms_ledger.orders.decisions import Facts
from oms_ledger.orders.decisions.changing import Modification, register_change, registered
from oms_ledger.orders.events import ChangeRegistered, OrderEvent
from oms_ledger.orders.gateway import GatewayAway, GatewayRefused
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import Busy, Refusal
from oms_ledger.orders.transactions import transaction_of
from oms_ledger.wiring import Cell
from workers.gateways import holder_of
from workers.paying import asked as ask


async def register(
    cell: Cell,
    account: str,
    order_id: str,
    asked: Modification,
    *,
    trust_prices: bool,
    by: str,
    cause: str | None,
) -> Order:
    """Have an increase paid, then register the change; what was paid in vain is given back."""
    order = await cell.ledger.order(account, order_id)
    decision = partial(register_change, asked=asked, trust_prices=trust_prices)
    paid = 0
    if not registered(order, asked.request_id):
        facts = await cell.ledger.facts_about(order)
        paid = _increase(order, decision(order, facts))
    if paid:
        await _adjust(cell, order, paid, asked.request_id)

    def decide(latest: Order, facts: Facts) -> list[OrderEvent]:
        events = decision(latest, facts)
        if events and _increase(latest, events) != paid:
            assert latest.status is not None
            raise Busy(latest.status)  # it changed while the gateway was asked
        return events

    try:
        return await cell.ledger.change(account, order_id, decide, by=by, cause=cause)
    except Refusal:
        if paid:
            await _adjust(cell, order, -paid, f"{asked.request_id}/restore")
        raise


def _increase(order: Order, events: list[OrderEvent]) -> int:
    """What the order's own payment has to pay more, in cents."""
    changes = (event for event in events if isinstance(event, ChangeRegistered))
    return sum(event.increment_value for event in changes) if has_own_payment(order) else 0


async def _adjust(cell: Cell, order: Order, value: int, request_id: str) -> None:
    gateway = holder_of(cell, order)
    if gateway is None:
        raise ModificationGatewayFailed()
    name = f"{order.order_id}/{request_id}"
    try:
        await ask(gateway, gateway.adjust, transaction_of([order]), value, name)
    except GatewayAway as away:
        raise ModificationGatewayFailed() from away
    except GatewayRefused as refused:
        raise ModificationPaymentCannotIncrease() from refused
