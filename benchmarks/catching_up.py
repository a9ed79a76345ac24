"""How fast what follows the ledger catches up after an hour's outage, at 200 events a second (G61).

An hour of it is 720,000 events; a smaller ledger is read and the share gets in the name. What
is account: events a second, beside the 200 that arrive meanwhile, and how long the hour takes so.
"""

import asyncio
from collections.abc import Callable, Iterator
from time import perf_counter

from benchmarks import orders, places
from benchmarks.evaluation import TYPICAL
from benchmarks.figures import Metric
from benchmarks.reading import rebuild
from oms_ledger.cell import Cell
from projections.notifications import feeds
from projections.notifications.feeds import Feed, FeedQueue
from projections.notifications.hooks import Hook, HookDeliveries
from projections.subscriptions.batch import run_batch
from projections.subscriptions.sink import SubscriptionSink
from tests.support.configuring import configure_feeds, configure_hook

ARRIVING, HOUR = 200.0, 3_600
FEEDS = 5
STATUS = {"type": "FromWorkflow", "status": ["handling", "invoiced"]}


def figures(database: str, share: int) -> Iterator[Metric]:
    """`share`: the ledger has one in so many of the hour's events."""
    wanted = int(ARRIVING * HOUR / share)
    with places.empty_cell(database) as cell:
        asyncio.run(_traffic(cell, wanted))
        works: dict[str, Callable[[Cell], float]] = {
            "order views": rebuild,
            f"{2 * FEEDS} feeds, half of them FromOrders": _feeds,
            "a hook's judging": _hook,
        }
        for name, work in works.items():
            rate = work(cell)
            of = f"catching up, {name}, 1/{share} of an hour"
            named = "arriving meanwhile"
            yield Metric(of, database, rate, "events/s", ARRIVING, named)
            if rate > ARRIVING:
                whole = ARRIVING * HOUR / (rate - ARRIVING)
                yield Metric(f"{of}: the whole hour so", database, whole, "s")


async def _traffic(cell: Cell, wanted: int) -> None:
    await orders.open_account(cell.ledger)
    while cell.store.head() < wanted:
        await asyncio.gather(*(orders.live(cell.ledger) for _ in range(64)))


def _feeds(cell: Cell) -> float:
    orders_filters = [
        {"type": "FromOrders", "expression": TYPICAL.format(n), "disableSingleFire": True}
        for n in range(FEEDS)
    ]
    filters = [STATUS] * FEEDS + orders_filters
    late = [Feed(f"late-{n}", orders.ACCOUNT, one, 60, 345_600) for n, one in enumerate(filters)]
    configure_feeds(cell, late, 0)
    with cell.database.reading() as connection:
        sinks = feeds.destinations(connection, cell.database, orders.ACCOUNT)
    return _rate(cell, sinks)


def _hook(cell: Cell) -> float:
    hook = Hook("late", orders.ACCOUNT, STATUS, "https://example.com/", {})
    configure_hook(cell, hook, 0)
    return _rate(cell, [HookDeliveries(cell.database, "late", orders.ACCOUNT, STATUS)])


def _rate(
    cell: Cell, sinks: list[SubscriptionSink] | list[FeedQueue] | list[HookDeliveries]
) -> float:
    loader, began = cell.loader(), perf_counter()
    while run_batch(cell.database, loader, sinks):
        pass
    return cell.store.head() / (perf_counter() - began)
