"""What RQ runs: "advance this cursor". A job takes an id only and may run twice."""

from dataclasses import dataclass

from oms_ledger.cell import Cell
from oms_ledger.services import signals as wakeups
from projections.masterdata import triggers
from projections.notifications import deliveries as pushes
from projections.outbox import messages as calls
from projections.subscriptions import batch as together
from workers.exports import runner as exporting
from workers.masterdata import revalidation
from workers.masterdata.dispatcher import TriggerDispatcher
from workers.notifications.dispatcher import Courier
from workers.outbox.dispatcher import Switchboard
from workers.subscriptions.filter_runner import Bench


@dataclass(frozen=True)
class Desk:
    """What the jobs of this worker process work with."""

    cell: Cell
    bench: Bench
    courier: Courier
    switchboard: Switchboard
    triggers: TriggerDispatcher


_desks: list[Desk] = []


def open_desk(cell: Cell) -> Desk:
    courier = Courier(cell)
    desk = Desk(
        cell, Bench(cell, courier.wake), courier, Switchboard(cell), TriggerDispatcher(cell)
    )
    _desks.append(desk)
    return desk


def close_desk() -> None:
    desk = _desks.pop()
    desk.bench.close()
    desk.courier.close()
    desk.switchboard.close()
    desk.triggers.close()


def advance(cursor: str) -> None:
    """Have the cursor go on, in a thread of its own or for one slice; see who takes it below."""
    desk = _desks[-1]
    wakeups.begun(desk.cell.redis, cursor)
    kind, _, name = cursor.partition(":")
    if cursor == calls.CURSOR:
        desk.switchboard.wake()
    elif cursor == triggers.CURSOR:
        desk.triggers.wake()
    elif kind == revalidation.KIND and revalidation.carry_on(desk.cell, name):
        wakeups.wake(desk.cell.redis, [cursor], wakeups.SLOW)
    elif cursor == pushes.DUE:
        desk.courier.wake_due()
    elif cursor == together.wake_name(name):
        desk.bench.judge(name)
    elif kind == "hook":
        desk.courier.wake(name)
    elif kind == "export" and exporting.carry_on(desk.cell.database, name):
        wakeups.wake(desk.cell.redis, [cursor], wakeups.SLOW)
