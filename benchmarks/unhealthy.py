"""What a thousand dead endpoints cost a healthy hook, notifications one by one and many at once.

The dead ones are known from nothing when they are signaled, all at once and before the healthy one,
which got a notification before. They refuse, say 500, or say nothing until the time is up.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from benchmarks import places
from benchmarks.endpoint import HOSTS
from benchmarks.figures import Metric, percentile
from benchmarks.pushing import TAKES, configure, endpoint, enqueue, telling, until_delivered
from oms_ledger.cell import Cell
from projections.outbox.tables import outbox_attempts as attempts
from workers.outbox.dispatcher import OutboxDispatcher

TROUBLES = ("refusing", "failing", "silent")
PENDING, ONE_BY_ONE = 25, 500
BETWEEN = 0.02
WELL = "well"


@dataclass(frozen=True)
class Timing:
    """Seconds from due to accepted of notifications that came one by one, and until many got."""

    each: list[float]
    many: float


def figures(database: str, count: int) -> Iterator[Metric]:
    with endpoint(TAKES) as port:
        alone = _measured(database, port, count, None)
        for trouble in TROUBLES:
            beside = _measured(database, port, count, trouble)
            of = f"of a healthy hook beside {len(HOSTS):,} {trouble} ones"
            for title, share in (("p50", 0.5), ("p99", 0.99)):
                yield Metric(
                    *(
                        f"notification {of}: {title}",
                        database,
                        percentile(beside.each, share) * 1000,
                    ),
                    *("ms", percentile(alone.each, share) * 1000, "the same alone"),
                )
            name = f"{count} notifications {of}"
            yield Metric(name, database, beside.many, "s", alone.many, "the same alone")


def _measured(database: str, port: int, count: int, trouble: str | None) -> Timing:
    with places.empty_cell(database) as cell, telling(cell) as dispatcher:
        configure(cell, {WELL: f"http://127.0.0.1:{port}/{WELL}"})
        with cell.database.writing() as connection:
            enqueue(connection, WELL, [1], cell.clock.micros())
        dispatcher.sessions.signal(WELL)
        until_delivered(cell, [WELL])
        if trouble:
            _add_unhealthy(cell, dispatcher, port, trouble)
        each = _one_by_one(cell, dispatcher, min(count, ONE_BY_ONE))
        return Timing(each, _many(cell, dispatcher, count))


def _add_unhealthy(cell: Cell, dispatcher: OutboxDispatcher, port: int, trouble: str) -> None:
    dead = {f"dead-{number:04}": _url(host, port, trouble) for number, host in enumerate(HOSTS)}
    configure(cell, dead)
    with cell.database.writing() as connection:
        for key in dead:
            enqueue(connection, key, range(1, 1 + PENDING), cell.clock.micros())
    for key in dead:
        dispatcher.sessions.signal(key)


def _url(host: str, port: int, trouble: str | None) -> str:
    return f"http://{host}:{1 if trouble == 'refusing' else port}/{trouble}-1"


def _one_by_one(cell: Cell, dispatcher: OutboxDispatcher, count: int) -> list[float]:
    due = dict[int, int]()
    for position in range(2, 2 + count):
        due[position] = cell.clock.micros()
        with cell.database.writing() as connection:
            enqueue(connection, WELL, [position], cell.clock.micros())
        dispatcher.sessions.signal(WELL)
        time.sleep(BETWEEN)
    until_delivered(cell, [WELL])
    return [
        (landed - due[position]) / 1e6
        for position, landed in _landed(cell).items()
        if position in due
    ]


def _many(cell: Cell, dispatcher: OutboxDispatcher, count: int) -> float:
    began = cell.clock.micros()
    with cell.database.writing() as connection:
        enqueue(connection, WELL, range(10_000, 10_000 + count), cell.clock.micros())
    dispatcher.sessions.signal(WELL)
    until_delivered(cell, [WELL])
    return (max(_landed(cell).values()) - began) / 1e6


def _landed(cell: Cell) -> dict[int, int]:
    """When each notification of the healthy hook was accepted, in microseconds."""
    query = select(attempts.c.position, attempts.c.at + attempts.c.duration).where(
        attempts.c.recipient == WELL, attempts.c.outcome == "HTTP 200"
    )
    with cell.database.snapshot() as connection:
        return {position: landed for position, landed in connection.execute(query)}
