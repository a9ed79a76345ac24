"""What a person may do about a feed or a hook: replay it, requeue dead letters, resume its filter.

The API and the command line come here alike. Each is an event of the account, with who did it.
"""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection

from oms_ledger.accounts.events import (
    AccountEvent,
    DeadLettersRequeued,
    FilterResumed,
    SubscriptionReplayed,
)
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import Fill
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from oms_ledger.services.subscriptions.replaying import ReplayArguments
from projections.subscriptions import checkpoints, pauses, presentation, replay
from projections.subscriptions.kinds import SubscriptionKind
from projections.subscriptions.replay import Replay
from projections.subscriptions.sink import SubscriptionSink


async def _record(cell: Cell, ctx: CommandContext, event: AccountEvent, *fills: Fill) -> None:
    await cell.ledger.configure(ctx, lambda _: [event], fills=fills)


async def rewind(
    cell: Cell, ctx: CommandContext, kind: SubscriptionKind, app_key: str, since: int
) -> tuple[Replay, str]:
    """Put a key's subscription back; what its filter passes from there on is produced again.

    The event, the new place and the job that follows the replay are one transaction. Answers what
    is replayed, and the job's id.
    """
    subscription, job_id = kind.subscription_of(app_key), runner.new_id()
    stands = await cell.read(checkpoints.position, subscription)
    since = max(0, min(since, stands or 0))
    done: list[Replay] = []

    def put_back(connection: Connection) -> None:
        rewound = replay.rewind(connection, subscription, since)
        assert rewound is not None, "who has a key's sink has its subscription"
        done.append(rewound)
        arguments = ReplayArguments(
            subscription=subscription, since=rewound.since, until=rewound.until
        )
        runner.writer(cell, ctx, KINDS["replay"], arguments, job_id=job_id)(connection)

    await _record(cell, ctx, SubscriptionReplayed(app_key, kind.name, since), put_back)
    return done[-1], job_id


async def replay_order(
    cell: Cell,
    ctx: CommandContext,
    kind: SubscriptionKind,
    sink: SubscriptionSink,
    app_key: str,
    order_id: str,
    since: int,
) -> int:
    """Produce one order's notifications again; how many passed the filter."""
    count = await asyncio.to_thread(
        replay.replay_order, cell.database, cell.loader(), sink, order_id, since
    )
    if count is None:
        raise OrderNotFound()
    await _record(cell, ctx, SubscriptionReplayed(app_key, kind.name, since, order_id))
    return count


async def requeue(
    cell: Cell,
    ctx: CommandContext,
    kind: SubscriptionKind,
    app_key: str,
    positions: Sequence[int] | None,
    order_id: str | None = None,
) -> int:
    """Put dead letters back among what is waiting: these, an order's, or all; how many."""
    count = await asyncio.to_thread(
        presentation.requeue, cell.database, kind, app_key, positions, order_id
    )
    await _record(cell, ctx, DeadLettersRequeued(app_key, kind.name, count))
    return count


async def resume_filter(
    cell: Cell, ctx: CommandContext, kind: SubscriptionKind, app_key: str
) -> bool:
    """Let a paused filter go on, with the event after the one that it failed on.

    False, and no event, when it was not paused.
    """
    subscription = kind.subscription_of(app_key)

    def resume(connection: Connection) -> None:
        pauses.resume(connection, subscription)

    if await cell.read(pauses.get, subscription) is None:
        return False
    await _record(cell, ctx, FilterResumed(app_key, kind.name), resume)
    return True
