"""Records what happens to streams, in the order it happens.

Everything that changes a stream takes the same way: load it, decide, append what follows.
When two callers decide at once the slower one decides again on the new state (G6).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from oms_ledger.clock import Clock
from oms_ledger.eventstore import encryption
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.eventstore.decider import Deciders
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.folding import NOTHING, StreamLoader, StreamState
from oms_ledger.eventstore.group_commit import GroupCommit
from oms_ledger.eventstore.idempotency import KeyClaim
from oms_ledger.eventstore.records import (
    Conflict,
    Fill,
    Key,
    Moved,
    Outcome,
    RecordedEvent,
    Write,
    micros,
)
from oms_ledger.eventstore.store import Store
from oms_ledger.eventstore.version_reader import VersionReader
from oms_ledger.plain_text import holds_nul
from oms_ledger.refusal import Refusal

ATTEMPTS = 20

Turn = tuple[str, asyncio.AbstractEventLoop]

Filling = Callable[[str, Any, Any], Fill | None]
"""What is to be written in tables when a stream's state becomes another one; None for nothing."""


class EventHoldsNul(Refusal):
    """A text of an event has a NUL character, which no projection could store in PostgreSQL."""

    text = "A text of {0} has a NUL character: nothing is recorded"


class KeyTaken(Exception):
    """The key of this command is taken: it was done before, and this is what it stood for."""

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self.value = value


class IdempotentReplay(Exception):
    """The request at hand was answered before; what its key stands for."""

    def __init__(self, claim: KeyClaim, taken: bytes) -> None:
        super().__init__(claim.name)
        self.claim, self.taken = claim, taken


class AccountMoved(Exception):
    """Nothing was recorded: another cell hosts the account, or will in a moment."""

    def __str__(self) -> str:
        return f"Another cell hosts the account {self.args[0]}, or will in a moment."


NOT_NOW: tuple[type[Exception], ...] = (AccountMoved, *UNAVAILABLE)
"""Why nothing of an account is recorded just now: what was being done has not failed."""


class ConcurrencyError(Exception):
    """Other writers won a stream too many times in a row: try again later."""


