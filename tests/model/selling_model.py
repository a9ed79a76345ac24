"""Random sales over several accounts, with slow, lost and doubled messages, beside the reference.

A machine of Hypothesis: clients of two web processes command over HTTP, workers deliver calls or
die over them, time passes. All of it gets to `tests/reference` too, one step after the other.
Of commands at once some order has to be found in which the reference gives the same answers and
comes to the same sides (G6). After every step each side of the sale is what the reference says:
every status it went through, values, invoices, units, requests and changes; and every call that
the system owes is a message that the reference has written (G10, G11, G12, G15). At the end all
is delivered and the sale brought to its end, the same on all sides.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import ColumnElement, true, update

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import instant
from oms_ledger.notifications.channel import MAIL
from oms_ledger.orders.marketplace.change_seller import propose_seller
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.refusal import Refusal
from oms_ledger.services.marketplace.other_account import place_at
from oms_ledger.services.outbox.outcomes import PermanentFailure, RetryLater
from oms_ledger.web import build
from projections.outbox import messages
from projections.outbox.messages import StoredMessage
from projections.outbox.tables import outbox_messages as calls_table
from projections.subscriptions import checkpoints
from projections.timers import deadlines
from projections.timers.deadlines import Timers
from tests.model.reference.messages import advance_change_request, deliver, effect
from tests.model.reference.sale import FINAL, Sale
from tests.model.reference.side import Message, Refused, Side
from tests.model.selling_clients import (
    DELIVERY,
    INVOICING,
    Command,
    Commands,
)
from tests.model.selling_sides import check_money, of_order, of_side
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.configuring import create_key
from tests.support.sales import (
    MIDDLE,
    OTHER_SHOP,
    SHOP,
    STORE,
    open_accounts,
    sell,
    sold,
)
from workers import scheduler
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)
GRACES = {STORE: 0, MIDDLE: 0, SHOP: 0, OTHER_SHOP: 30}
CHAINS: tuple[tuple[str, ...], ...] = ((SHOP,), (OTHER_SHOP,), (MIDDLE, SHOP), (MIDDLE, SHOP), ())
DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=61),
    timedelta(minutes=31),
    timedelta(hours=25),
    timedelta(days=2),
    timedelta(days=30),
)
VERBS = (
    *("start", "part", "rest", "rest", "over", "same", "return"),
    *("cancel", "cancel", "cancel", "deny", "deny", "notify", "v1", "v2", "v2", "undo", "retry"),
)
KINDS = {
    "place-fulfillment": "place",
    "authorize-fulfillment": "authorize",
    "ask-cancellation": "ask",
    "cancel-fulfillment": "cancel",
    "settle-proposal": "settle-proposal",
    "confirm-order": "confirmed",
    "tell-cancellation": "canceled",
    "tell-denial": "denied",
    "forward-invoice": "invoice",
    "tell-registered-change": "v1",
    "ask-change": "ask-change",
    "settle-change": "settle-change",
}
"""How the system calls what the reference calls otherwise; other calls are its own affair."""


class Numbers:
    """Order numbers that no other run in the same ledger had."""

    last = 0

    @classmethod
    def next(cls) -> int:
        cls.last += 1
        return cls.last


def selling_in(cell: Cell) -> type["Selling"]:
    """The machine for a fresh cell."""
    return type("SellingHere", (Selling,), {"cell": cell, "keys": {}, "steps": 0})


class Selling(RuleBasedStateMachine):
    """`cell` is set by the test (`selling_in`); accounts are opened once in it."""

    cell: ClassVar[Cell]
    keys: ClassVar[dict[str, dict[str, str]]]
    steps: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        vars(self.cell).pop("ledger", None)  # the former machine closed what it commits by
        # A second web process of the same database.
        self.other = Cell(self.cell.settings, self.cell.clock)
        self.clock = set_clock(self.cell, START)
        self.apps = [build(self.cell), build(self.other)]
        self.loader = self.cell.loader()
        self.sales: list[Sale] = []
        self.commands = Commands()
        self.done: list[tuple[StoredMessage, Sale, Message | None]] = []

    def run(self, story: Awaitable[Any]) -> Any:
        type(self).steps += 1
        return self.loop.run_until_complete(story)

    @initialize(
        chain=st.sampled_from(CHAINS),
        paid=st.sampled_from([True, True, True, False]),
        both=st.booleans(),
        ahead=st.sampled_from(["placed", "processed", "delivered", "started", "started"]),
    )
    def begin(self, chain: tuple[str, ...], paid: bool, both: bool, ahead: str) -> None:
        if not self.keys:
            self.keys.update(self.run(self._open()))
        self._skip(true())  # what an earlier run left behind
        for _ in range(2 if both else 1):
            self.run(self._sell(chain, paid, processed=ahead != "placed"))
        if ahead in ("delivered", "started"):
            self.run(self._settle())
        if ahead == "started":
            for sale in self.sales:
                for side in list(sale.sides.values()):
                    if side.status == "ready-for-handling":
                        self.run(self._together(sale, [self.commands.new(side, "start")]))

    def _skip(self, which: ColumnElement[bool]) -> None:
        left = calls_table.c.state.in_((messages.WAITING, messages.DEAD)) & which
        with self.cell.database.writing() as connection:
            connection.execute(update(calls_table).where(left).values(state=messages.SKIPPED))

    async def _open(self) -> dict[str, dict[str, str]]:
        for account, minutes in GRACES.items():
            await open_accounts(self.cell, account, grace_period_minutes=minutes)
        keys = {}
        for account in GRACES:
            key, token = create_key(self.cell, account, "Owner")
            keys[account] = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
        return keys

    async def _sell(self, chain: tuple[str, ...], paid: bool, *, processed: bool) -> None:
        number = Numbers.next()
        graces = {account: timedelta(minutes=minutes) for account, minutes in GRACES.items()}
        sale = Sale(self.clock.at, graces, timedelta(days=2))
        side = sale.place(STORE, f"v{number}stor-01", chain)
        self.sales.append(sale)
        seller_order = chain or (STORE,)
        if processed:
            await sell(self.cell, number, *seller_order, paid=paid)
            sale.process(side, paid=paid)
        else:
            order = {side.id: sold(number, *seller_order)}
            await self.cell.ledger.place(CommandContext(STORE, "shopper"), order)
        await self._compare(sale)

    # What clients do

    @rule(
        number=st.integers(0, 1),
        requested=st.lists(
            st.tuples(st.integers(0, 4), st.sampled_from(VERBS)), min_size=1, max_size=3
        ),
        again=st.booleans(),
    )
    def clients_command(self, number: int, requested: list[tuple[int, str]], again: bool) -> None:
        """One to three commands at once, each to some side of a sale, in two processes."""
        sale = self.sales[number % len(self.sales)]
        made = [self.commands.new(self._side(sale, at, verb), verb) for at, verb in requested]
        for one in made:
            if one.verb == "v1" and sale.sides[one.key].delegated:
                made = [one]  # it is decided at two accounts, so not in one moment
                break
        self.run(self._together(sale, made, again=again))

    def _side(self, sale: Sale, at: int, verb: str) -> Side:
        """Invoices are made by whoever delivers; the levels above hear of them."""
        sides = list(sale.sides.values())
        delivering = [side for side in sides if not side.delegated]
        if verb in INVOICING and delivering:
            return delivering[at % len(delivering)]
        if verb in INVOICING:
            return sides[0]
        return sides[at % len(sides)]

    async def _together(self, sale: Sale, made: list[Command], *, again: bool = False) -> list[str]:
        """Whatever the answers, the reference gives the same to some order of the commands."""
        clients = [self._client(one, at) for at, one in enumerate(made)]
        answers = await asyncio.gather(*(one.ask(c) for one, c in zip(made, clients, strict=True)))
        fields: list[tuple[tuple[int, ...], object]] = []
        for order in permutations(range(len(made))):
            tried = sale.copy()
            expected = {at: made[at].expected(tried) for at in order}
            if [expected[at] for at in range(len(made))] != list(answers):
                fields.append((order, expected))
            elif (unlike := await self._unlike(tried)) is None:
                self._becomes(sale, tried)
                break
            else:
                fields.append((order, unlike))
        else:
            raise AssertionError((list(zip(made, answers, strict=True)), fields))
        await self._compare(sale)
        if again and answers[0] == "ok":  # the answer was lost, and the client asks once more
            assert await made[0].ask(self._client(made[0], 1)) == "ok"
            await self._compare(sale)
        return list(answers)

    def _client(self, command: Command, at: int) -> Client:
        """Every request has a key of its own: its repetition gets the first answer."""
        headers = {**self.keys[command.key[0]], "Idempotency-Key": command.name}
        return Client(self.apps[at % len(self.apps)], headers)

    def _becomes(self, sale: Sale, tried: Sale) -> None:
        """`sale` itself goes on, for others hold it."""
        vars(sale).update(vars(tried))

    @rule(
        number=st.integers(0, 1),
        seller=st.sampled_from([SHOP, OTHER_SHOP]),
        dies=st.sampled_from([False, False, True]),
    )
    def store_changes_the_seller(self, number: int, seller: str, dies: bool) -> None:
        """Now and then the process dies between the new seller's yes and the change."""
        sale = self.sales[number % len(self.sales)]
        side = next(iter(sale.sides.values()))
        if dies:
            self.run(self._half_resell(sale, side, seller))
        else:
            self.run(self._together(sale, [self.commands.resell(side, seller)]))

    async def _half_resell(self, sale: Sale, side: Side, seller: str) -> None:
        proposal = partial(
            propose_seller, payment_value=None, seller=seller, deliveries=(DELIVERY,)
        )
        answers = ["ok", "ok"]
        try:
            account, order_id = side.key
            ctx = CommandContext(account, "store")
            order = await self.cell.ledger.change(ctx, order_id, proposal)
            seller_order = order.proposals[-1][1]
            await place_at(self.cell, ctx, order, seller, seller_order)
        except Refusal as refusal:
            answers[0] = refusal.code
        try:
            sale.propose_seller(side, seller)
        except Refused as refused:
            answers[1] = str(refused)
        assert answers[0] == answers[1], (side, answers)
        await self._compare(sale)

    # What processes do

    @rule(times=st.integers(1, 4))
    def calls_are_delivered(self, times: int) -> None:
        for _ in range(times):
            self.run(self._deliver(1))

    async def _claimed(self, limit: int) -> list[StoredMessage]:
        await asyncio.to_thread(dispatcher.evaluate, self.cell, self.loader)
        mails = calls_table.c.channel == MAIL.name  # no matter of the reference
        await asyncio.to_thread(self._skip, mails)
        return await asyncio.to_thread(dispatcher.claim, self.cell, limit)

    async def _deliver(self, limit: int) -> int:
        claimed = await self._claimed(limit)
        for pending in claimed:
            await self._make(pending)
        return len(claimed)

    async def _make(self, pending: StoredMessage) -> None:
        found = self._message(pending)
        late = messages.exhausted(pending, dispatcher.now(self.cell))
        await dispatcher.dispatch(self.cell, pending)
        if found is None:
            return
        sale, side, message = found
        with self.cell.database.snapshot() as connection:
            made = messages.get(connection, pending.id)
        assert made is not None
        if message is None:
            self._on_its_own(sale, side, pending)
        else:
            outcome = deliver(sale, side, message, late=late)
            assert made.state == outcome, (pending, made.last_error, outcome)
        if made.state == messages.DONE:
            self.done.append((pending, sale, message))
        await self._compare(sale)

    def _message(self, pending: StoredMessage) -> tuple[Sale, Side, Message | None] | None:
        """What the reference has written of it; an own call of the system has no message."""
        key = (pending.account, pending.order_id)
        for sale in self.sales:
            if (side := sale.sides.get(key)) is None:
                continue
            if pending.kind not in KINDS:
                return sale, side, None
            queue = [one for one in side.outbox if one.recipient == pending.recipient]
            for message in queue:
                assert message.kind == KINDS[pending.kind], (pending, queue)
                if self._is(message, pending):
                    message.at = instant(pending.produced_at)
                    return sale, side, message
            raise AssertionError(f"nothing of the sale says {pending}: {queue}")
        return None

    def _is(self, message: Message, pending: StoredMessage) -> bool:
        if message.kind in ("ask", "denied"):
            return self.commands.names.get(message.key, message.key) == pending.key
        if message.kind == "v1":
            return message.key == pending.key
        return True

    def _on_its_own(self, sale: Sale, side: Side, pending: StoredMessage) -> None:
        if pending.kind == "advance-change":
            names = {theirs: ours for ours, theirs in self.commands.names.items()}
            advance_change_request(sale, side, names[pending.body["requestId"]])

    @rule(does=st.booleans())
    def a_worker_dies_over_a_call(self, does: bool) -> None:
        """Before it did anything, or after it did everything but say so."""
        self.run(self._die(does))

    async def _die(self, does: bool) -> None:
        for pending in await self._claimed(1):
            if does and (found := self._message(pending)):
                await self._only_the_effect(pending, *found)

    async def _only_the_effect(
        self, pending: StoredMessage, sale: Sale, side: Side, message: Message | None
    ) -> None:
        with suppress(RetryLater, PermanentFailure):
            await dispatcher.HANDLERS[pending.kind](self.cell, pending)
        if message is None:
            self._on_its_own(sale, side, pending)
        else:
            effect(sale, side, message)
        await self._compare(sale)

    @rule(which=st.integers(0, 50))
    def a_call_is_delivered_again(self, which: int) -> None:
        """Long after it was done, as by a worker that hung meanwhile."""
        if self.done:
            pending, sale, message = self.done[which % len(self.done)]
            side = sale.sides[pending.account, pending.order_id]
            self.run(self._only_the_effect(pending, sale, side, message))

    @rule(delay=st.sampled_from(DELAYS))
    def time_passes(self, delay: timedelta) -> None:
        self.run(self._wait(delay))

    async def _wait(self, delay: timedelta) -> None:
        self.clock.at += delay
        view = (self.cell.database, self.cell.loader(), deadlines.SUBSCRIPTION, Timers())
        await asyncio.to_thread(checkpoints.run, *view)
        await scheduler.fire_due(self.cell)
        for sale in self.sales:
            sale.later(delay)
            await self._compare(sale)

    # What holds

    async def _compare(self, sale: Sale) -> None:
        unlike = await self._unlike(sale)
        assert unlike is None, unlike

    async def _unlike(self, sale: Sale) -> object:
        """The first side that is not what the reference says, as the two see it."""
        names = self.commands.names
        for side in sale.sides.values():
            try:
                order = await self.cell.ledger.order(*side.key)
            except OrderNotFound:
                return side.key, "is not there"
            theirs, ours = of_order(order), of_side(side)
            if theirs != ours:
                differ = {name: (theirs[name], ours[name]) for name in ours}
                return side.key, {n: both for n, both in differ.items() if both[0] != both[1]}
            names |= {o.id: t.id for o, t in zip(side.requests, order.requests, strict=True)}
            names |= {o.id: t.id for o, t in zip(side.changes, order.change_requests, strict=True)}
        return None

    def teardown(self) -> None:
        try:
            for sale in self.sales:
                self.run(self._end(sale))
        finally:
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            self.cell.ledger._commit.close()
            self.other.close()

    async def _end(self, sale: Sale) -> None:
        """Deliver everything, let every window close, invoice what can still be invoiced."""
        for _ in range(8):
            await self._settle()
            sides = list(sale.sides.values())
            if all(side.status in ("invoiced", *FINAL) or side.expired for side in sides):
                break
            await self._together(sale, [self.commands.new(sides[0], "notify")])
            await self._settle()
            for side in list(sale.sides.values()):
                if not side.delegated:
                    await self._together(sale, [self.commands.new(side, "rest")])
            await self._settle()
            await self._together(sale, [self.commands.new(sides[0], "cancel")])
            await self._wait(timedelta(days=31))
        await self._settle()
        if not any(one.dead for side in sale.sides.values() for one in side.outbox):
            await self._check_end(sale)

    async def _check_end(self, sale: Sale) -> None:
        sides = list(sale.sides.values())
        assert not any(side.outbox for side in sides), [side.outbox for side in sides]
        top = sides[0]
        ended, present = {top.status}, top
        while present.delegated and present.seller_side in sale.sides:
            present = sale.sides[present.seller_side]
            ended.add(present.status)
        assert ended in ({"invoiced"}, {"canceled"}, {None}), (top.key, ended)
        order = await self.cell.ledger.order(*top.key)
        check_money(order)
        for side in sides:  # whoever had the order and has it no more has canceled it
            if side.marketplace_order == top.key and top.seller_side != side.key:
                assert side.status == "canceled", side

    async def _settle(self) -> None:
        """Until nothing has pending: retries, claims of the dead and timers included."""
        wait = timedelta(seconds=130)
        for _ in range(80):
            head = self.cell.store.head()
            await self._wait(timedelta(0))
            if await self._deliver(100) or self.cell.store.head() != head:
                continue
            with self.cell.database.snapshot() as connection:
                if messages.next_due(connection) is None:
                    return
            await self._wait(wait)
            wait = min(wait * 2, timedelta(hours=12))
        raise AssertionError("the sales do not come to rest")
