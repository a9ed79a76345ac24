"""What judges for hooks and tells them, as in a worker process."""

from workers.notifications.dispatcher import Courier
from workers.subscriptions.filter_runner import Bench


class Postman(Courier):
    """A courier, and the bench that finds what it has to tell."""

    def __init__(self, cell):
        super().__init__(cell)
        self._bench = Bench(cell, self.wake)
        self.judge = self._bench.judge

    @property
    def idle(self):
        return self._bench.idle and super().idle

    def close(self):
        self._bench.close()
        super().close()
