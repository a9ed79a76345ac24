"""Records what happened to every order, in the order it happened.

Everything that changes an order takes the same way: load it, decide, append what follows.
When two callers decide at once the slower one decides again on the new state (G6).
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import cast
from weakref import WeakValueDictionary

import orjson
import structlog

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.eventstore import encryption, idempotency, serialization
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.folding import (
    NOTHING,
    StreamLoader,
    StreamState,
    apply_event,
)
from oms_ledger.eventstore.group_commit import GroupCommit
from oms_ledger.eventstore.idempotency import KeyClaim
from oms_ledger.eventstore.records import (
    Conflict,
    Key,
    RecordedEvent,
    Write,
    micros,
    order_stream,
)
from oms_ledger.eventstore.store import Store
from oms_ledger.masterdata.events import DocumentDeleted
from oms_ledger.orders.decide import Decision, DecisionContext
from oms_ledger.orders.documents import filter_document, list_row, oms_document
from oms_ledger.orders.events import (
    ChangeApplied,
    ChangeRegistered,
    Event,
    InvoiceCompleted,
    InvoiceIssued,
    OrderImported,
    OrderPlaced,
    PaymentsSubmitted,
    PersonErased,
)
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.reactions import with_payment_requests
from oms_ledger.orders.refusals import InvalidEventContent, OrderNotFound
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal

log = structlog.get_logger(__name__)

ATTEMPTS = 20
_AS_SELLER = "00-"
_ACCOUNT_FRESH = 1.0  # seconds that another process's change of settings may take to be seen


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


class ConcurrencyError(Exception):
    """Other writers won the order too many times in a row: try again later."""


class Ledger:
    def __init__(
        self,
        store: Store,
        encryption: Encryption,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_receipt: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.store = store
        self.encryption = encryption
        self.loader = StreamLoader(store, encryption)
        self.now = now
        self.new_receipt = new_receipt
        self._commit = GroupCommit(store)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._account_seen: dict[str, float] = {}

    def close(self) -> None:
        self._commit.close()
        self.store.close()

    # Orders

    async def order(self, account: str, order_id: str) -> Order:
        """The order as it stands in the database now."""
        order_id = await self.order_id_of(account, order_id)
        loaded_state = await asyncio.to_thread(self.loader.load, order_stream(account, order_id))
        if not isinstance(loaded_state.state, Order):
            raise OrderNotFound()
        return loaded_state.state

    async def order_id_of(self, account: str, named: str) -> str:
        """The id of an order that may be named as its seller knows it: `00-{orderId}`.

        Orders that were placed by another account have such ids themselves.
        """
        if not named.startswith(_AS_SELLER):
            return named
        stream = order_stream(account, named)
        loaded_state = self.loader.cached(stream)
        if loaded_state is None:
            loaded_state = await asyncio.to_thread(self.loader.load, stream)
        return named if loaded_state.state is not None else named.removeprefix(_AS_SELLER)

    async def change(
        self,
        account: str,
        order_id: str,
        decision: Decision,
        *,
        actor: str,
        cause: str | None = None,
    ) -> Order:
        """Decide on the latest state of an order and record what follows."""
        orders = await self.change_together(account, [order_id], decision, actor=actor, cause=cause)
        return orders[0]

    async def change_together(
        self,
        account: str,
        order_ids: Sequence[str],
        decision: Decision,
        *,
        actor: str,
        cause: str | None = None,
        keys: Sequence[Key] = (),
    ) -> list[Order]:
        """The same decision about several orders, recorded for all of them or for none.

        `keys` are taken together with what is recorded; `Taken` when one is not free.
        """
        settings = await self.account(account)
        named = [
            order_stream(account, await self.order_id_of(account, order_id))
            for order_id in order_ids
        ]
        streams = sorted(set(named))
        async with AsyncExitStack() as held:
            for stream in streams:
                await held.enter_async_context(self._turns.setdefault(stream, asyncio.Lock()))
            try:
                after = await self._decide(account, streams, decision, settings, actor, cause, keys)
            except IdempotentReplay as again:
                after = await self._as_of(again.claim, again.taken)
        return [cast(Order, after[stream].state) for stream in named]

    async def _decide(
        self,
        account: str,
        streams: Sequence[str],
        decision: Decision,
        settings: Account,
        actor: str,
        cause: str | None,
        keys: Sequence[Key],
    ) -> dict[str, StreamState]:
        """Decide, and again on what others wrote meanwhile, until it is recorded or refused."""
        claim = idempotency.claim(account, actor)
        for _ in range(ATTEMPTS):
            states = {stream: await self._latest(stream) for stream in streams}
            context = self._context(settings, self._time(states.values()))
            refusal, new_events = None, dict[str, Sequence[Event]]()
            try:
                for stream, loaded_state in states.items():
                    order = cast(Order, loaded_state.state)
                    new_events[stream] = with_payment_requests(
                        order, decision(order, context), context
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
            now = context.now
            after = await self._append(account, states, new_events, now, actor, cause, keys, claim)
            if after is not None:
                return after
            for stream in streams:
                self.loader.forget(stream)
        raise ConcurrencyError(", ".join(streams))

    async def decision_context(self, order: Order) -> DecisionContext:
        """What a decision about the order would be given now."""
        account = await self.account(order.account)
        return self._context(account, max(self.now(), order.changed_at))

    async def place(
        self,
        account: str,
        placed: Mapping[str, OrderPlaced | OrderImported],
        *,
        actor: str,
        keys: Sequence[Key] = (),
        cause: str | None = None,
        then: Decision | None = None,
    ) -> dict[str, Order]:
        """Record new orders together with the keys they take; `Taken` when one is not free.

        `then` is decided about each of them, and recorded in the same transaction.
        """
        now, claim = self.now(), idempotency.claim(account, actor)
        context = self._context(await self.account(account), now)
        states = {order_stream(account, order_id): NOTHING for order_id in placed}
        new_events: dict[str, Sequence[Event]] = {
            order_stream(account, order_id): [
                event,
                *(then(evolve(None, event, now, order_id, account), context) if then else ()),
            ]
            for order_id, event in placed.items()
        }
        try:
            after = await self._append(account, states, new_events, now, actor, cause, keys, claim)
        except IdempotentReplay as again:
            after = await self._as_of(again.claim, again.taken)
        if after is None:
            raise KeyTaken(b"")
        orders = [cast(Order, loaded_state.state) for loaded_state in after.values()]
        return {order.order_id: order for order in orders}

    async def repeated(self, account: str, *, actor: str) -> list[Order] | None:
        """The orders of the first answer, when the request at hand was answered before."""
        try:
            await self._require_new(idempotency.claim(account, actor))
        except IdempotentReplay as again:
            after = await self._as_of(again.claim, again.taken)
            return [cast(Order, loaded_state.state) for loaded_state in after.values()]
        return None

    async def _require_new(self, claim: KeyClaim | None) -> None:
        if claim is None:
            return
        taken = await asyncio.to_thread(self.store.key, claim.account, claim.name)
        if taken is not None:
            raise IdempotentReplay(claim, taken)

    async def _as_of(self, claim: KeyClaim, taken: bytes) -> dict[str, StreamState]:
        """The orders of a first answer, as they were after it."""
        after = {}
        for stream, version in claim.first(taken).items():
            after[stream] = await asyncio.to_thread(self.loader.load, stream, version)
        claim.done(replayed=True)
        return after

    def _context(self, account: Account, now: datetime) -> DecisionContext:
        return DecisionContext(
            now,
            self.new_receipt(),
            account.grace_period,
            account.payment_expiry,
            account.seller_window,
            bool(account.setting("buying_policies")),
        )

    # Accounts

    async def account(self, name: str) -> Account:
        """The account and its settings, at most a second old."""
        stream = order_stream(name, "")
        loop_time = asyncio.get_running_loop().time()
        loaded_state = self.loader.cached(stream)
        if loaded_state is None or self._account_seen.get(name, 0) + _ACCOUNT_FRESH < loop_time:
            loaded_state = await asyncio.to_thread(self.loader.load, stream)
            if not isinstance(loaded_state.state, Account):
                raise AccountNotFound(name)
            self.loader.remember(stream, loaded_state)
            self._account_seen[name] = loop_time
        return cast(Account, loaded_state.state)

    async def change_account(
        self, name: str, decide: Callable[[Account | None], list[AccountEvent]], *, actor: str
    ) -> Account:
        stream = order_stream(name, "")
        for _ in range(ATTEMPTS):
            before = await asyncio.to_thread(self.loader.load, stream)
            new_events = {stream: decide(cast(Account | None, before.state))}
            after = await self._append(name, {stream: before}, new_events, self.now(), actor, None)
            if after is not None:
                return cast(Account, after[stream].state)
        raise ConcurrencyError(name)

    # The way down

    async def _latest(self, stream: str) -> StreamState:
        loaded_state = self.loader.cached(stream)
        if loaded_state is None:
            loaded_state = await asyncio.to_thread(self.loader.load, stream)
        if loaded_state.state is None:
            raise OrderNotFound()
        return loaded_state

    async def _stale(self, states: Mapping[str, StreamState]) -> bool:
        """Whether a stream has moved on since it was folded; what was remembered is forgotten."""
        versions = await asyncio.to_thread(self.store.versions, list(states))
        stale = [
            s for s, loaded_state in states.items() if versions.get(s, 0) != loaded_state.version
        ]
        for stream in stale:
            self.loader.forget(stream)
        return bool(stale)

    def _time(self, states: object) -> datetime:
        """Now, but never before what was recorded already: history does not run backwards."""
        now = self.now()
        states = [
            f.state for f in cast(Sequence[StreamState], states) if isinstance(f.state, Order)
        ]
        return max([now, *(order.changed_at for order in states if not order.imported)])

    async def _append(
        self,
        account: str,
        states: Mapping[str, StreamState],
        new_events: Mapping[str, Sequence[Event]],
        now: datetime,
        actor: str,
        cause: str | None,
        keys: Sequence[Key] = (),
        claim: KeyClaim | None = None,
    ) -> dict[str, StreamState] | None:
        """Record the news; None when somebody else wrote one of the streams meanwhile."""
        rows: list[RecordedEvent] = []
        data_keys: list[tuple[str, bytes]] = []
        after = dict(states)
        for stream, events in new_events.items():
            for event in events:
                row, after[stream] = self._entry(
                    account, stream, after[stream], event, now, actor, cause, data_keys
                )
                rows.append(row)
        if claim:
            versions = {stream: loaded_state.version for stream, loaded_state in after.items()}
            keys = (claim.key(versions), *keys)
        erased = tuple(
            stream
            for stream, events in new_events.items()
            if any(isinstance(event, PersonErased | DocumentDeleted) for event in events)
        )
        write = Write(tuple(rows), tuple(keys), tuple(data_keys), erased)
        if not await self._written(write, claim):
            return None
        for stream in erased:  # what was folded here still shows the person
            self.encryption.forget(stream)
            after[stream] = await asyncio.to_thread(self.loader.load, stream, after[stream].version)
        for stream, loaded_state in after.items():
            self.loader.remember(stream, loaded_state)
        return after

    async def _written(self, write: Write, claim: KeyClaim | None) -> bool:
        """Whether the write was made; `Taken` or `Repeated` when one of its keys was not free."""
        taken: Key | None = None
        if write.rows:
            outcome = await self._commit.append(write)
            if isinstance(outcome, Conflict):
                for stream, _ in write.data_keys:
                    self.encryption.forget(stream)
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

    def _entry(
        self,
        account: str,
        stream: str,
        before: StreamState,
        event: Event,
        now: datetime,
        actor: str,
        cause: str | None,
        data_keys: list[tuple[str, bytes]],
    ) -> tuple[RecordedEvent, StreamState]:
        if isinstance(before.state, Order) and before.state.erased_at:
            event = serialization.without_person(event)  # nothing new is kept of who was erased
        name, body, personal = serialization.encode(event)
        version = before.version + 1
        if personal is not None:
            personal = self._encrypted(stream, version, personal, data_keys)
        at = micros(now)
        row = RecordedEvent(
            account, stream, version, name, at, actor, cause, None, None, None, None, body, personal
        )
        after = apply_event(before, row, event)
        if isinstance(after.state, Order):
            if isinstance(event, _FROM_OUTSIDE):
                require_renderable(event, after.state)
            order_before = before.state if isinstance(before.state, Order) else None
            moved = order_before.moved_at if order_before else None
            row = row._replace(
                status_before=_text(order_before.status) if order_before else None,
                status=_text(after.state.status),
                domain=after.state.domain,
                moved_before_at=micros(moved) if moved else None,
            )
        return row, after

    def _encrypted(
        self, stream: str, version: int, personal: bytes, data_keys: list[tuple[str, bytes]]
    ) -> bytes:
        key = self.encryption.key(stream)
        if key is None:
            first = version == 1  # of a stream that has no key yet
            stored = None if first else self.store.data_keys([stream]).get(stream)
            if stored is None:
                data_keys.append((stream, self.encryption.new_key(stream)))
            else:
                self.encryption.unwrap(stream, stored)
            key = self.encryption.key(stream)
            assert key is not None
        return encryption.encrypt(key, personal, f"{stream}:{version}")


# Events that carry parts of a document as a client sent them.
_FROM_OUTSIDE = (
    ChangeRegistered,
    ChangeApplied,
    OrderPlaced,
    OrderImported,
    PaymentsSubmitted,
    InvoiceIssued,
    InvoiceCompleted,
)


def require_renderable(event: Event, order: Order) -> None:
    """Refuse what is stored for good but could not be decoded again: events stay for ever.

    What can be decoded and not shown is a fault of ours: it is logged, and nothing is stored.
    """
    try:
        serialization.decode(*serialization.encode(event))
    except (ValueError, TypeError) as error:
        raise InvalidEventContent(error) from None
    try:
        for document in (oms_document(order), filter_document(order), list_row(order)):
            orjson.dumps(document)
    except Exception:
        log.exception("event_not_renderable", order=order.order_id, event=type(event).__name__)
        raise


def _text(status: Status | None) -> str | None:
    return None if status is None else str(status)
