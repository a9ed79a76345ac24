"""What evaluates for hooks and sends them what they have waiting, as in a worker process."""

from oms_ledger.cell import Cell
from projections.subscriptions.kinds import SubscriptionKind
from workers.outbox.dispatcher import OutboxDispatcher
from workers.subscriptions.filter_runner import FilterRunner


class Postman(OutboxDispatcher):
    """An outbox dispatcher, and the filter runner that finds what it has to send to hooks."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self._runner = FilterRunner(cell, self._stored)
        self.evaluate = self._runner.evaluate
        self.signal_hook = self.sessions.signal
        self.signal_due = self.sessions.signal_due

    def _stored(self, kind: SubscriptionKind, app_key: str) -> None:
        if kind.dispatcher == "outbox":
            self.sessions.signal(app_key)

    @property
    def idle(self) -> bool:
        return self._runner.idle and super().idle

    def close(self) -> None:
        self._runner.close()
        super().close()
