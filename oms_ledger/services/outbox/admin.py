"""What a person may do about a call that is dead or waits: have it made again, or leave it out."""

from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.outbox.decide import record_resumption, record_skip
from oms_ledger.orders.refusals import OutboxMessageCompleted, OutboxMessageNotFound
from projections.outbox import messages
from projections.outbox.messages import StoredMessage


async def resume(cell: Cell, ctx: CommandContext, outbox_message: str) -> StoredMessage:
    """Have a call made again, at once; the order is no longer in error because of it."""
    message = await known(cell, ctx.account, outbox_message)

    await cell.write(messages.resume, outbox_message, micros(cell.ledger.now()))
    decision = partial(record_resumption, message_id=outbox_message)
    await cell.ledger.change(ctx, message.order_id, decision)
    return await known(cell, ctx.account, outbox_message)


async def skip(
    cell: Cell,
    ctx: CommandContext,
    outbox_message: str,
    *,
    reason: str,
) -> StoredMessage:
    """Leave a call out, for a reason that stays in the order's history."""
    message = await known(cell, ctx.account, outbox_message)

    if (
        not await cell.write(messages.skip, outbox_message, reason, micros(cell.ledger.now()))
        and message.state != messages.SKIPPED
    ):
        raise OutboxMessageCompleted(outbox_message)
    decision = partial(record_skip, message_id=outbox_message, reason=reason)
    await cell.ledger.change(ctx, message.order_id, decision)
    return await known(cell, ctx.account, outbox_message)


async def known(cell: Cell, account: str, outbox_message: str) -> StoredMessage:
    """The account's call; refuses one that is not there."""
    message = await cell.read(messages.get, outbox_message)
    if message is None or message.account != account:
        raise OutboxMessageNotFound(outbox_message)
    return message
