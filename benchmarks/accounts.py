"""Two hundred accounts, of which one is busy: what its events cost the feeds of the others.

The baseline reads every event for each feed, as a subscription would that does not know whose they
are.
"""

import asyncio
from collections.abc import Iterator
from time import perf_counter

from benchmarks import orders, places
from benchmarks.figures import Metric
from oms_ledger.cell import Cell
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.subscriptions import checkpoints, lateness
from projections.subscriptions.batch import run_batch
from tests.support.configuring import configure_feed

QUIET = 199
FILTER = {"type": "FromOrders", "expression": "value > 1", "disableSingleFire": True}


def figures(database: str, count: int) -> Iterator[Metric]:
    """The busy account lives so many orders while the others' feeds stand still."""
    with places.empty_cell(database) as cell:
        for number in range(QUIET):
            feed = Feed(f"quiet-{number}", f"quiet{number}", FILTER, 60, 345_600)
            configure_feed(cell, feed, 0)
        asyncio.run(_busy(cell, count))
        whole = _all_pages(cell) * QUIET
        of = f"{cell.store.head():,} entries of others, {QUIET} feeds"
        named = "each page read once for each feed"
        began = perf_counter()
        for number in range(QUIET):
            with cell.database.snapshot() as connection:
                fields = feeds.destinations(connection, cell.database, f"quiet{number}")
            assert not run_batch(cell.database, cell.loader(), fields)
        took = perf_counter() - began
        yield Metric(f"feeds woken past {of}", database, took, "s", whole, named)
        with cell.database.writing() as connection:
            for number in range(QUIET):
                checkpoints.drop(connection, f"feed:quiet-{number}")
                checkpoints.create(connection, f"feed:quiet-{number}", 0, kind="feed")
        began, head = perf_counter(), cell.store.head()
        with cell.database.snapshot() as connection:
            lateness.Watch().late_accounts(connection)
        took = perf_counter() - began
        with cell.database.snapshot() as connection:
            assert not [c for c in lateness.behind(connection, head) if c.startswith("feed:")]
        yield Metric(f"the sweep past {of}", database, took, "s", whole, named)


async def _busy(cell: Cell, count: int) -> None:
    await orders.open_account(cell.ledger)
    for _ in range(0, count, 64):
        await asyncio.gather(*(orders.live(cell.ledger) for _ in range(64)))


def _all_pages(cell: Cell) -> float:
    began, at = perf_counter(), 0
    while rows := cell.store.page(at):
        at = rows[-1].position
    return perf_counter() - began
