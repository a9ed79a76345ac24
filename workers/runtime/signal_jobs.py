"""What this worker takes from Redis: the one known job with one short text, and nothing else.

Whoever reaches Redis is not trusted. Of a job only its data are read, as JSON,
and compared with the one form that `services.signals` writes; its functions, callbacks, webhooks,
dependents, retries and times are never looked at. What is known is called by this module, so a name
in Redis never becomes code. What else is in the queue is dropped and logged.
"""

import re
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog
from redis import Redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.utils import now
from rq.worker import WorkerStatus
from rq.worker_registration import clean_worker_registry

from oms_ledger.services.signals import ADVANCE

LARGEST = 4096  # bytes of a job's data
WORKER_TTL = 60  # seconds
HEARTBEAT = 5.0
"""Seconds between two entries of a busy worker in the registry; RQ asks for three a job."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,199}")  # of a subscription or a message channel

log = structlog.get_logger(__name__)


class SignalJob(Job):
    """A job of which nothing but the data is taken from Redis."""

    def restore(self, raw_data: Mapping[Any, Any]) -> None:
        """Take the data as bytes; `signal_of` reads them."""
        given = raw_data.get(b"data")
        self._data = given if isinstance(given, bytes) else b""


def signal_of(data: bytes) -> str | None:
    """Return the one argument of the known job; None for whatever else the data are."""
    try:
        unpacked = zlib.decompressobj()
        plain = unpacked.decompress(data, LARGEST) if len(data) <= LARGEST else b""
        job = orjson.loads(plain)
    except (zlib.error, orjson.JSONDecodeError):
        return None
    match job:
        case [str(function), None, [str(name)], dict(named)] if not named and function == ADVANCE:
            return name if _NAME.fullmatch(name) else None
    return None


class SignalQueue(Queue):
    """A queue whose unreadable events are dropped, so that the next one is read."""

    @classmethod
    def dequeue_any(cls, *args: Any, **named: Any) -> tuple[Job, Queue] | None:
        """Give the next signal that can be read, and drop those that cannot."""
        while True:
            try:
                return super().dequeue_any(*args, **named)
            except UnicodeDecodeError as error:  # the id of a job, which is gone from the queue
                log.warning("job_dropped", reason=type(error).__name__)

    @classmethod
    def _fetch_dequeued_job(cls, *args: Any, **named: Any) -> Any:
        try:
            return super()._fetch_dequeued_job(*args, **named)
        except Exception as error:  # noqa: BLE001 - whatever was written there is dropped, and said
            log.warning("job_dropped", reason=type(error).__name__)
            return None


class SignalWorker(SimpleWorker):
    """Runs `advance` for each signal; takes no commands and no code from Redis."""

    def __init__(
        self, redis: Redis, queues: list[str], advance: Callable[[str], None], wait: int = 1
    ) -> None:
        self._wait = wait  # RQ asks for it at once
        # The interval of maintenance is that of the registry of workers, in seconds.
        super().__init__(
            [SignalQueue(name, connection=redis, job_class=SignalJob) for name in queues],
            connection=redis,
            job_class=SignalJob,
            queue_class=SignalQueue,
            worker_ttl=WORKER_TTL,
            maintenance_interval=15,
        )
        self._advance = advance
        self._heartbeat_due = 0.0

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a signal, or drop what is none; nothing of a job is kept when it is done."""
        self.set_state(WorkerStatus.BUSY)
        try:
            name = signal_of(bytes(job.data))
            if name is None:
                log.warning("job_dropped", reason="not a known job")
            else:
                self._advance(name)
        except Exception:
            log.exception("job_failed")
        finally:
            self.connection.delete(job.key)
            self.set_state(WorkerStatus.IDLE)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Note it here alone: nobody reads it in Redis, and it changes four times a job."""
        self._state = state

    @property
    def dequeue_timeout(self) -> int:
        """Seconds for which a job is waited for before it is looked whether to stop."""
        return self._wait

    def end(self) -> None:
        """Ask it to stop after the job under way, or when the wait for one is over."""
        self._stop_requested = True

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Renew the worker's entry in the registry when that is due; end when asked to.

        RQ comes by between two waits for a job, too.
        """
        if self._stop_requested:
            raise StopRequested
        if time.monotonic() >= self._heartbeat_due:
            super().heartbeat(timeout, pipeline)
            self._heartbeat_due = time.monotonic() + HEARTBEAT

    def run_maintenance_tasks(self) -> None:
        """Forget workers that are gone; jobs leave nothing to clean."""
        for queue in self.queues:
            clean_worker_registry(queue)
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def subscribe(self) -> None:
        """Listen to no commands: a worker is stopped by a signal of its machine."""

    def check_for_suspension(self, burst: bool) -> None:
        """Go on, whatever a key in Redis says."""

    def _install_signal_handlers(self) -> None:
        """Leave them to the process: see `Stop`."""
