"""An account moves while shops write and a client polls, over sockets; each knows one address."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from oms_ledger.cell import Cell
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.hosting import GONE, LIVE
from oms_ledger.eventstore.tables import events
from oms_ledger.services.cells.move import Move
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.subscriptions import batch
from tests.support.cells import application, close_forwarding
from tests.support.client import Client
from tests.support.configuring import configure_feed, create_key
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT, open_account, purchase

ORDERS = f"/api/checkout/pub/orders?an={ACCOUNT}"
FEED = f"/api/orders/feed?an={ACCOUNT}"
EVENTS = f"/api/ledger/events?an={ACCOUNT}"
EVERY = {"type": "FromWorkflow", "status": []}
BEFORE, AFTER = 4, 3
"""Orders of each shop that are placed before the move begins, and after it has ended."""


@dataclass
class Shops:
    """Shops that place order after order at one cell; what is refused for now is asked again."""

    app: object
    headers: dict[str, str]
    moved: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    warm: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def call(self, method, url, body=None, **more):
        client = Client(self.app, self.headers | more, over_http=True)
        for _ in range(10_000):
            answer = client.call(method, url, body)
            if answer.status != 503:
                return answer
            assert answer.header("Retry-After") == "1"
            self.refused.append(answer.status)
            self.moved.wait(0.05)
        raise AssertionError("refused for ever")

    def shop(self, name: int) -> None:
        left, number = AFTER, 0
        while left:
            number += 1
            left -= self.moved.is_set()
            key = {"Idempotency-Key": f"shop-{name}-{number}"}
            answer = self.call("PUT", ORDERS, purchase(price=1000 + number), **key)
            assert answer.status == 201, answer.body
            self.acknowledged += [one["orderId"] for one in answer.json()["orders"]]
            if number == BEFORE:
                self.warm.release()

    def poll(self) -> None:
        while not self.moved.is_set():
            self.commit_page()
            self.moved.wait(0.02)

    def commit_page(self) -> int:
        page = self.call("GET", f"{FEED}&maxlot=10").json()
        if page:
            self.items += [one["eventId"] for one in page]
            handles = {"handles": [one["handle"] for one in page]}
            assert self.call("POST", FEED, handles).status == 200
        return len(page)


def evaluate(cell: Cell) -> None:
    with cell.database.snapshot() as connection:
        sinks = feeds.destinations(connection, cell.database, ACCOUNT)
    batch.run_batch(cell.database, cell.loader(), sinks)


@pytest.fixture
def shops(cells):
    asyncio.run(open_account(cells.a.ledger))
    key, token = create_key(cells.a, ACCOUNT, "Owner")
    configure_feed(cells.a, Feed(key, ACCOUNT, EVERY, 43_200, 345_600))
    asyncio.run(open_account(cells.b.ledger, name="globex"))
    app, other = application(cells.a), application(cells.b)
    cells.add(cells.a, app, [ACCOUNT])
    cells.add(cells.b, other, ["globex"])
    yield Shops(app, {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})
    for one in (app, other):
        close_forwarding(one)


def test_nothing_is_lost_or_doubled_while_an_account_moves(cells, shops):
    mover = [Cell(cell.settings, cell.clock) for cell in cells.both]
    for cell in mover:
        cell.require_key()
    move = Move(ACCOUNT, mover[0], mover[1], cells.directory, fenced_for=HANGS)
    threads = [threading.Thread(target=shops.shop, args=(name,)) for name in range(2)]
    threads.append(threading.Thread(target=shops.poll))
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            assert shops.warm.acquire(timeout=HANGS)
        evaluate(mover[0])
        begun = shops.call("GET", f"{EVENTS}&limit=5").json()
        move.run()
    finally:
        shops.moved.set()
        for thread in threads:
            thread.join(HANGS)
    a, b = mover
    states = []
    for cell in mover:
        with cell.database.reading() as connection:
            states.append(hosting.state_of(connection, ACCOUNT))
    assert states == [GONE, LIVE]
    placed = select(events.c.stream).where(
        events.c.account == ACCOUNT, events.c.version == 1, events.c.stream != f"{ACCOUNT}/"
    )
    with b.database.reading() as connection:
        stored = set(connection.execute(placed).scalars())
    assert len(shops.acknowledged) == len(set(shops.acknowledged))
    assert stored == {f"{ACCOUNT}/{one}" for one in shops.acknowledged}
    evaluate(b)
    while shops.commit_page():
        pass
    changes = select(func.count()).where(
        events.c.account == ACCOUNT, events.c.status.is_distinct_from(events.c.status_before)
    )
    with b.database.reading() as connection:
        expected = connection.execute(changes).scalar_one()
    assert len(shops.items) == len(set(shops.items)) == expected
    read = begun["events"] + follow(shops, begun["next"])
    with b.database.reading() as connection:
        count = select(func.count()).where(
            events.c.account == ACCOUNT, events.c.stream != f"{ACCOUNT}/"
        )
        assert len(read) == connection.execute(count).scalar_one()
    versions = [(one["orderId"], one["version"]) for one in read]
    assert len(versions) == len(set(versions))
    for cell in (a, b):
        cell.close()


def follow(shops: Shops, after: str) -> list[Any]:
    """The rest of the change stream, from a place that the former cell gave."""
    assert after.startswith("a:")
    found: list[Any] = []
    while page := shops.call("GET", f"{EVENTS}&limit=50&after={after}").json():
        if not page["events"]:
            return found
        found, after = found + page["events"], page["next"]
        assert after.startswith("b:")
    return found
