"""v1 modifications: whoever could say no decides before the change is registered.

The caller waits for the answer, so a gateway that says no refuses the change. It is called under
the order's and the request's id: the same request again asks again, and pays nothing twice. The
request is on record before (`prepared_changes`), so that money which nobody registers goes
back. A seller that has invoiced meanwhile refuses it as well: of an order that others deliver,
the change is registered at the seller first, and then upwards. An outsider that sold the order
decides before anybody else.
"""

from collections.abc import Sequence
from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.changes.agreements import record_registered_change
from oms_ledger.orders.changes.payments import has_own_payment
from oms_ledger.orders.changes.refusals import (
    ModificationGatewayFailed,
    ModificationPaymentCannotIncrease,
)
from oms_ledger.orders.changes.v1 import Modification, register_change, registered
from oms_ledger.orders.changes.v1_payment import require_prepared
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.events import ChangeRegistered, OrderEvent
from oms_ledger.orders.marketplace.levels import delegated
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import GatewayClosed, GatewayRejected, GatewayUnavailable
from oms_ledger.orders.refusals import Busy
from oms_ledger.refusal import Refusal
from oms_ledger.services.changes.levels import register_at_seller, require_approval
from oms_ledger.services.changes.v1_payment import authorize_increase, give_up


async def register(
    cell: Cell,
    ctx: CommandContext,
    order_id: str,
    requested: Modification,
    *,
    trust_prices: bool,
) -> Order:
    """Have an increase paid, then register the change; what was paid in vain is given back."""
    order = await cell.ledger.order(ctx.account, order_id)
    decision = partial(register_change, requested=requested, trust_prices=trust_prices)
    paid, news, prepared = 0, list[OrderEvent](), None
    if not registered(order, requested.request_id):
        news = decision(order, await cell.ledger.decision_context(order))
        paid = _increase(order, news)
    await require_approval(cell, order, news)
    if paid:
        prepared = await _paid(cell, ctx, order, paid, requested.request_id)

    def decide(latest: Order, context: DecisionContext) -> list[OrderEvent]:
        if registered(latest, requested.request_id):
            return []
        require_prepared(latest, prepared)
        if delegated(latest) and news:  # the seller has it: nothing but it can come of it here
            change = _change(news)
            return record_registered_change(
                latest, context, change=change, paid=change.paid, first=True
            )
        events = decision(latest, context)
        if events and _increase(latest, events) != paid:
            assert latest.status is not None
            raise Busy(latest.status)  # it changed while the gateway answered
        return events

    try:
        if news:
            await register_at_seller(cell, ctx, order, _change(news))
        return await cell.ledger.change(ctx, order_id, decide)
    except Refusal:
        if prepared is not None:
            await give_up(cell, ctx, order, prepared)
        raise


def _change(events: Sequence[OrderEvent]) -> ChangeRegistered:
    return next(event for event in events if isinstance(event, ChangeRegistered))


def _increase(order: Order, events: list[OrderEvent]) -> int:
    """What the order's own payment has to pay more, in cents."""
    changes = (event for event in events if isinstance(event, ChangeRegistered))
    return sum(event.increment_value for event in changes) if has_own_payment(order) else 0


async def _paid(
    cell: Cell, ctx: CommandContext, order: Order, value: int, request_id: str
) -> str | None:
    try:
        return await authorize_increase(cell, ctx, order, value, request_id)
    except (GatewayUnavailable, GatewayClosed) as away:
        raise ModificationGatewayFailed() from away
    except GatewayRejected as refused:
        raise ModificationPaymentCannotIncrease() from refused
