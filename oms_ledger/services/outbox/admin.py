"""What a person may do about a call that is dead or waits: have it made again, or leave it out."""

import asyncio
from functools import partial

from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.outbox.decide import tell_resumption, tell_skip
from oms_ledger.orders.refusals import CallNotFound, CallSettled
from projections.outbox import messages as calls
from projections.outbox.messages import Owed


async def resume(cell: Cell, account: str, call: str, *, by: str, cause: str | None = None) -> Owed:
    """Have a call made again, at once; the order is no longer in error because of it."""
    owed = await known(cell, account, call)

    def record() -> None:
        with cell.database.writing() as connection:
            calls.resume(connection, call, micros(cell.ledger.now()))

    await asyncio.to_thread(record)
    decision = partial(tell_resumption, call_id=call)
    await cell.ledger.change(account, owed.order_id, decision, by=by, cause=cause)
    return await known(cell, account, call)


async def skip(
    cell: Cell, account: str, call: str, *, reason: str, by: str, cause: str | None = None
) -> Owed:
    """Leave a call out, for a reason that stays in the order's history."""
    owed = await known(cell, account, call)

    def record() -> bool:
        with cell.database.writing() as connection:
            return calls.skip(connection, call, reason, micros(cell.ledger.now()))

    if not await asyncio.to_thread(record) and owed.state != calls.SKIPPED:
        raise CallSettled(call)
    decision = partial(tell_skip, call_id=call, reason=reason)
    await cell.ledger.change(account, owed.order_id, decision, by=by, cause=cause)
    return await known(cell, account, call)


async def known(cell: Cell, account: str, call: str) -> Owed:
    """The account's call; refuses one that is not there."""

    def look() -> Owed | None:
        with cell.database.reading() as connection:
            return calls.get(connection, call)

    owed = await asyncio.to_thread(look)
    if owed is None or owed.account != account:
        raise CallNotFound(call)
    return owed
