"""The process that runs RQ's jobs and, in a thread beside them, the outbox dispatcher."""

import logging
import threading

import redis
import structlog
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from oms_ledger.cell import Cell
from oms_ledger.services import signals
from workers import jobs
from workers.runtime.signal_jobs import SignalWorker
from workers.runtime.stopping import Stop

LONG_WAIT, SHORT_WAIT = 45, 1
"""Seconds for which a job is waited for at a time; a thread is stopped between two waits."""

log = structlog.get_logger(__name__)


def work(cell: Cell, stop: Stop) -> None:
    """Work until stopped; while Redis is away, try again."""
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    jobs.open_context(cell)
    try:
        while not stop.is_set():
            try:
                _work(cell, stop)
                stop.wait(1)  # it broke off, over something in Redis: not again at once
            except StopRequested:
                return
            except (redis.RedisError, OSError) as error:
                log.warning("redis_unavailable", error=error)
                if not jobs.carry_on_due(cell):
                    stop.wait(1)
    finally:
        jobs.close_context()


def _work(cell: Cell, stop: Stop) -> None:
    interrupted = threading.current_thread() is threading.main_thread()
    wait = LONG_WAIT if interrupted else SHORT_WAIT
    worker = SignalWorker(cell.redis, [signals.QUEUE, signals.SLOW], jobs.advance, wait)

    def end() -> None:
        """After the job under way; where RQ only waits, at once in the main thread.

        Signals of the machine interrupt that alone: another one ends when its wait is over.
        """
        worker.end()
        if interrupted and worker.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    stop.then(end)
    worker.work(with_scheduler=False, logging_level="WARNING")
