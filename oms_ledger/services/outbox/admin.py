"""What a person may do about a message that waits or is dead: send it again, or leave it out."""

from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.outbox.decide import record_resumption, record_skip
from oms_ledger.orders.refusals import OutboxMessageCompleted, OutboxMessageNotFound
from projections.outbox import messages
from projections.outbox.messages import SHOWN, StoredMessage


async def resume(
    cell: Cell,
    ctx: CommandContext,
    message_id: str,
) -> StoredMessage:
    """Have a message sent again, at once; its order is no longer in error because of it."""
    message = await known(cell, ctx.account, message_id)

    await cell.write(messages.resume, message, cell.clock.micros())
    await cell.write(messages.close_circuit, message)
    if message.order_id:
        decision = partial(record_resumption, message_id=message_id)
        await cell.ledger.change(ctx, message.order_id, decision)
    return await known(cell, ctx.account, message_id)


async def skip(
    cell: Cell,
    ctx: CommandContext,
    message_id: str,
    *,
    reason: str,
) -> StoredMessage:
    """Leave a message out, for a reason that stays in the order's history."""
    message = await known(cell, ctx.account, message_id)

    skipped = await cell.write(messages.skip, message_id, reason, cell.clock.micros())
    if not skipped and message.state != messages.SKIPPED:
        raise OutboxMessageCompleted(message_id)
    decision = partial(record_skip, message_id=message_id, reason=reason)
    await cell.ledger.change(ctx, message.order_id, decision)
    return await known(cell, ctx.account, message_id)


async def known(
    cell: Cell,
    account: str,
    message_id: str,
) -> StoredMessage:
    """The account's message of a channel that is shown; refuses one that is not there."""

    message = await cell.read(messages.get, message_id)
    if message is None or message.account != account or message.channel not in SHOWN:
        raise OutboxMessageNotFound(message_id)
    return message
