"""The clock of a cell under test: the machine's, until a test sets it."""

from datetime import datetime

from oms_ledger.cell import Cell
from oms_ledger.clock import Clock
from oms_ledger.eventstore.records import micros


class SettableClock(Clock):
    """Stand at the instant that a test set last; go with the machine before that."""

    def __init__(self) -> None:
        self._at: int | None = None

    def micros(self) -> int:
        return super().micros() if self._at is None else self._at

    @property
    def at(self) -> datetime:
        return self.now()

    @at.setter
    def at(self, instant: datetime) -> None:
        self._at = micros(instant)


def set_clock(cell: Cell, at: datetime) -> SettableClock:
    """Stop the cell's clock at an instant; the clock, to be moved on."""
    assert isinstance(cell.clock, SettableClock), "the cell was opened with the machine's clock"
    cell.clock.at = at
    return cell.clock
