"""Orders and accounts in the ledger: what the rest of oms-ledger reads and changes them by."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import cast

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.configuration import Configuration
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.clock import Clock
from oms_ledger.deciders import DECIDERS
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.decider import Deciders
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.folding import NOTHING
from oms_ledger.eventstore.idempotency import KeyClaim
from oms_ledger.eventstore.ledger import (
    Filling,
    IdempotentReplay,
    KeyTaken,
    StreamLedger,
)
from oms_ledger.eventstore.records import Fill, Key, order_stream
from oms_ledger.eventstore.store import Store
from oms_ledger.orders.decide import Decision, DecisionContext
from oms_ledger.orders.events import OrderEvent, OrderImported, OrderPlaced
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import OrderNotFound

_AS_SELLER = "00-"
_ACCOUNT_FRESH = 1.0  # seconds that another process's change of settings may take to be seen


class Ledger(StreamLedger):
    """Commands on orders and accounts, over streams of any category."""

    def __init__(
        self,
        store: Store,
        encryption: Encryption,
        clock: Clock,
        new_receipt: Callable[[], str] = lambda: secrets.token_hex(16),
        deciders: Deciders = DECIDERS,
        filling: Filling | None = None,
    ) -> None:
        super().__init__(store, encryption, deciders, clock, filling)
        self.new_receipt = new_receipt
        self._account_seen: dict[str, float] = {}

    # Orders

    async def order(self, account: str, order_id: str) -> Order:
        """The order as it stands in the database now."""
        order_id = await self.order_id_of(account, order_id)
        loaded_state = await self.current(order_stream(account, order_id))
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
        ctx: CommandContext,
        order_id: str,
        decision: Decision,
    ) -> Order:
        """Decide on the latest state of an order and record what follows."""
        orders = await self.change_together(ctx, [order_id], decision)
        return orders[0]

    async def change_together(
        self,
        ctx: CommandContext,
        order_ids: Sequence[str],
        decision: Decision,
        *,
        keys: Sequence[Key] = (),
    ) -> list[Order]:
        """The same decision about several orders, recorded for all of them or for none.

        `keys` are taken together with what is recorded; `KeyTaken` when one is not free.
        """
        settings = await self.account(ctx.account)
        named = [
            order_stream(ctx.account, await self.order_id_of(ctx.account, order_id))
            for order_id in order_ids
        ]
        after = await self.change_streams(
            ctx, named, decision, partial(self._context, settings), keys=keys
        )
        return [cast(Order, after[stream].state) for stream in named]

    async def decision_context(self, order: Order) -> DecisionContext:
        """What a decision about the order would be given now."""
        account = await self.account(order.account)
        return self._context(account, max(self.clock.now(), order.changed_at))

    async def place(
        self,
        ctx: CommandContext,
        placed: Mapping[str, OrderPlaced | OrderImported],
        *,
        keys: Sequence[Key] = (),
        then: Decision | None = None,
    ) -> dict[str, Order]:
        """Record new orders together with the keys they take; `KeyTaken` when one is not free.

        `then` is decided about each of them, and recorded in the same transaction.
        """
        account, now, claim = ctx.account, self.clock.now(), ctx.claim()
        context = self._context(await self.account(account), now)
        states = {order_stream(account, order_id): NOTHING for order_id in placed}
        new_events: dict[str, Sequence[OrderEvent]] = {
            order_stream(account, order_id): [
                event,
                *(then(evolve(None, event, now, order_id, account), context) if then else ()),
            ]
            for order_id, event in placed.items()
        }
        try:
            after = await self.append(ctx, states, new_events, now, keys=keys, claim=claim)
        except IdempotentReplay as again:
            after = await self._as_of(again.claim, again.taken)
        if after is None:
            raise KeyTaken(b"")
        orders = [cast(Order, loaded_state.state) for loaded_state in after.values()]
        return {order.order_id: order for order in orders}

    async def repeated(self, ctx: CommandContext) -> list[Order] | None:
        """The orders of the first answer, when the request at hand was answered before."""
        try:
            await self._require_new(ctx.claim())
        except IdempotentReplay as again:
            after = await self._as_of(again.claim, again.taken)
            return [cast(Order, loaded_state.state) for loaded_state in after.values()]
        return None

    def _context(self, account: Account, now: datetime) -> DecisionContext:
        return DecisionContext(
            now,
            self.new_receipt(),
            account.grace_period,
            account.payment_expiry,
            account.seller_window,
            bool(account.setting("buying_policies")),
            account.placement_patience,
        )

    # Accounts

    async def account(self, name: str) -> Account:
        """The account and its settings, at most a second old."""
        if "/" in name:  # it would name a stream of something else
            raise AccountNotFound(name)
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

    async def configuration(self, name: str) -> Configuration:
        """What the account has configured, as the database has it now."""
        account = (await self.current(order_stream(name, ""))).state
        if not isinstance(account, Account):
            raise AccountNotFound(name)
        return account.configuration

    async def configure(
        self,
        ctx: CommandContext,
        decide: Callable[[Account], Sequence[AccountEvent]],
        *,
        fills: Sequence[Fill] = (),
        claim: KeyClaim | None = None,
    ) -> Account:
        """Decide on what the account has configured now, and record what follows.

        The tables of configuration are filled in the same transaction; `fills` run before them, and
        what they raise undoes all. Without anything new they do not run. With a claim of the
        context, `IdempotentReplay` for a request that was recorded before.
        """

        def decided(account: Account | None) -> Sequence[AccountEvent]:
            if account is None:
                raise AccountNotFound(ctx.account)
            return decide(account)

        return await self.change_account(ctx, decided, fills=fills, claim=claim)

    async def change_account(
        self,
        ctx: CommandContext,
        decide: Callable[[Account | None], Sequence[AccountEvent]],
        *,
        fills: Sequence[Fill] = (),
        claim: KeyClaim | None = None,
    ) -> Account:
        """`configure`, for an account that may not be there yet."""
        stream = order_stream(ctx.account, "")
        states = await self.record(ctx, {stream: decide}, fills=fills, claim=claim)
        return cast(Account, states[stream])