class StreamLedger:
    """Streams of every registered category."""

    def __init__(
        self,
        store: Store,
        encryption: Encryption,
        deciders: Deciders,
        clock: Clock,
        filling: Filling | None = None,
    ) -> None:
        self.store = store
        self.filling = filling
        self.encryption = encryption
        self.deciders = deciders
        self.loader = StreamLoader(store, encryption, deciders)
        self.clock = clock
        self._commit = GroupCommit(store)
        self._versions = VersionReader(store)
        self._turns: WeakValueDictionary[Turn, asyncio.Lock] = WeakValueDictionary()

    def oldest_append(self) -> float:
        """For how many seconds the append that waits longest has waited."""
        return self._commit.oldest()

    def close(self) -> None:
        """Write what waits, take nothing more, and let go of the store."""
        self._commit.close()
        self.store.close()

    @asynccontextmanager
    async def turns(self, streams: Iterable[str]) -> AsyncIterator[None]:
        """Let callers of this event loop that decide about the same streams wait for each other.

        Those of other loops and processes meet at the append, where the slower decides again.
        """
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as held:
            for stream in sorted(set(streams)):
                lock = self._turns.setdefault((stream, loop), asyncio.Lock())
                await held.enter_async_context(lock)
            yield

    async def latest_of(self, streams: Sequence[str]) -> dict[str, StreamState]:
        """Streams as the database has them now; those that are remembered are not read again."""
        versions = await self._versions.versions(streams)
        found, missing = dict.fromkeys(streams, NOTHING), list[str]()
        for stream, version in versions.items():
            known = self.loader.cached(stream)
            if known is not None and known.version == version:
                found[stream] = known
            else:
                missing.append(stream)
        if missing:
            found |= await asyncio.to_thread(self.loader.load_together, missing)
        return found

    async def change_streams(
        self,
        ctx: CommandContext,
        streams: Sequence[str],
        decision: Callable[[Any, Any], Sequence[Any]],
        context: Callable[[datetime], Any],
        *,
        keys: Sequence[Key] = (),
    ) -> dict[str, StreamState]:
        """The same decision about several streams, recorded for all of them or for none.

        `context` is what a decision is given besides the state, at an instant.
        `keys` are taken together with what is recorded; `KeyTaken` when one is not free.
        """
        streams = sorted(set(streams))
        async with self.turns(streams):
            try:
                return await self._decide(ctx, streams, decision, context, keys)
            except IdempotentReplay as again:
                return await self._as_of(again.claim, again.taken)

    async def record(
        self,
        ctx: CommandContext,
        decisions: Mapping[str, Callable[[Any], Sequence[Any]]],
        *,
        fills: Sequence[Fill] = (),
        claim: KeyClaim | None = None,
    ) -> dict[str, Any]:
        """Decide on each stream as it is now, there or not, and record all that follows at once.

        The states by stream. `fills` run in the same transaction, unless nothing is new. With a
        claim of its context, `IdempotentReplay` for a request that was recorded before.
        """
        ctx = ctx.without_idempotency()
        for _ in range(ATTEMPTS):
            states = {s: await asyncio.to_thread(self.loader.load, s) for s in decisions}
            new_events = {s: decide(states[s].state) for s, decide in decisions.items()}
            after: dict[str, StreamState] | None = states
            if any(new_events.values()):
                after = await self.append(
                    ctx, states, new_events, self.clock.now(), claim=claim, fills=fills
                )
            if after is not None:
                return {stream: loaded_state.state for stream, loaded_state in after.items()}
        raise ConcurrencyError(", ".join(decisions))

    async def _decide(
        self,
        ctx: CommandContext,
        streams: Sequence[str],
        decision: Callable[[Any, Any], Sequence[Any]],
        context_at: Callable[[datetime], Any],
        keys: Sequence[Key],
    ) -> dict[str, StreamState]:
        """Decide, and again on what others wrote meanwhile, until it is recorded or refused."""
        claim = ctx.claim()
        for _ in range(ATTEMPTS):
            states = {stream: await self.latest(stream) for stream in streams}
            now = self._time(states)
            context = context_at(now)
            refusal, new_events = None, dict[str, Sequence[Any]]()
            try:
                for stream, loaded_state in states.items():
                    state = loaded_state.state
                    new_events[stream] = self.deciders.of(stream).react(
                        state, decision(state, context), context
                    )
            except Refusal as said_no:
                refusal = said_no
            # Only an append checks the version. A no, or nothing new, may come of an order
            # that another process moved on meanwhile: look before it is answered.
            if (refusal or not any(new_events.values())) and await self._stale(states):
                continue
            if refusal:
                await self._require_new(claim)  # refused, perhaps, because it was done before
                raise refusal
            after = await self.append(ctx, states, new_events, now, keys=keys, claim=claim)
            if after is not None:
                return after
            for stream in streams:
                self.loader.forget(stream)
        raise ConcurrencyError(", ".join(streams))

    async def append(
        self,
        ctx: CommandContext,
        states: Mapping[str, StreamState],
        new_events: Mapping[str, Sequence[Any]],
        now: datetime,
        *,
        keys: Sequence[Key] = (),
        claim: KeyClaim | None = None,
        fills: Sequence[Fill] = (),
    ) -> dict[str, StreamState] | None:
        """Record new events; None when somebody else wrote one of the streams meanwhile.

        `fills` are written in the same transaction, before the tables that the states fill.
        """
        await self._know_data_keys(states, new_events)
        rows: list[RecordedEvent] = []
        data_keys: list[tuple[str, bytes]] = []
        after = dict(states)
        for stream, events in new_events.items():
            for event in events:
                row, after[stream] = self._entry(ctx, stream, after[stream], event, now, data_keys)
                rows.append(row)
        if claim:
            versions = {stream: loaded_state.version for stream, loaded_state in after.items()}
            keys = (claim.key(versions), *keys)
        erased = tuple(
            stream
            for stream, events in new_events.items()
            if (erasing := self.deciders.of(stream).erasing)
            and any(isinstance(event, erasing) for event in events)
        )
        assert rows or not fills, "what is filled goes with an event that says why"
        tables = self._fills(states, after)
        write = Write(tuple(rows), tuple(keys), tuple(data_keys), erased, (*fills, *tables))
        if not await self._written(write, claim, ctx.deadline):
            return None
        for stream in erased:  # what is cached here still shows the person
            self.encryption.forget(stream)
            after[stream] = await asyncio.to_thread(self.loader.load, stream, after[stream].version)
        for stream, loaded_state in after.items():
            self.loader.remember(stream, loaded_state)
        return after

    def _fills(
        self, before: Mapping[str, StreamState], after: Mapping[str, StreamState]
    ) -> list[Fill]:
        if self.filling is None:
            return []
        found = [
            self.filling(stream, before[stream].state, loaded_state.state)
            for stream, loaded_state in after.items()
            if loaded_state is not before[stream]
        ]
        return [fill for fill in found if fill is not None]

    async def latest(self, stream: str) -> StreamState:
        """The state of a stream that has events, as this process knows it."""
        loaded_state = self.loader.cached(stream)
        if loaded_state is None:
            loaded_state = await asyncio.to_thread(self.loader.load, stream)
        if loaded_state.state is None:
            raise self.deciders.of(stream).missing(stream)
        return loaded_state

    async def version(self, stream: str) -> int:
        """The last version of a stream as the database has it now; 0 before its first event."""
        return (await self._versions.versions([stream])).get(stream, 0)

    async def current(self, stream: str) -> StreamState:
        """The state of a stream as the database has it now; loaded only where it moved on."""
        known = self.loader.cached(stream)
        if known is not None and await self.version(stream) == known.version:
            return known
        loaded_state = await asyncio.to_thread(self.loader.load, stream)
        if loaded_state.state is not None:
            self.loader.remember_newer(stream, loaded_state)
        return loaded_state

    async def _require_new(self, claim: KeyClaim | None) -> None:
        if claim is None:
            return
        taken = await asyncio.to_thread(self.store.key, claim.account, claim.name)
        if taken is not None:
            raise IdempotentReplay(claim, taken)

    async def first_answer(self, again: IdempotentReplay) -> dict[str, Any]:
        """The states by stream after the request that came again; another one's is refused."""
        return {s: one.state for s, one in (await self._as_of(again.claim, again.taken)).items()}

    async def _as_of(self, claim: KeyClaim, taken: bytes) -> dict[str, StreamState]:
        """The orders of a first answer, as they were after it."""
        after = {}
        for stream, version in claim.first(taken).items():
            after[stream] = await asyncio.to_thread(self.loader.load, stream, version)
        claim.done(replayed=True)
        return after

    async def _stale(self, states: Mapping[str, StreamState]) -> bool:
        """Whether a stream has moved on since it was loaded; what is cached is forgotten."""
        versions = await self._versions.versions(list(states))
        stale = [
            s for s, loaded_state in states.items() if versions.get(s, 0) != loaded_state.version
        ]
        for stream in stale:
            self.loader.forget(stream)
        return bool(stale)

    def _time(self, states: Mapping[str, StreamState]) -> datetime:
        """Now, but never before what was recorded already: history does not run backwards."""
        instants = [
            self.deciders.of(stream).changed_at(loaded_state.state)
            for stream, loaded_state in states.items()
        ]
        return max([self.clock.now(), *(instant for instant in instants if instant)])

    async def _written(self, write: Write, claim: KeyClaim | None, deadline: float | None) -> bool:
        """Whether the write was made, or has to be decided again.

        A key that was not free raises `KeyTaken`, the caller's own `IdempotentReplay`.
        """
        taken: Key | None = None
        if write.rows:
            outcome = await self._committed(write, deadline)
            if isinstance(outcome, Conflict):
                taken = outcome.key
                if taken is None:
                    return False
        elif claim:
            taken = await asyncio.to_thread(self.store.take_key, write.keys[0])
        if taken and claim and taken.key == claim.name:
            raise IdempotentReplay(claim, taken.value)
        if taken:
            raise KeyTaken(taken.value)
        if claim:
            claim.done()
        return True

    async def _committed(self, write: Write, deadline: float | None) -> int | Conflict:
        outcome: Outcome | None = None
        try:
            outcome = await self._commit.append(write, deadline)
        finally:
            if not isinstance(outcome, int):  # its new keys may not be those that are stored
                for stream, _ in write.data_keys:
                    self.encryption.forget(stream)
        if isinstance(outcome, Moved):
            for row in write.rows:  # whoever hosts it goes on writing
                self.loader.forget(row.stream)
            raise AccountMoved(outcome.account)
        return outcome

    def _entry(
        self,
        ctx: CommandContext,
        stream: str,
        before: StreamState,
        event: Any,
        now: datetime,
        data_keys: list[tuple[str, bytes]],
    ) -> tuple[RecordedEvent, StreamState]:
        decider, types = self.deciders.of(stream), self.deciders.types
        if before.state is not None and decider.erased(before.state):
            event = types.without_person(event)  # nothing new is kept of who was erased
        name, body, personal = types.encode(event)
        if holds_nul(body) or holds_nul(personal):
            raise EventHoldsNul(name)
        version = before.version + 1
        if personal is not None:
            personal = self._encrypted(stream, version, personal, data_keys)
        at = micros(now)
        row = RecordedEvent(
            stream.partition("/")[0],
            stream,
            version,
            name,
            at,
            ctx.actor,
            ctx.cause,
            None,
            None,
            None,
            None,
            body,
            personal,
        )
        state = decider.evolve(before.state, event, row)
        decider.validate(event, state)
        summary = decider.summarize(before.state, state)
        return row._replace(**summary._asdict()) if summary else row, StreamState(state, version)

    async def _know_data_keys(
        self, states: Mapping[str, StreamState], new_events: Mapping[str, Sequence[Any]]
    ) -> None:
        """Have the keys at hand by which personal fields of the events are encrypted."""
        names_person = self.deciders.types.names_person
        missing = [
            stream
            for stream, events in new_events.items()
            if states[stream].version  # a new stream has no key yet
            and any(map(names_person, events))
            and self.encryption.key(stream) is None
        ]
        if missing:
            stored = await asyncio.to_thread(self.store.data_keys, missing)
            for stream, wrapped in stored.items():
                self.encryption.unwrap(stream, wrapped)

    def _encrypted(
        self, stream: str, version: int, personal: bytes, data_keys: list[tuple[str, bytes]]
    ) -> bytes:
        key = self.encryption.key(stream)
        if key is None:  # nor has the database one
            data_keys.append((stream, self.encryption.new_key(stream)))
            key = self.encryption.key(stream)
            assert key is not None
        return encryption.encrypt(key, personal, f"{stream}:{version}")
