"""Events evaluated by 1, 10 and 100 feeds, beside plain jsonata-python on whole documents.

The product's figure is the whole work of a worker: pages read, events decrypted and folded,
evaluated by every feed, items and positions committed. The baseline is given its documents: it
folds each event once for all feeds, makes the whole document once, and evaluates.
"""

import asyncio
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]

from benchmarks import orders, places
from benchmarks.figures import Metric
from oms_ledger.cell import Cell
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.order import Order
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.subscriptions.batch import run_batch
from tests.support.configuring import configure_feeds, remove_feed

FEEDS = (1, 10, 100)
TYPICAL = 'status = "ready-for-handling" and salesChannel = "{0}"'
GUIDE = "$count(items[name ~> /.*refrigerator{0}.*/i and price>=1000]) > 0"
PLAIN = "plain jsonata-python, whole documents made once for all feeds"


def figures(database: str, count: int, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        asyncio.run(_lives(cell, count))
        for name, text in (("typical filter", TYPICAL), ("regular expression", GUIDE)):
            for feeds_count in FEEDS if text is TYPICAL else FEEDS[:1]:
                yield Metric(
                    *(f"events judged by {feeds_count} feeds, {name}", database),
                    *(median(evaluated(cell, text, feeds_count) for _ in range(3)), "judgements/s"),
                    *(plain(cell, text, feeds_count, seconds), PLAIN),
                )


async def _lives(cell: Cell, count: int) -> None:
    await orders.open_account(cell.ledger)
    for _ in range(0, count, 64):
        await asyncio.gather(*(orders.live(cell.ledger) for _ in range(64)))


def _filter(expression: str) -> dict[str, Any]:
    return {"expression": expression, "disableSingleFire": True}


def evaluated(cell: Cell, text: str, count: int) -> float:
    """Judgements a second: each event of an order by each feed is one."""
    keys = [f"vtexappkey-{orders.ACCOUNT}-{count}-{n}" for n in range(count)]
    wanted = [
        Feed(key, orders.ACCOUNT, _filter(text.format(number)), 60, 345_600)
        for number, key in enumerate(keys)
    ]
    configure_feeds(cell, wanted, 0)
    with cell.database.reading() as connection:
        ours = feeds.destinations(connection, cell.database, orders.ACCOUNT)
        queues = [queue for queue in ours if queue.app_key in keys]
    loader, began = cell.loader(), time.perf_counter()
    while run_batch(cell.database, loader, queues):
        pass
    took = time.perf_counter() - began
    for key in keys:
        remove_feed(cell, orders.ACCOUNT, key)
    return _entries(cell) * count / took


def plain(cell: Cell, text: str, count: int, seconds: float) -> float:
    expressions = [Jsonata(text.format(number)) for number in range(count)]
    rows = [row for row in cell.store.page(0, 2_000) if row.order_id]
    done, began = 0, time.perf_counter()
    for _, _, _, loaded_state in cell.loader().steps(rows):
        assert isinstance(loaded_state.state, Order)
        document = filter_document(loaded_state.state)
        for expression in expressions:
            expression.evaluate(document)
        done += count
        if time.perf_counter() - began > seconds:
            break
    return done / (time.perf_counter() - began)


def _entries(cell: Cell) -> int:
    return cell.store.head() - sum(not row.order_id for row in cell.store.page(0, 10))
