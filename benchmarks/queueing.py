"""Retrieve and commit by 1 and by 16 pollers, beside raw `SELECT … FOR UPDATE SKIP LOCKED`.

The baseline does what a queue in SQL cannot do without, with the driver alone: lock ten visible
rows, hide them, commit; delete them, commit. On SQLite, which locks no rows, it hides and deletes.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from benchmarks import places
from benchmarks.figures import Figure
from benchmarks.reading import LOT, Raw, queued_feed
from oms_ledger.wiring import Cell
from projections import feeds
from projections.cursors import now_micros

POLLERS = (1, 16)
ITEMS = 4_000
RAW = "raw SQL with SKIP LOCKED: lock and hide ten rows, delete them"
_LOCK = {
    True: "SELECT position FROM feed_items WHERE app_key = ? AND visible_at <= ?"
    " ORDER BY position LIMIT 10",
    False: "SELECT position FROM feed_items WHERE app_key = ? AND visible_at <= ?"
    " ORDER BY position LIMIT 10 FOR UPDATE SKIP LOCKED",
}
_HIDE = (
    "UPDATE feed_items SET visible_at = ?, retrievals = retrievals + 1"
    " WHERE app_key = ? AND position IN ({}) RETURNING *"
)
_GONE = "DELETE FROM feed_items WHERE app_key = ? AND position IN ({})"


def figures(database: str, _seconds: float) -> Iterator[Figure]:
    with places.empty_cell(database) as cell:
        for pollers in POLLERS:
            key = queued_feed(cell, ITEMS).app_key
            ours = _rate(pollers, lambda key=key: consume(cell, key))
            key = queued_feed(cell, ITEMS).app_key
            raw = _rate(pollers, lambda key=key: consume_raw(cell, key))
            yield Figure(
                *(f"feed retrieve and commit, {pollers} pollers", database, ours, "items/s"),
                *(raw, RAW),
            )


def _rate(pollers: int, work: Callable[[], int]) -> float:
    """Items a second of so many threads until nothing is left."""
    done = list[int]()
    threads = [threading.Thread(target=lambda: done.append(work())) for _ in range(pollers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sum(done) != ITEMS:
        raise RuntimeError(f"{sum(done)} items of {ITEMS} were committed")
    return ITEMS / (time.perf_counter() - began)


def consume(cell: Cell, key: str) -> int:
    """Retrieve and commit until nothing is visible; how many items were committed."""
    done = 0
    while True:
        with cell.database.writing_once() as connection:
            lot = feeds.retrieve(connection, key, LOT, cell.vault, now_micros())
        if lot is None or not lot.items:
            return done
        handles = [handle for handle, _ in lot.items]
        with cell.database.writing_once() as connection:
            done += feeds.commit(connection, key, handles, cell.vault)


def consume_raw(cell: Cell, key: str) -> int:
    done = 0
    sqlite = cell.database.sqlite
    with closing(Raw(cell)) as raw:
        while True:
            with cell.database.turn():
                raw.ask("BEGIN IMMEDIATE" if sqlite else "BEGIN")
                found = [p for (p,) in raw.ask(_LOCK[sqlite], key, now_micros())]
                marks = ",".join("?" * len(found))
                if found:
                    raw.ask(_HIDE.format(marks), now_micros() + 60_000_000, key, *found)
                raw.ask("COMMIT")
            if not found:
                return done
            with cell.database.turn():
                raw.ask(_GONE.format(marks), key, *found)
            done += len(found)
