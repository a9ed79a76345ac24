"""How messages of orders are sent: by the handler of their kind, whose end the order remembers.

A handler carries a message out and records what came of it on the order that sent it; by the
order's state and the message's key it changes nothing the second time. So whoever dies between the
effect, the record on the order and the record of the message costs a repetition, never more.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.outbox.decide import record_failure_for_good, record_resumption
from oms_ledger.services.changes import (
    agreements,
    external_agreements,
    outbox,
    v1_payment,
)
from oms_ledger.services.marketplace import outbox as marketplace_outbox
from oms_ledger.services.outbox.outcomes import (
    Delivered,
    Outcome,
    PermanentFailure,
    RetryLater,
)
from oms_ledger.services.payments import outbox as payments_outbox
from oms_ledger.services.policies import evaluation as policies
from projections.outbox.messages import StoredMessage

Handler = Callable[[Cell, StoredMessage], Awaitable[Delivered | None]]

# By kind of message; each topic files its own.
HANDLERS: dict[str, Handler] = {
    **payments_outbox.HANDLERS,
    **marketplace_outbox.HANDLERS,
    **agreements.HANDLERS,
    **outbox.HANDLERS,
    **v1_payment.HANDLERS,
    **external_agreements.HANDLERS,
    **policies.HANDLERS,
}


async def send(cell: Cell, message: StoredMessage) -> Outcome:
    """Deliver a message by its handler, which returns, or raises what kept it from that.

    One that has more to say of the delivery returns it.
    """
    handler = HANDLERS.get(message.kind)
    if handler is None:
        return PermanentFailure(f"this release has no handler for {message.kind}", answered=None)
    try:
        return await handler(cell, message) or Delivered()
    except (RetryLater, PermanentFailure) as outcome:
        return outcome


async def conclude(cell: Cell, message: StoredMessage, outcome: Outcome) -> None:
    """Have the order say that a person has to look, or need not any more."""
    if isinstance(outcome, PermanentFailure) or (
        isinstance(outcome, RetryLater) and outcome.needs_person
    ):
        decision: Decision = partial(
            record_failure_for_good,
            message_id=message.id,
            recipient=message.recipient,
            kind=message.kind,
            why=str(outcome)[:2000],
        )
    elif isinstance(outcome, Delivered):
        decision = partial(record_resumption, message_id=message.id)
    else:
        return
    await cell.ledger.change(
        CommandContext(message.account, f"call:{message.kind}", message.cause),
        message.order_id,
        decision,
    )
