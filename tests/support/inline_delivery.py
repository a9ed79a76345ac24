"""What evaluates for hooks and says them, as in a worker process."""

from oms_ledger.cell import Cell
from projections.subscriptions.kinds import SubscriptionKind
from workers.notifications.dispatcher import WebhookDispatcher
from workers.subscriptions.filter_runner import FilterRunner


class Postman(WebhookDispatcher):
    """A webhook dispatcher, and the filter runner that finds what it has to tell."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self._bench = FilterRunner(cell, self._stored)
        self.evaluate = self._bench.evaluate

    def _stored(self, kind: SubscriptionKind, app_key: str) -> None:
        if kind.dispatcher == "webhooks":
            self.signal(app_key)

    @property
    def idle(self) -> bool:
        return self._bench.idle and super().idle

    def close(self) -> None:
        self._bench.close()
        super().close()
