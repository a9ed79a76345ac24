"""What RQ runs: "advance this cursor". A job takes an id only and may run twice."""

from dataclasses import dataclass

from oms_ledger.wiring import Cell
from projections import calls, pushes, together
from workers import exporting, wakeups
from workers.bench import Bench
from workers.courier import Courier
from workers.switchboard import Switchboard


@dataclass(frozen=True)
class Desk:
    """What the jobs of this worker process work with."""

    cell: Cell
    bench: Bench
    courier: Courier
    switchboard: Switchboard


_desks: list[Desk] = []


def open_desk(cell: Cell) -> Desk:
    courier = Courier(cell)
    desk = Desk(cell, Bench(cell, courier.wake), courier, Switchboard(cell))
    _desks.append(desk)
    return desk


def close_desk() -> None:
    desk = _desks.pop()
    desk.bench.close()
    desk.courier.close()
    desk.switchboard.close()


def advance(cursor: str) -> None:
    """Have the cursor go on, in a thread of its own or for one slice; see who takes it below."""
    desk = _desks[-1]
    wakeups.begun(desk.cell.redis, cursor)
    kind, _, name = cursor.partition(":")
    if cursor == calls.CURSOR:
        desk.switchboard.wake()
    elif cursor == pushes.DUE:
        desk.courier.wake_due()
    elif cursor == together.wake_name(name):
        desk.bench.judge(name)
    elif kind == "hook":
        desk.courier.wake(name)
    elif kind == "export" and exporting.carry_on(desk.cell.database, name):
        wakeups.wake(desk.cell.redis, [cursor], wakeups.SLOW)
