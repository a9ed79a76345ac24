"""v1 modifications: who could say no is asked before the change is registered.

The caller waits for the answer, so a gateway that says no refuses the change. It is asked under
the order's and the request's id: the same request again asks again, and pays nothing twice. A
seller that has invoiced meanwhile refuses it as well: of an order that others deliver, the change
is registered at the seller first, and then upwards.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from oms_ledger.orders.changes.paying import has_own_payment
from oms_ledger.orders.changes.refusals import (
    ModificationGatewayFailed,
    ModificationPaymentCannotIncrease,
)
from oms_ledger.orders.decisions import Facts
from oms_ledger.orders.decisions.agreeing import hear_registered
from oms_ledger.orders.decisions.changing import Modification, register_change, registered
from oms_ledger.orders.events import ChangeRegistered, OrderEvent
from oms_ledger.orders.gateway import GatewayAway, GatewayRefused
from oms_ledger.orders.levels import delegated, id_below
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import AccountNotFound, Busy, OrderNotFound, Refusal
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
    paid, news = 0, list[OrderEvent]()
    if not registered(order, asked.request_id):
        news = decision(order, await cell.ledger.facts_about(order))
        paid = _increase(order, news)
    if paid:
        await _adjust(cell, order, paid, asked.request_id)

    def decide(latest: Order, facts: Facts) -> list[OrderEvent]:
        if delegated(latest) and news:  # the seller has it: nothing but it can come of it here
            change = _change(news)
            return hear_registered(latest, facts, change=change, paid=change.paid, first=True)
        events = decision(latest, facts)
        if events and _increase(latest, events) != paid:
            assert latest.status is not None
            raise Busy(latest.status)  # it changed while the gateway was asked
        return events

    try:
        if news:
            await _at_the_seller(cell, order, _change(news), cause)
        return await cell.ledger.change(account, order_id, decide, by=by, cause=cause)
    except Refusal:
        if paid:
            await _adjust(cell, order, -paid, f"{asked.request_id}/restore")
        raise


def _change(events: Sequence[OrderEvent]) -> ChangeRegistered:
    return next(event for event in events if isinstance(event, ChangeRegistered))


async def _at_the_seller(
    cell: Cell, order: Order, change: ChangeRegistered, cause: str | None
) -> None:
    """Register it at the levels below, the lowest first; nothing where they are no accounts."""
    if not delegated(order):
        return
    try:
        below = await cell.ledger.order(order.seller, id_below(order))
    except (AccountNotFound, OrderNotFound):
        return
    change = replace(change, paid=())
    await _at_the_seller(cell, below, change, cause)
    heard = partial(hear_registered, change=change, first=True)
    by = f"partner:{order.account}"
    await cell.ledger.change(below.account, below.order_id, heard, by=by, cause=cause)


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
