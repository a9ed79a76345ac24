"""Random sales with a seller and a marketplace outside, whose messages get lost, doubled and late.

A machine of Hypothesis: orders are bought at a seller outside and placed by a marketplace outside,
both real HTTP servers with a book of what they took. Requests and answers get lost, workers send
again what was sent, partners tell twice, and time passes. At the end nothing gets lost any more,
and each order is what both books say: taken under one key with one body, canceled on both sides
or on none, invoiced in full or not at all, and told in the order of the ledger.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from oms_ledger.cell import Cell
from projections.outbox.messages import StoredMessage
from tests.support.client import Answer, Client
from tests.support.clock import set_clock
from tests.support.configuring import create_key
from tests.support.outside_sales import (
    AFFILIATE,
    ORDERS,
    SELLER,
    bought,
    get,
    register_seller,
    rest,
    sold_outside,
)
from tests.support.outsider import (
    Answering,
    Outsider,
    ReceivedRequest,
    Reply,
    well_behaved_marketplace,
    well_behaved_seller,
)
from tests.support.sales import open_accounts
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, TOTAL = "acme", 3000
FATES = ("comes", "comes", "request lost", "answer lost")
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (6, 61, 3_700, 90_000))
ANSWERS = frozenset({200, 201, 204, 400, 404, 409})
"""What a partner or the store may hear; never that something went wrong here."""


@dataclass(frozen=True)
class Line:
    """What a partner took."""

    action: str
    order: str
    key: str
    body: Any


class Partner:
    """A partner's server and its book; `fates` says what becomes of the next requests."""

    def __init__(self, answer: Answering, fates: deque[str]) -> None:
        self.book: list[Line] = []
        self._answer, self._fates = answer, fates
        self.server = Outsider(self._receive)

    def _receive(self, request: ReceivedRequest) -> Reply:
        fate = self._fates.popleft() if self._fates else "comes"
        if fate == "request lost":
            return Reply(503)
        placed = request.action == "orders"
        named = request.body[0]["marketplaceOrderId"] if placed else request.order_id
        name, key = named.removeprefix("S-"), request.headers["idempotency-key"]
        self.book.append(Line(request.action, name, key, request.body))
        return Reply(503) if fate == "answer lost" else self._answer(request)

    def took(self, order: str, action: str) -> list[Line]:
        """What came of an order, repetitions aside: those have one key and one body."""
        found: dict[str, Line] = {}
        for line in self.book:
            if (line.order, line.action) == (order, action):
                assert found.setdefault(line.key, line) == line, "a repetition with another body"
        return list(found.values())


def outside_sales_in(cell: Cell, app: Any) -> type["OutsideSales"]:
    """The machine for a fresh cell."""
    return type("OutsideSalesHere", (OutsideSales,), {"cell": cell, "app": app, "numbers": [0]})


