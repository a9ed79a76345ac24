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
from benchmarks.pushing import TAKES, configure, endpoint, enqueue, telling, until_told
from oms_ledger.cell import Cell
from projections.outbox.tables import outbox_attempts as attempts
from workers.outbox.dispatcher import OutboxDispatcher

SICKNESSES = ("refusing", "failing", "silent")
OWED, ONE_BY_ONE = 25, 500
BETWEEN = 0.02
WELL = "well"


@dataclass(frozen=True)
class Told:
    """Seconds from due to accepted of notifications that came one by one, and until many got."""

    each: list[float]
    many: float


def figures(database: str, count: int) -> Iterator[Metric]:
    with endpoint(TAKES) as port:
        alone = _told(database, port, count, None)
        for sickness in SICKNESSES:
            beside = _told(database, port, count, sickness)
            of = f"of a healthy hook beside {len(HOSTS):,} {sickness} ones"
            for title, share in (("p50", 0.5), ("p99", 0.99)):
                yield Metric(
                    *(f"notice {of}: {title}", database, percentile(beside.each, share) * 1000),
                    *("ms", percentile(alone.each, share) * 1000, "the same alone"),
                )
            name = f"{count} notices {of}"
            yield Metric(name, database, beside.many, "s", alone.many, "the same alone")


def _told(database: str, port: int, count: int, sickness: str | None) -> Told:
    with places.empty_cell(database) as cell, telling(cell) as courier:
        configure(cell, {WELL: f"http://127.0.0.1:{port}/{WELL}"})
        with cell.database.writing() as connection:
            enqueue(connection, WELL, [1], cell.clock.micros())
        courier.sessions.signal(WELL)
        until_told(cell, [WELL])
        if sickness:
            _fall_ill(cell, courier, port, sickness)
        each = _one_by_one(cell, courier, min(count, ONE_BY_ONE))
        return Told(each, _many(cell, courier, count))


def _fall_ill(cell: Cell, courier: OutboxDispatcher, port: int, sickness: str) -> None:
    dead = {f"dead-{number:04}": _url(host, port, sickness) for number, host in enumerate(HOSTS)}
    configure(cell, dead)
    with cell.database.writing() as connection:
        for key in dead:
            enqueue(connection, key, range(1, 1 + OWED), cell.clock.micros())
    for key in dead:
        courier.sessions.signal(key)


def _url(host: str, port: int, sickness: str | None) -> str:
    return f"http://{host}:{1 if sickness == 'refusing' else port}/{sickness}-1"


def _one_by_one(cell: Cell, courier: OutboxDispatcher, count: int) -> list[float]:
    due = dict[int, int]()
    for position in range(2, 2 + count):
        due[position] = cell.clock.micros()
        with cell.database.writing() as connection:
            enqueue(connection, WELL, [position], cell.clock.micros())
        courier.sessions.signal(WELL)
        time.sleep(BETWEEN)
    until_told(cell, [WELL])
    return [
        (landed - due[position]) / 1e6
        for position, landed in _landed(cell).items()
        if position in due
    ]


def _many(cell: Cell, courier: OutboxDispatcher, count: int) -> float:
    began = cell.clock.micros()
    with cell.database.writing() as connection:
        enqueue(connection, WELL, range(10_000, 10_000 + count), cell.clock.micros())
    courier.sessions.signal(WELL)
    until_told(cell, [WELL])
    return (max(_landed(cell).values()) - began) / 1e6


def _landed(cell: Cell) -> dict[int, int]:
    """When each notification of the healthy hook was accepted, in microseconds."""
    query = select(attempts.c.position, attempts.c.at + attempts.c.duration).where(
        attempts.c.recipient == WELL, attempts.c.outcome == "HTTP 200"
    )
    with cell.database.snapshot() as connection:
        return {position: landed for position, landed in connection.execute(query)}
