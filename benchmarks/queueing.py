"""Retrieve and commit by 1 and by 16 pollers, beside raw `SELECT … FOR UPDATE SKIP LOCKED`.

The baseline does what a queue in SQL cannot do without, with the driver alone: lock ten visible
rows, hide them, commit; delete them, commit. On SQLite, which locks no rows, it hides and deletes.

pgmq is no extension that installs without its server's files, so its queue is made again here in
SQL of the same shape: a table a queue, one statement that reads and hides, one that deletes.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

from benchmarks import places
from benchmarks.figures import Metric
from benchmarks.reading import LOT, Raw, queued_feed
from oms_ledger.cell import Cell
from projections.notifications import feeds

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
_LIKE_PGMQ = (
    "CREATE TABLE like_pgmq (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reads int NOT NULL"
    " DEFAULT 0, sent_at timestamptz NOT NULL DEFAULT now(), visible_at timestamptz NOT NULL,"
    " message jsonb)",
    "CREATE INDEX like_pgmq_visible ON like_pgmq (visible_at)",
    "INSERT INTO like_pgmq (visible_at, message) SELECT clock_timestamp(), jsonb_build_object("
    "'event_id', 'E' || n, 'order_id', 'v' || n || 'bnch-01', 'state', 'handling',"
    " 'last_state', 'ready-for-handling', 'domain', 'Fulfillment', 'current_change', n)"
    " FROM generate_series(1, ?::bigint) n",
)
_READ = (
    "WITH next AS (SELECT id FROM like_pgmq WHERE visible_at <= clock_timestamp() ORDER BY id"
    " LIMIT 10 FOR UPDATE SKIP LOCKED) UPDATE like_pgmq q SET reads = reads + 1,"
    " visible_at = clock_timestamp() + interval '60 seconds' FROM next WHERE q.id = next.id"
    " RETURNING q.*"
)
PGMQ = "a queue in SQL as pgmq's: read and hide ten, delete them"
_GONE = "DELETE FROM feed_items WHERE app_key = ? AND position IN ({})"


def figures(database: str, _seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        for pollers in POLLERS:
            key = queued_feed(cell, ITEMS).app_key
            ours = _rate(pollers, partial(consume, cell, key))
            key = queued_feed(cell, ITEMS).app_key
            raw = _rate(pollers, partial(consume_raw, cell, key))
            yield Metric(
                *(f"feed retrieve and commit, {pollers} pollers", database, ours, "items/s"),
                *(raw, RAW),
            )
            if not cell.database.sqlite:
                _send_like_pgmq(cell)
                queue = _rate(pollers, lambda: consume_like_pgmq(cell))
                yield Metric(
                    *(f"feed retrieve and commit, {pollers} pollers", database, ours, "items/s"),
                    *(queue, PGMQ),
                )


def _send_like_pgmq(cell: Cell) -> None:
    with closing(Raw(cell)) as raw:
        raw.ask("DROP TABLE IF EXISTS like_pgmq")
        make, index, send = _LIKE_PGMQ
        raw.ask(make)
        raw.ask(index)
        raw.ask(send, ITEMS)


def consume_like_pgmq(cell: Cell) -> int:
    done = 0
    with closing(Raw(cell)) as raw:
        while found := [id for id, *_ in raw.ask(_READ)]:
            done += len(raw.ask("DELETE FROM like_pgmq WHERE id = ANY(?) RETURNING id", found))
    return done


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
            lot = feeds.retrieve(connection, key, LOT, cell.encryption, cell.clock.micros())
        if lot is None:
            return done
        handles = [handle for handle, _ in lot.items]
        with cell.database.writing_once() as connection:
            done += feeds.commit(connection, key, handles, cell.encryption)


def consume_raw(cell: Cell, key: str) -> int:
    done = 0
    sqlite = cell.database.sqlite
    with closing(Raw(cell)) as raw:
        while True:
            with cell.database.turn():
                raw.ask("BEGIN IMMEDIATE" if sqlite else "BEGIN")
                found = [p for (p,) in raw.ask(_LOCK[sqlite], key, cell.clock.micros())]
                marks = ",".join("?" * len(found))
                if found:
                    raw.ask(_HIDE.format(marks), cell.clock.micros() + 60_000_000, key, *found)
                raw.ask("COMMIT")
            if not found:
                return done
            with cell.database.turn():
                raw.ask(_GONE.format(marks), key, *found)
            done += len(found)