class OutsideSales(RuleBasedStateMachine):
    cell: ClassVar[Cell]
    app: ClassVar[Any]
    numbers: ClassVar[list[int]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = set_clock(self.cell, START)
        self.fates: deque[str] = deque()
        self.seller = Partner(well_behaved_seller, self.fates)
        self.marketplace = Partner(well_behaved_marketplace, self.fates)
        self.seller.server.__enter__()
        self.marketplace.server.__enter__()
        asyncio.run(open_accounts(self.cell, ACCOUNT))
        self.store = self._client()
        register_seller(self.cell, f"{self.seller.server.url}/s")
        self.as_seller = self._client(f"seller:{SELLER}")
        self.bought: list[str] = []
        self.sold: list[str] = []
        self.sent: list[StoredMessage] = []
        self.said: set[tuple[str, str]] = set()  # what the seller said, and we took

    def _client(self, party: str | None = None) -> Client:
        key, token = create_key(self.cell, ACCOUNT, "Owner", party=party)
        return Client(self.app, {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})

    @initialize(purchases=st.integers(1, 2), sales=st.integers(1, 2))
    def begin(self, purchases: int, sales: int) -> None:
        self.bought = [bought(self.store) for _ in range(purchases)]
        for _ in range(sales):
            self.numbers[0] += 1
            url = f"{self.marketplace.server.url}/m"
            self.sold.append(sold_outside(self.store, url, str(self.numbers[0])))

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=4))
    def messages_are_sent(self, fates: list[str]) -> None:
        self.fates.extend(fates)
        dispatcher.evaluate(self.cell, self.cell.loader())
        for message in dispatcher.claim(self.cell, len(fates)):
            asyncio.run(self._send(message))
            self.sent.append(message)
        self.fates.clear()

    @rule(which=st.integers(0, 50))
    def a_worker_that_hung_sends_again(self, which: int) -> None:
        if self.sent:
            message = self.sent[which % len(self.sent)]
            asyncio.run(self._send(message))

    async def _send(self, message: StoredMessage) -> None:
        try:
            await dispatcher.dispatch(self.cell, message)
        finally:
            await self.cell.partner_clients.close()

    @rule(which=st.integers(0, 1), verb=st.sampled_from(["invoice", "cancel"]), twice=st.booleans())
    def seller_tells(self, which: int, verb: str, twice: bool) -> None:
        order = self.bought[which % len(self.bought)]
        body = _invoice(order, TOTAL) if verb == "invoice" else {"reason": "gone"}
        answers = [
            _in_order(self.as_seller.call("POST", f"{ORDERS}/{order}/{verb}", body))
            for _ in range(2 if twice else 1)
        ]
        assert len({answer.status for answer in answers}) == 1, "told twice, answered otherwise"
        if answers[0].status == 200:
            self.said.add((order, verb))

    @rule(which=st.integers(0, 3))
    def store_cancels(self, which: int) -> None:
        orders = [*self.bought, *self.sold]
        url = f"{ORDERS}/{orders[which % len(orders)]}/cancel"
        _in_order(self.store.call("POST", url, {"reason": "Changed my mind"}))

    @rule(which=st.integers(0, 1), part=st.sampled_from([1000, 2000, TOTAL]))
    def store_invoices_what_was_sold_outside(self, which: int, part: int) -> None:
        order = self.sold[which % len(self.sold)]
        _in_order(self.store.call("POST", f"{ORDERS}/{order}/start-handling"))
        body = _invoice(f"{order}-{len(self.marketplace.book)}-{part}", part)
        _in_order(self.store.call("POST", f"{ORDERS}/{order}/invoice", body))

    @rule(which=st.integers(0, 1), verb=st.sampled_from(["fulfill", "cancel"]))
    def marketplace_tells_again(self, which: int, verb: str) -> None:
        order = self.sold[which % len(self.sold)]
        _in_order(self.store.call("POST", f"/api/fulfillment/pvt/orders/{order}/{verb}", {}))

    @rule(delay=st.sampled_from(DELAYS))
    def time_passes(self, delay: timedelta) -> None:
        self.clock.at += delay

    def teardown(self) -> None:
        try:
            if self.bought:
                self._end()
        finally:
            self.seller.server.__exit__()
            self.marketplace.server.__exit__()

    def _end(self) -> None:
        """Nothing is lost any more: whatever waits is told, and both books are closed."""
        self.fates.clear()
        for _ in range(4):  # after the longest wait between two attempts, and what follows of it
            rest(self.cell, self.clock, hours=2)
        for order in self.bought:
            self._agrees_with_the_seller(order, get(self.store, order))
        for order in self.sold:
            self._agrees_with_the_marketplace(order, get(self.store, order))

    def _agrees_with_the_seller(self, order: str, document: Any) -> None:
        status = document["status"]
        assert status in ("payment-approved", "invoiced", "canceled"), (order, status)
        assert not document["workflowIsInError"], order
        placed, paid = self.seller.took(order, "orders"), self.seller.took(order, "fulfill")
        assert max(len(placed), len(paid)) <= 1, (placed, paid)
        assert placed or not paid
        assert ((order, "invoice") in self.said) == (status == "invoiced"), (order, status)
        if status == "canceled" and placed and (order, "cancel") not in self.said:
            assert self.seller.took(order, "cancel"), "it was not told"
        if status != "canceled":
            assert document["sellerOrderId"] == f"S-{order}"
            assert (order, "cancel") not in self.said
            assert (len(placed), len(paid)) == (1, 1)

    def _agrees_with_the_marketplace(self, order: str, document: Any) -> None:
        name = order.removeprefix(f"{AFFILIATE}-")
        assert not document["workflowIsInError"], order
        packages = document["packageAttachment"]["packages"]
        delivered = [line.body["invoiceNumber"] for line in self.marketplace.took(name, "invoice")]
        assert delivered == [one["invoiceNumber"] for one in packages], (delivered, packages)
        worth = sum(one["invoiceValue"] for one in packages)
        assert worth <= TOTAL
        assert (document["status"] == "invoiced") == (worth == TOTAL)
        canceled = self.marketplace.took(name, "cancel")
        assert len(canceled) == (1 if document["status"] == "canceled" else 0)


def _invoice(number: str, value: int) -> dict[str, Any]:
    return {
        "type": "Output",
        "invoiceNumber": number,
        "invoiceValue": value,
        "issuanceDate": "2026-01-01T10:00:00Z",
    }


def _in_order(answer: Answer) -> Answer:
    assert answer.status in ANSWERS, answer.body
    return answer
