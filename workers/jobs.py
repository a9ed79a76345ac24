"""What RQ runs: "advance this cursor". A job takes an id only and may run twice."""

from dataclasses import dataclass

from oms_ledger.ledger.folds import Folds
from oms_ledger.wiring import Cell
from projections import calls, feeds, pushes
from projections.feeds import FeedQueue
from projections.together import run_together
from workers import exporting, wakeups
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
    """Bring feeds to the head, all of an account or one; wake the courier, or the switchboard.

    Feeds that were left behind, because they lag or their filter is slow, go on one by one, when
    nothing else waits.
    """
    desk = _desks[-1]
    cell = desk.cell
    wakeups.begun(cell.redis, cursor)
    if cursor == calls.CURSOR:
        desk.switchboard.wake()
        return
    if cursor == pushes.DUE:
        desk.courier.wake_due()
        return
    kind, _, name = cursor.partition(":")
    if kind == "export":
        if exporting.carry_on(cell.database, name):
            wakeups.wake(cell.redis, [cursor], wakeups.SLOW)
        return
    if kind == "hook":
        desk.courier.wake(name)
        return
    if kind == "hooks":
        desk.courier.judge(name)
        return
    with cell.database.reading() as connection:
        if kind == "feeds":
            found = feeds.of_account(connection, name)
        else:
            found = [feed for feed in [feeds.get(connection, name)] if feed is not None]
    queues = [FeedQueue(cell.database, feed) for feed in found]
    if queues:
        left = run_together(cell.database, desk.folds, queues)
        wakeups.wake(cell.redis, left, wakeups.SLOW)
