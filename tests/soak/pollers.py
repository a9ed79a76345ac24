"""Consumers of a feed that crash between retrieving and committing, two on one key."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.soak.deployment import DAY, Client

VISIBILITY = 3
"""Seconds that a retrieved item stays hidden."""


@dataclass
class Seen:
    """What the consumers of one feed saw, and what went wrong; shared by their threads."""

    items: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)
    """By event id: order, state, last state."""
    counts: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _retrieved: dict[str, float] = field(default_factory=dict)
    _committed: dict[str, float] = field(default_factory=dict)

    def retrieve(self, lot: list[dict[str, Any]], requested: float, answered: float) -> None:
        """A lot that was asked for and answered at these instants of this machine's clock."""
        with self.lock:
            for item in lot:
                event_id = item["eventId"]
                fields = (item["orderId"], item["state"], item["lastState"])
                if self.items.setdefault(event_id, fields) != fields:
                    self.wrongs.append(f"{event_id} was {self.items[event_id]}, now {fields}")
                if self._committed.get(event_id, requested) < requested:
                    self.wrongs.append(f"{event_id} came back after its commit")
                before = self._retrieved.get(event_id)
                if before is not None and answered - before < VISIBILITY:
                    self.wrongs.append(f"{event_id} was handed out twice within its visibility")
                self._retrieved[event_id] = requested
            self.counts["retrieved"] += len(lot)

    def commit(self, lot: list[dict[str, Any]], answered: float) -> None:
        with self.lock:
            for item in lot:
                self._committed.setdefault(item["eventId"], answered)
            self.counts["committed"] += len(lot)


class Poller:
    """A thread that polls; it forgets what it retrieved now and then, or commits twice or late."""

    def __init__(self, client: Client, seen: Seen, seed: str) -> None:
        self._client, self._seen = client, seen
        self._dice = random.Random(seed)
        self._end = threading.Event()
        self._failure: BaseException | None = None
        self._late: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._run)

    @staticmethod
    def configure(client: Client, filter: dict[str, Any]) -> None:
        queue = {
            "visibilityTimeoutInSeconds": VISIBILITY,
            "messageRetentionPeriodInSeconds": 4 * DAY,
        }
        client.do("POST", "/api/orders/feed/config", {"filter": filter, "queue": queue})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                if not self.poll():
                    self._end.wait(0.3)
        except BaseException as error:
            self._failure = error

    def poll(self) -> int:
        requested = time.monotonic()
        size = self._dice.randint(1, 10)
        lot = self._client.do("GET", f"/api/orders/feed?maxlot={size}").json()
        self._seen.retrieve(lot, requested, time.monotonic())
        if lot:
            self._settle(lot)
        return len(lot)

    def _settle(self, lot: list[dict[str, Any]]) -> None:
        fate = self._dice.random()
        if fate < 0.1:
            self._seen.counts["forgotten"] += len(lot)
        elif fate < 0.2:
            self._late = lot  # committed at the next turn, maybe after it came back
        else:
            self._commit(lot)
            if fate > 0.9:
                self._commit(lot)
            if self._late:
                late, self._late = self._late, []
                self._commit(late)

    def _commit(self, lot: list[dict[str, Any]]) -> None:
        self._client.do("POST", "/api/orders/feed", {"handles": [item["handle"] for item in lot]})
        self._seen.commit(lot, time.monotonic())

    def drain(self) -> None:
        """Poll and commit until nothing is stored any more, what is hidden now included."""
        while True:
            requested = time.monotonic()
            lot = self._client.do("GET", "/api/orders/feed?maxlot=10").json()
            self._seen.retrieve(lot, requested, time.monotonic())
            if lot:
                self._commit(lot)
            elif not self._client.do("GET", "/api/orders/feed/config").json()["quantity"]:
                return
            else:
                time.sleep(0.1)
