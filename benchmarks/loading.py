"""Reading orders and notifications: by the ledger itself, and by what the library has for it."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from eventsourcing.persistence import JSONTranscoder, StoredEvent

from benchmarks import library, orders, places
from benchmarks.alternating import Work, medians
from benchmarks.figures import Metric
from oms_ledger.eventstore.eventsourcing_adapter import LedgerRecorder
from oms_ledger.ledger import Ledger

PAGE = 500


def figures(database: str, count: int, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell, library.recorder(database) as its:
        asyncio.run(_lives(cell.ledger, count))
        rows, loader = cell.store.page(1, 100_000), cell.loader()
        for row in rows:
            # The body is JSON as the library's transcoder reads it; the person is left out.
            its.insert_events([StoredEvent(row.stream, row.version, row.name, bytes(row.body))])
        streams = sorted({row.stream for row in rows})
        transcoder, pick = JSONTranscoder(), random.Random(1)

        def theirs() -> int:
            found = its.select_events(pick.choice(streams))
            for stored in found:
                transcoder.decode(stored.state)
            return 1

        def ours() -> int:
            return loader.load(pick.choice(streams)).version and 1

        rates = medians({"ours": _rate(ours), "theirs": _rate(theirs)}, seconds)
        yield Metric(
            *("load an order: folded, the person decrypted", database, rates["ours"], "orders/s"),
            *(rates["theirs"], "eventsourcing: select_events and transcoder, no fold, no person"),
        )
        through = LedgerRecorder(loader)
        rates = medians(
            {
                "ours": _rate(lambda: len(cell.store.page(0, PAGE))),
                "adapted": _rate(lambda: len(through.select_notifications(1, PAGE))),
                "theirs": _rate(lambda: len(its.select_notifications(1, PAGE))),
            },
            seconds,
        )
        named = "eventsourcing recorder: select_notifications"
        for title, key in (
            ("follow: pages of entries", "ours"),
            ("follow through the library's interface, decrypted", "adapted"),
        ):
            yield Metric(title, database, rates[key], "events/s", rates["theirs"], named)


async def _lives(ledger: Ledger, count: int) -> None:
    await orders.open_account(ledger)
    await asyncio.gather(*(orders.live(ledger) for _ in range(count)))


def _rate(work: Callable[[], int]) -> Work:
    return partial(_repeated, work)


def _repeated(work: Callable[[], int], seconds: float) -> float:
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        done += work()
    return done / (time.perf_counter() - began)
