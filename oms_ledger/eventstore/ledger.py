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

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.eventstore import encryption as vault
from oms_ledger.eventstore import idempotency as repeats
from oms_ledger.eventstore import serialization as codec
from oms_ledger.eventstore.encryption import Vault
from oms_ledger.eventstore.folding import (
    NOTHING,
    Folded,
    Folds,
    step,
)
from oms_ledger.eventstore.group_commit import GroupCommit
from oms_ledger.eventstore.idempotency import Claim
from oms_ledger.eventstore.records import (
    Conflict,
    Key,
    Row,
    Write,
    micros,
    order_stream,
)
from oms_ledger.eventstore.store import Store
from oms_ledger.masterdata.events import DocumentDeleted
from oms_ledger.orders.decide import Decision, Facts
from oms_ledger.orders.documents import filter_document, list_row, oms_document
from oms_ledger.orders.events import (
    ChangeApplied,
    ChangeRegistered,
    Event,
    InvoiceCompleted,
    InvoiceIssued,
    OrderImported,
    OrderPlaced,
    PaymentsSent,
    PersonErased,
)
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.reactions import with_requests
from oms_ledger.orders.refusals import OrderNotFound, Unreadable
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal

ATTEMPTS = 20
_AS_SELLER = "00-"
_ACCOUNT_FRESH = 1.0  # seconds that another process's change of settings may take to be seen


class Taken(Exception):
    """The key of this command is taken: it was done before, and this is what it stood for."""

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self.value = value


class Repeated(Exception):
    """The request at hand was answered before; what its key stands for."""

    def __init__(self, claim: Claim, taken: bytes) -> None:
        super().__init__(claim.name)
        self.claim, self.taken = claim, taken


class Contended(Exception):
    """Other writers won the order too many times in a row: try again later."""


