"""Several streams of Master Data read and written together, all or nothing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.folding import StreamState
from oms_ledger.eventstore.ledger import ATTEMPTS, ConcurrencyError, IdempotentReplay
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.events import MasterDataEvent
from oms_ledger.masterdata.streams import entity_stream

NewEvents = Mapping[str, Sequence[MasterDataEvent]]


class StreamReader:
    """The streams that a decision looked at, each as it was then."""

    def __init__(self, cell: Cell, now: datetime) -> None:
        self._cell = cell
        self.now = now
        self.seen: dict[str, StreamState] = {}

    async def look_at(self, *streams: str) -> None:
        """Read several streams at once, where they were not read before."""
        missing = [stream for stream in streams if stream not in self.seen]
        if missing:
            self.seen |= await self._cell.ledger.latest_of(missing)

    async def state(self, stream: str) -> Any:
        """The state of a stream now; None before its first event."""
        await self.look_at(stream)
        return self.seen[stream].state

    async def entity(self, account: str, name: str) -> Entity:
        """The entity as it is now: one that nobody described is empty."""
        state = await self.state(entity_stream(account, name))
        return state if isinstance(state, Entity) else first(name)


Decide = Callable[[StreamReader], Awaitable[NewEvents]]


async def record(
    cell: Cell, ctx: CommandContext, turn: str, decide: Decide
) -> Mapping[str, int] | None:
    """Decide, and again on what others wrote meanwhile, until it is recorded or refused.

    Callers of one process that name the same turn wait for each other. None when it is recorded.
    A request that was recorded before, under its `Idempotency-Key`, is not recorded again: then
    the versions of the streams that it wrote.
    """
    await cell.ledger.account(ctx.account)
    claim = ctx.claim()
    async with cell.ledger.turns([turn]):
        for _ in range(ATTEMPTS):
            reader = StreamReader(cell, cell.clock.now())
            news = await decide(reader)
            befores = {stream: reader.seen[stream] for stream in news}
            try:
                after = await cell.ledger.append(ctx, befores, news, reader.now, claim=claim)
            except IdempotentReplay as again:
                versions = again.claim.first(again.taken)
                again.claim.done(replayed=True)
                return versions
            if after is not None:
                return None
            for stream in befores:
                cell.ledger.loader.forget(stream)
    raise ConcurrencyError(turn)


async def read_entity(cell: Cell, account: str, name: str) -> Entity:
    """An entity as it is configured now."""
    return await StreamReader(cell, cell.clock.now()).entity(account, name)
