"""Sends what accounts record to their outgoing streams, each stream by whoever holds its lease.

The ledger itself is the queue: a page is read, sent and acknowledged, and then the subscription's
position moves. Threads are started when there is a stream to send.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import structlog

from oms_ledger.cell import Cell
from projections.streams import outgoing
from projections.streams.outgoing import OutgoingStream
from projections.subscriptions import checkpoints, leases
from workers.streams.destination import Destination, DestinationError, open_destination
from workers.streams.envelope import outgoing_event

LANES = 4
PAGE = 200
SLICE = 2.0
"""Seconds after which others have their turn."""

log = structlog.get_logger(__name__)


class StreamDispatcher:
    """Has streams sent, a few at a time, each once however often it is signaled."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._lanes = ThreadPoolExecutor(LANES, "streams")
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._closed = threading.Event()

    def signal(self, name: str) -> None:
        """Have a stream sent soon, from any thread."""
        with self._lock:
            if name in self._waiting or self._closed.is_set():
                return
            self._waiting.add(name)
            self._lanes.submit(self._begin, name)

    def close(self) -> None:
        """Stop sending, after the batches that are being sent."""
        self._closed.set()
        self._lanes.shutdown(wait=True, cancel_futures=True)

    def _begin(self, name: str) -> None:
        with self._lock:
            self._waiting.discard(name)
        try:
            if carry_on(self._cell, name, self._closed):
                self.signal(name)
        except Exception:  # the reconciliation asks again
            log.exception("stream_failed", stream=name)


def carry_on(cell: Cell, name: str, stop: threading.Event) -> bool:
    """Send what a stream lacks, for a while; whether there may be more to send now.

    The head is looked at once more after the lease is given back, so a signal that came while it
    was held cannot get lost.
    """
    with cell.database.snapshot() as connection:
        stream = outgoing.get(connection, name, cell.encryption)
    if stream is None or stream.retry_at > cell.clock.micros():
        return False
    until = time.monotonic() + SLICE
    while not stop.is_set():
        head = cell.store.head()
        if not checkpoints.missing(cell.database, stream.subscription, head):
            return False
        held = checkpoints.acquire_many(cell.database, [stream.subscription])
        if not held:
            return False
        ((token, position),) = held.values()
        try:
            with closing(open_destination(stream)) as destination:
                _pass_on(cell, stream, destination, token, position, until)
        except DestinationError as error:
            log.warning("stream_destination_failed", stream=name, error=str(error))
            with cell.database.writing() as connection:
                outgoing.failed(connection, stream, str(error), cell.clock.micros())
            return False
        finally:
            leases.release(cell.database, stream.subscription, token)
        if time.monotonic() > until:
            return True
    return False


def _pass_on(
    cell: Cell,
    stream: OutgoingStream,
    destination: Destination,
    token: int,
    position: int,
    until: float,
) -> None:
    """Page by page until the head, the time, or somebody who took the lease."""
    subscription, known = stream.subscription, position
    after = destination.resume(position, partial(cell.store.position_of, stream.account))
    while True:
        head = cell.store.head()
        rows = cell.store.orders_page(stream.account, after, head, PAGE)
        if rows:
            destination.send([outgoing_event(stream.account, row) for row in rows])
        after = rows[-1].position if len(rows) == PAGE else max(head, after)
        with cell.database.writing() as connection:
            moved = checkpoints.move(
                connection, {subscription: token}, known, {subscription: after}
            )
            if stream.failures:
                outgoing.worked(connection, stream.name)
        known = after
        if subscription not in moved or after >= head or time.monotonic() > until:
            return
