"""What RQ runs: "advance this cursor". A job takes an id only and may run twice."""

from collections.abc import Callable
from dataclasses import dataclass

from oms_ledger.cell import Cell
from oms_ledger.services import signals as wakeups
from oms_ledger.services.operators import bulk
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


SLOW_WORK: dict[str, Callable[[Cell, str], bool]] = {
    "run": bulk.carry_on,
    revalidation.KIND: revalidation.carry_on,
    "export": lambda cell, name: exporting.carry_on(cell.database, name),
}
"""What is carried on for a while by its id; each says whether there is more to do."""

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
    elif cursor == pushes.DUE:
        desk.courier.wake_due()
    elif cursor == together.wake_name(name):
        desk.bench.judge(name)
    elif kind == "hook":
        desk.courier.wake(name)
    elif kind in SLOW_WORK and SLOW_WORK[kind](desk.cell, name):
        wakeups.wake(desk.cell.redis, [cursor], wakeups.SLOW)
