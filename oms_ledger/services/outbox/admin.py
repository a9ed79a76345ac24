"""What a person may do about a call that is dead or waits: have it made again, or leave it out."""

import asyncio
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

    def record() -> None:
        with cell.database.writing() as connection:
            messages.resume(connection, outbox_message, micros(cell.ledger.now()))

    await asyncio.to_thread(record)
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

    def record() -> bool:
        with cell.database.writing() as connection:
            return messages.skip(connection, outbox_message, reason, micros(cell.ledger.now()))

    if not await asyncio.to_thread(record) and message.state != messages.SKIPPED:
        raise OutboxMessageCompleted(outbox_message)
    decision = partial(record_skip, message_id=outbox_message, reason=reason)
    await cell.ledger.change(ctx, message.order_id, decision)
    return await known(cell, ctx.account, outbox_message)


async def known(cell: Cell, account: str, outbox_message: str) -> StoredMessage:
    """The account's call; refuses one that is not there."""

    def look() -> StoredMessage | None:
        with cell.database.reading() as connection:
            return messages.get(connection, outbox_message)

    message = await asyncio.to_thread(look)
    if message is None or message.account != account:
        raise OutboxMessageNotFound(outbox_message)
    return message
