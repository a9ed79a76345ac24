"""Random sales over several accounts, with slow, lost and doubled messages: what must hold of them.

A machine of Hypothesis: clients command, processes deliver calls or die over them, time passes.
After every step no order rests in a passing status, only documented arrows were taken, and no
sale is invoiced on one side and canceled on another. At the end of a run everything is delivered
and every sale is brought to its end, which has to be the same on all sides (G10, G11, G12, G15).
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import update

from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Decision, follow_through
from oms_ledger.orders.decisions.canceling import cancel
from oms_ledger.orders.decisions.handling import start_handling
from oms_ledger.orders.decisions.invoicing import issue_invoice
from oms_ledger.orders.decisions.payment import notify_payment
from oms_ledger.orders.decisions.reselling import change_seller, propose_seller
from oms_ledger.orders.flows import AUTOMATIC
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import OrderNotFound, Refusal
from oms_ledger.orders.status import ENDS, Status
from oms_ledger.wiring import Cell
from projections import calls, cursors, due_times
from projections.calls import Owed
from projections.due_times import DueTimes
from projections.tables import calls as calls_table
from tests.orders.test_flows import ARROWS
from tests.sales import MIDDLE, OTHER_SHOP, SHOP, STORE, levels, open_accounts, sell
from tests.settling import FakeClock
from workers import clock as clock_process
from workers import switchboard
from workers.outcomes import Failed, TryAgain
from workers.partners import place_below

START = datetime(2026, 1, 1, tzinfo=UTC)
CHAINS = ((SHOP,), (MIDDLE, SHOP), (MIDDLE, SHOP), (STORE,))
DELIVERY = ({"itemIndex": 0, "selectedSla": "Fast", "selectedDeliveryChannel": "delivery"},)
DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=61),
    timedelta(minutes=31),
    timedelta(days=2),
    timedelta(days=30),
)
VERBS = ("notify", "start", "part", "rest", "cancel", "cancel", "user", "deny", "return")


def deny(order: Order, facts: Any) -> list[e.OrderEvent]:
    if order.status is not Status.CANCELLATION_REQUESTED:
        return []
    denied = e.CancellationDenied(request_id=order.requests[-1].id, reason="engraved")
    return follow_through(order, [denied], facts)


@dataclass
class Sale:
    order_id: str
    chain: tuple[str, ...]


class Numbers:
    """Order numbers that no other run in the same ledger had."""

    last = 0

    @classmethod
    def next(cls) -> int:
        cls.last += 1
        return cls.last


class Selling(RuleBasedStateMachine):
    """`cell` is set by the test; accounts are opened once in it."""

    cell: ClassVar[Cell]
    opened: ClassVar[set[int]] = set()
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock(self.cell, START)
        self.folds = self.cell.folds()
        self.sales: list[Sale] = []
        self.invoices = 0

    def run(self, story: Awaitable[Any]) -> Any:
        type(self).steps += 1
        return self.loop.run_until_complete(story)

    @initialize(
        chain=st.sampled_from(CHAINS),
        paid=st.sampled_from([True, True, False]),
        both=st.booleans(),
        ahead=st.sampled_from(["placed", "delivered", "started", "started"]),
    )
    def begin(self, chain: tuple[str, ...], paid: bool, both: bool, ahead: str) -> None:
        if id(self.cell) not in self.opened:
            self.opened.add(id(self.cell))
            self.run(open_accounts(self.cell, STORE, MIDDLE, SHOP, OTHER_SHOP))
        with self.cell.database.writing() as connection:  # what a failed run left behind
            left = calls_table.c.state.in_((calls.WAITING, calls.DEAD))
            connection.execute(update(calls_table).where(left).values(state=calls.SKIPPED))
        for _ in range(2 if both else 1):
            order_id = self.run(sell(self.cell, Numbers.next(), *chain, paid=paid))
            self.sales.append(Sale(order_id, chain))
        if ahead != "placed":
            self.run(self._rest())
        if ahead == "started":
            self.run(self._together([(n, 2, "start") for n in range(len(self.sales))]))

    # What clients do

    @rule(
        asked=st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 2), st.sampled_from(VERBS)),
            min_size=1,
            max_size=3,
        )
    )
    def clients_command(self, asked: list[tuple[int, int, str]]) -> None:
        """One to three commands at once, each to some level of some sale."""
        self.run(self._together(asked))

    async def _together(self, asked: list[tuple[int, int, str]]) -> None:
        await asyncio.gather(*(self._command(*one) for one in asked))

    async def _command(self, number: int, level: int, verb: str) -> None:
        sale = self.sales[number % len(self.sales)]
        orders = await levels(self.cell, sale.order_id, *sale.chain)
        if verb in ("start", "part", "rest", "deny", "return"):
            level = len(orders) - 1
        order = orders[min(level, len(orders) - 1)]
        with suppress(Refusal):
            await self.cell.ledger.change(
                order.account, order.order_id, self._decision(verb, order), by="client"
            )

    def _decision(self, verb: str, order: Order) -> Decision:
        self.invoices += 1
        invoice = partial(issue_invoice, number=str(self.invoices), issued_at=START)
        left = order.value - order.invoiced_value
        decisions: dict[str, Decision] = {
            "notify": partial(notify_payment, payment_id="PAY"),
            "start": start_handling,
            "part": partial(invoice, type="Output", value=1000),
            "rest": partial(invoice, type="Output", value=left),
            "cancel": partial(cancel, reason=f"by {order.account}"),
            "user": partial(cancel, reason="shopper", requested_by_user=True),
            "deny": deny,
            "return": partial(invoice, type="Input", value=max(1, order.invoiced_value)),
        }
        return decisions[verb]

    @rule(
        number=st.integers(0, 1),
        seller=st.sampled_from([SHOP, OTHER_SHOP]),
        dies=st.sampled_from([False, False, False, True]),
    )
    def store_changes_the_seller(self, number: int, seller: str, dies: bool) -> None:
        """Now and then the process dies between the new seller's yes and the change."""
        sale = self.sales[number % len(self.sales)]
        with suppress(Refusal):
            self.run(self._resell(sale, seller, dies))

    async def _resell(self, sale: Sale, seller: str, dies: bool) -> None:
        ledger = self.cell.ledger
        wanted: dict[str, Any] = {"seller": seller, "deliveries": DELIVERY}
        proposal = partial(propose_seller, payment_value=None, **wanted)
        order = await ledger.change(STORE, sale.order_id, proposal, by="store")
        _, below = order.proposals[-1]
        await place_below(self.cell, order, seller, below, cause=None, direct=True)
        if dies:
            return
        change = partial(change_seller, seller_name=seller, seller_order_id=below, **wanted)
        await ledger.change(STORE, sale.order_id, change, by="store")

    # What processes do

    @rule(times=st.integers(1, 4))
    def calls_are_delivered(self, times: int) -> None:
        for _ in range(times):
            self.run(self._deliver())

    async def _deliver(self) -> None:
        await asyncio.to_thread(switchboard.judge, self.cell, self.folds)
        for owed in await asyncio.to_thread(switchboard.claim, self.cell, 1):
            await switchboard.make(self.cell, owed)

    @rule(effect=st.booleans())
    def a_worker_dies_over_a_call(self, effect: bool) -> None:
        """Before it did anything, or after it did everything but say so."""
        self.run(self._die(effect))

    async def _die(self, effect: bool) -> None:
        await asyncio.to_thread(switchboard.judge, self.cell, self.folds)
        for owed in await asyncio.to_thread(switchboard.claim, self.cell, 1):
            if effect:
                await self._only_the_effect(owed)

    async def _only_the_effect(self, owed: Owed) -> None:
        with suppress(TryAgain):
            await switchboard.HANDLERS[owed.kind](self.cell, owed)

    @rule(which=st.integers(0, 50))
    def a_call_is_delivered_again(self, which: int) -> None:
        """Long after it was done, as by a worker that hung meanwhile."""
        self.run(self._again(which))

    async def _again(self, which: int) -> None:
        done = [one for sale in self.sales for one in self._calls_of(sale, calls.DONE)]
        if done:
            with suppress(Failed):
                await self._only_the_effect(done[which % len(done)])

    def _calls_of(self, sale: Sale, state: str) -> list[Owed]:
        with self.cell.database.reading() as connection:
            return [
                one
                for depth in range(3)
                for one in calls.listed(
                    connection, order_id="00-" * depth + sale.order_id, state=state
                )
                if one.kind in partners_kinds()
            ]

    @rule(delay=st.sampled_from(DELAYS))
    def time_passes(self, delay: timedelta) -> None:
        self.clock.at += delay
        self.run(self._tick())

    async def _tick(self) -> None:
        view = (self.cell.database, self.cell.folds(), due_times.CURSOR, DueTimes())
        await asyncio.to_thread(cursors.run, *view)
        await clock_process.fire(self.cell)

    # What holds

    @precondition(lambda self: self.sales)
    @invariant()
    def nobody_rests_in_passing_and_no_two_sides_end_differently(self) -> None:
        for sale in self.sales:
            orders = self.loop.run_until_complete(levels(self.cell, sale.order_id, *sale.chain))
            check(orders)

    def teardown(self) -> None:
        try:
            for sale in self.sales:
                self.run(self._end(sale))
        finally:
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            self.cell.ledger._commit.close()

    async def _end(self, sale: Sale) -> None:
        """Deliver everything, let every window close, invoice what can still be invoiced."""
        for _ in range(6):
            await self._rest()
            orders = await levels(self.cell, sale.order_id, *sale.chain)
            if all(order.status in ENDS for order in orders):
                break
            await self._command(self.sales.index(sale), 0, "notify")
            await self._rest()
            await self._command(self.sales.index(sale), 2, "rest")
            await self._rest()
            await self._command(self.sales.index(sale), 0, "cancel")
            self.clock.at += timedelta(days=31)
            await self._tick()
        await self._rest()
        orders = await levels(self.cell, sale.order_id, *sale.chain)
        check(orders)
        ended = {str(order.status) for order in orders}
        assert ended in ({"invoiced"}, {"canceled"}), (sale.order_id, ended, history(orders))
        check_money(orders[0])
        dead = [one for one in self._calls_of(sale, calls.DEAD)]
        assert dead == [], dead
        await self._check_left_sellers(orders[0])

    async def _rest(self) -> None:
        """Until nothing is owed: retries, claims of the dead and timers included."""
        for _ in range(60):
            head = self.cell.store.head()
            await self._tick()
            await asyncio.to_thread(switchboard.judge, self.cell, self.folds)
            owed = await asyncio.to_thread(switchboard.claim, self.cell, 100)
            for one in owed:
                await switchboard.make(self.cell, one)
            with self.cell.database.reading() as connection:
                waits = calls.next_due(connection) is not None
            if not owed and not waits and self.cell.store.head() == head:
                return
            if not owed and waits:
                self.clock.at += timedelta(seconds=130)
        with self.cell.database.reading() as connection:
            left = calls.listed(connection, state=calls.WAITING)
        raise AssertionError(f"the sales do not come to rest: {left}")

    async def _check_left_sellers(self, order: Order) -> None:
        """Whoever had the order and has it no more has canceled it."""
        first = (order.placed.seller, f"00-{order.order_id}")
        for account, order_id in (first, *order.proposals):
            if order_id == (order.seller_order_id or first[1]):
                continue
            with suppress(OrderNotFound):
                left = await self.cell.ledger.order(account, order_id)
                assert left.status is Status.CANCELED, (account, order_id, str(left.status))


