"""The baseline of appending: the `eventsourcing` library's recorder, one event a transaction."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks import places
from oms_ledger.eventstore.records import RecordedEvent

FULL = 2  # what PRAGMA synchronous answers


@contextmanager
def recorder(database: str) -> Iterator[ApplicationRecorder]:
    if database == places.SQLITE:
        with TemporaryDirectory(prefix="oms-benchmark-") as folder:
            store = SQLiteDatastore(
                str(Path(folder) / "library.sqlite3"),
                lock_timeout=60,
                pool_size=5,
                max_overflow=0,
                pool_timeout=60,
                originator_id_type="text",
            )
            with closing(store):
                with store.transaction(commit=False) as subscription:
                    subscription.execute("PRAGMA synchronous")
                    assert subscription.fetchone()[0] == FULL, "the library would not write durably"
                made: Any = SQLiteApplicationRecorder(store)
                made.create_table()
                yield made
        return
    with places.empty_place(database) as place:
        where = conninfo_to_dict(place.url)
        with closing(
            PostgresDatastore(
                dbname=str(where["dbname"]),
                host=str(where.get("host", "127.0.0.1")),
                port=str(where.get("port", 5432)),
                user=str(where.get("user", "postgres")),
                password=str(where.get("password", "")),
                pool_size=64,
                connect_timeout=60,
                originator_id_type="text",
            )
        ) as connections:
            made = PostgresApplicationRecorder(connections)
            made.create_table()
            connections.pool.wait(60)  # all 64 connections are there before time is taken
            yield made


_copies = count()  # the same stream is never written twice


def events_per_second(
    its: ApplicationRecorder,
    streams: Sequence[Sequence[RecordedEvent]],
    clients: int,
    seconds: float,
) -> float:
    """The same bytes, stream by stream, each event in a transaction of its own."""
    with ThreadPoolExecutor(clients) as pool:
        until = time.perf_counter() + seconds
        began = time.perf_counter()
        waiting = ((next(_copies), rows) for rows in cycle(streams))
        lock = Lock()

        def client(_: int) -> int:
            done = 0
            while True:
                with lock:
                    number, rows = next(waiting)
                for row in rows:
                    if time.perf_counter() > until:
                        return done
                    state = row.body + (row.personal or b"")
                    event = StoredEvent(f"{row.stream}.{number}", row.version, row.name, state)
                    its.insert_events([event])
                    done += 1

        done = sum(pool.map(client, range(clients)))
        return done / (time.perf_counter() - began)
