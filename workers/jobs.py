"""What RQ runs: "advance this cursor". A job takes an id only and may run twice."""

from dataclasses import dataclass

from oms_ledger.ledger.folds import Folds
from oms_ledger.wiring import Cell
from projections import calls, cursors, feeds
from projections.feeds import FeedQueue
from workers import wakeups
from workers.courier import Courier
from workers.switchboard import Switchboard


@dataclass(frozen=True)
class Desk:
    """What the jobs of this worker process work with."""

    cell: Cell
    folds: Folds
    courier: Courier
    switchboard: Switchboard


_desks: list[Desk] = []


def open_desk(cell: Cell) -> Desk:
    desk = Desk(cell, cell.folds(), Courier(cell), Switchboard(cell))
    _desks.append(desk)
    return desk


def close_desk() -> None:
    desk = _desks.pop()
    desk.courier.close()
    desk.switchboard.close()


def advance(cursor: str) -> None:
    """Bring a feed's cursor to the head; hand a hook to the courier, calls to the switchboard."""
    desk = _desks[-1]
    wakeups.begun(desk.cell.redis, cursor)
    if cursor == calls.CURSOR:
        desk.switchboard.wake()
        return
    kind, _, app_key = cursor.partition(":")
    if kind == "hook":
        desk.courier.wake(app_key)
        return
    database = desk.cell.database
    with database.reading() as connection:
        feed = feeds.get(connection, app_key)
    if feed is not None:
        cursors.run(database, desk.folds, cursor, FeedQueue(database, feed))