def partners_kinds() -> frozenset[str]:
    return frozenset(switchboard.partners.HANDLERS)


def check(orders: list[Order]) -> None:
    for order in orders:
        passing = AUTOMATIC[order.flow].keys() - {Status.PAYMENT_PENDING}
        assert order.status not in passing, (order.order_id, str(order.status))
        steps = [None, *(status for status, _ in order.timeline)]
        for before, after in pairwise(steps):
            arrow = (str(before or "null"), str(after))
            assert arrow in ARROWS, (order.order_id, arrow)
    ends = {order.status for order in orders} & {Status.INVOICED, Status.CANCELED}
    returned = any(one.type == "Input" for order in orders for one in order.invoices)
    assert len(ends) < 2 or returned, history(orders)
    top, last = orders[0], orders[-1]
    moved_on = any(status is Status.AUTHORIZE_FULFILLMENT for status, _ in last.timeline)
    assert not moved_on or top.authorized_at is not None, history(orders)


def check_money(order: Order) -> None:
    """An invoiced order has its money, a canceled one keeps none (G11, G14)."""
    held = sum(balance.held for balance in order.balances)
    captured = sum(balance.captured for balance in order.balances)
    assert held == 0, (order.order_id, str(order.status), held)
    if order.status is Status.CANCELED:
        assert captured == 0, (order.order_id, captured)
    elif not any(one.type == "Input" for one in order.invoices):
        assert captured == order.value, (order.order_id, captured)


def history(orders: list[Order]) -> list[tuple[str, list[str]]]:
    return [(order.order_id, [str(status) for status, _ in order.timeline]) for order in orders]