class Ledger:
    def __init__(
        self,
        store: Store,
        vault: Vault,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_receipt: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.store = store
        self.vault = vault
        self.folds = Folds(store, vault)
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
        folded = await asyncio.to_thread(self.folds.load, order_stream(account, order_id))
        if not isinstance(folded.state, Order):
            raise OrderNotFound()
        return folded.state

    async def order_id_of(self, account: str, named: str) -> str:
        """The id of an order that may be named as its seller knows it: `00-{orderId}`.

        Orders that were placed by another account have such ids themselves.
        """
        if not named.startswith(_AS_SELLER):
            return named
        stream = order_stream(account, named)
        folded = self.folds.cached(stream)
        if folded is None:
            folded = await asyncio.to_thread(self.folds.load, stream)
        return named if folded.state is not None else named.removeprefix(_AS_SELLER)

    async def change(
        self, account: str, order_id: str, decision: Decision, *, by: str, cause: str | None = None
    ) -> Order:
        """Decide on the latest state of an order and record what follows."""
        orders = await self.change_together(account, [order_id], decision, by=by, cause=cause)
        return orders[0]

    async def change_together(
        self,
        account: str,
        order_ids: Sequence[str],
        decision: Decision,
        *,
        by: str,
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
                after = await self._decide(account, streams, decision, settings, by, cause, keys)
            except Repeated as again:
                after = await self._as_of(again.claim, again.taken)
        return [cast(Order, after[stream].state) for stream in named]

    async def _decide(
        self,
        account: str,
        streams: Sequence[str],
        decision: Decision,
        settings: Account,
        by: str,
        cause: str | None,
        keys: Sequence[Key],
    ) -> dict[str, Folded]:
        """Decide, and again on what others wrote meanwhile, until it is recorded or refused."""
        claim = repeats.claim(account, by)
        for _ in range(ATTEMPTS):
            befores = {stream: await self._latest(stream) for stream in streams}
            facts = self._facts(settings, self._time(befores.values()))
            refusal, news = None, dict[str, Sequence[Event]]()
            try:
                for stream, folded in befores.items():
                    order = cast(Order, folded.state)
                    news[stream] = with_requests(order, decision(order, facts), facts)
            except Refusal as said_no:
                refusal = said_no
            # Only an append checks the version. A no, or nothing new, may come of an order
            # that another process moved on meanwhile: look before it is answered.
            if (refusal or not any(news.values())) and await self._stale(befores):
                continue
            if refusal:
                await self._require_new(claim)  # refused, perhaps, because it was done before
                raise refusal
            now = facts.now
            after = await self._append(account, befores, news, now, by, cause, keys, claim)
            if after is not None:
                return after
            for stream in streams:
                self.folds.forget(stream)
        raise Contended(", ".join(streams))

    async def facts_about(self, order: Order) -> Facts:
        """What a decision about the order would be told now."""
        account = await self.account(order.account)
        return self._facts(account, max(self.now(), order.changed_at))

    async def place(
        self,
        account: str,
        placed: Mapping[str, OrderPlaced | OrderImported],
        *,
        by: str,
        keys: Sequence[Key] = (),
        cause: str | None = None,
        then: Decision | None = None,
    ) -> dict[str, Order]:
        """Record new orders together with the keys they take; `Taken` when one is not free.

        `then` is decided about each of them, and recorded in the same transaction.
        """
        now, claim = self.now(), repeats.claim(account, by)
        facts = self._facts(await self.account(account), now)
        befores = {order_stream(account, order_id): NOTHING for order_id in placed}
        news: dict[str, Sequence[Event]] = {
            order_stream(account, order_id): [
                event,
                *(then(evolve(None, event, now, order_id, account), facts) if then else ()),
            ]
            for order_id, event in placed.items()
        }
        try:
            after = await self._append(account, befores, news, now, by, cause, keys, claim)
        except Repeated as again:
            after = await self._as_of(again.claim, again.taken)
        if after is None:
            raise Taken(b"")
        orders = [cast(Order, folded.state) for folded in after.values()]
        return {order.order_id: order for order in orders}

    async def repeated(self, account: str, *, by: str) -> list[Order] | None:
        """The orders of the first answer, when the request at hand was answered before."""
        try:
            await self._require_new(repeats.claim(account, by))
        except Repeated as again:
            after = await self._as_of(again.claim, again.taken)
            return [cast(Order, folded.state) for folded in after.values()]
        return None

    async def _require_new(self, claim: Claim | None) -> None:
        if claim is None:
            return
        taken = await asyncio.to_thread(self.store.key, claim.account, claim.name)
        if taken is not None:
            raise Repeated(claim, taken)

    async def _as_of(self, claim: Claim, taken: bytes) -> dict[str, Folded]:
        """The orders of a first answer, as they were after it."""
        after = {}
        for stream, version in claim.first(taken).items():
            after[stream] = await asyncio.to_thread(self.folds.load, stream, version)
        claim.done(replayed=True)
        return after

    def _facts(self, account: Account, now: datetime) -> Facts:
        return Facts(
            now,
            self.new_receipt(),
            account.grace_period,
            account.payment_expiry,
            account.seller_window,
        )

    # Accounts

    async def account(self, name: str) -> Account:
        """The account and its settings, at most a second old."""
        stream = order_stream(name, "")
        loop_time = asyncio.get_running_loop().time()
        folded = self.folds.cached(stream)
        if folded is None or self._account_seen.get(name, 0) + _ACCOUNT_FRESH < loop_time:
            folded = await asyncio.to_thread(self.folds.load, stream)
            if not isinstance(folded.state, Account):
                raise AccountNotFound(name)
            self.folds.remember(stream, folded)
            self._account_seen[name] = loop_time
        return cast(Account, folded.state)

    async def change_account(
        self, name: str, decide: Callable[[Account | None], list[AccountEvent]], *, by: str
    ) -> Account:
        stream = order_stream(name, "")
        for _ in range(ATTEMPTS):
            before = await asyncio.to_thread(self.folds.load, stream)
            news = {stream: decide(cast(Account | None, before.state))}
            after = await self._append(name, {stream: before}, news, self.now(), by, None)
            if after is not None:
                return cast(Account, after[stream].state)
        raise Contended(name)

    # The way down

    async def _latest(self, stream: str) -> Folded:
        folded = self.folds.cached(stream)
        if folded is None:
            folded = await asyncio.to_thread(self.folds.load, stream)
        if folded.state is None:
            raise OrderNotFound()
        return folded

    async def _stale(self, befores: Mapping[str, Folded]) -> bool:
        """Whether a stream has moved on since it was folded; what was remembered is forgotten."""
        versions = await asyncio.to_thread(self.store.versions, list(befores))
        stale = [s for s, folded in befores.items() if versions.get(s, 0) != folded.version]
        for stream in stale:
            self.folds.forget(stream)
        return bool(stale)

    def _time(self, befores: object) -> datetime:
        """Now, but never before what was recorded already: history does not run backwards."""
        now = self.now()
        states = [f.state for f in cast(Sequence[Folded], befores) if isinstance(f.state, Order)]
        return max([now, *(order.changed_at for order in states if not order.imported)])

    async def _append(
        self,
        account: str,
        befores: Mapping[str, Folded],
        news: Mapping[str, Sequence[Event]],
        now: datetime,
        by: str,
        cause: str | None,
        keys: Sequence[Key] = (),
        claim: Claim | None = None,
    ) -> dict[str, Folded] | None:
        """Record the news; None when somebody else wrote one of the streams meanwhile."""
        rows: list[Row] = []
        data_keys: list[tuple[str, bytes]] = []
        after = dict(befores)
        for stream, events in news.items():
            for event in events:
                row, after[stream] = self._entry(
                    account, stream, after[stream], event, now, by, cause, data_keys
                )
                rows.append(row)
        if claim:
            versions = {stream: folded.version for stream, folded in after.items()}
            keys = (claim.key(versions), *keys)
        erased = tuple(
            stream
            for stream, events in news.items()
            if any(isinstance(event, PersonErased | DocumentDeleted) for event in events)
        )
        write = Write(tuple(rows), tuple(keys), tuple(data_keys), erased)
        if not await self._written(write, claim):
            return None
        for stream in erased:  # what was folded here still shows the person
            self.vault.forget(stream)
            after[stream] = await asyncio.to_thread(self.folds.load, stream, after[stream].version)
        for stream, folded in after.items():
            self.folds.remember(stream, folded)
        return after

    async def _written(self, write: Write, claim: Claim | None) -> bool:
        """Whether the write was made; `Taken` or `Repeated` when one of its keys was not free."""
        taken: Key | None = None
        if write.rows:
            outcome = await self._commit.append(write)
            if isinstance(outcome, Conflict):
                for stream, _ in write.data_keys:
                    self.vault.forget(stream)
                taken = outcome.key
                if taken is None:
                    return False
        elif claim:
            taken = await asyncio.to_thread(self.store.take_key, write.keys[0])
        if taken and claim and taken.key == claim.name:
            raise Repeated(claim, taken.value)
        if taken:
            raise Taken(taken.value)
        if claim:
            claim.done()
        return True

    def _entry(
        self,
        account: str,
        stream: str,
        before: Folded,
        event: Event,
        now: datetime,
        by: str,
        cause: str | None,
        data_keys: list[tuple[str, bytes]],
    ) -> tuple[Row, Folded]:
        if isinstance(before.state, Order) and before.state.erased_at:
            event = codec.without_person(event)  # nothing new is kept of who was erased
        name, body, personal = codec.encode(event)
        version = before.version + 1
        if personal is not None:
            personal = self._encrypted(stream, version, personal, data_keys)
        at = micros(now)
        row = Row(
            account, stream, version, name, at, by, cause, None, None, None, None, body, personal
        )
        after = step(before, row, event)
        if isinstance(after.state, Order):
            if isinstance(event, _FROM_OUTSIDE):
                require_readable(event, after.state)
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
        key = self.vault.key(stream)
        if key is None:
            stored = self.store.data_keys([stream]).get(stream)
            if stored is None:
                data_keys.append((stream, self.vault.new_key(stream)))
            else:
                self.vault.unwrap(stream, stored)
            key = self.vault.key(stream)
            assert key is not None
        return vault.encrypt(key, personal, f"{stream}:{version}")


# Events that carry parts of a document as a client sent them.
_FROM_OUTSIDE = (
    ChangeRegistered,
    ChangeApplied,
    OrderPlaced,
    OrderImported,
    PaymentsSent,
    InvoiceIssued,
    InvoiceCompleted,
)


def require_readable(event: Event, order: Order) -> None:
    """Refuse what is stored for good but could not be decoded or shown: entries stay for ever."""
    try:
        codec.decode(*codec.encode(event))
        for document in (oms_document(order), filter_document(order), list_row(order)):
            orjson.dumps(document)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise Unreadable(error) from None


def _text(status: Status | None) -> str | None:
    return None if status is None else str(status)
