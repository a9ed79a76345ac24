"""The process that runs RQ's jobs and, in a thread beside them, the courier."""

import logging
from datetime import timedelta

import redis
import structlog
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import WorkerStatus

from oms_ledger.cell import Cell
from oms_ledger.services import signals as wakeups
from workers import jobs
from workers.runtime.stopping import Stop

log = structlog.get_logger(__name__)


class CursorWorker(SimpleWorker):
    """A worker without forks, whose job time-outs need no signals."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        """The process has its own: see `Stop`."""


def work(cell: Cell, stop: Stop) -> None:
    """Work until stopped; while Redis is away, try again."""
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    jobs.open_desk(cell)
    try:
        while not stop.is_set():
            try:
                _work(cell, stop)
            except StopRequested:
                return
            except (redis.RedisError, OSError) as error:
                log.warning("redis is away: trying again", error=str(error))
                stop.wait(1)
    finally:
        jobs.close_desk()


def _work(cell: Cell, stop: Stop) -> None:
    worker = CursorWorker(
        [wakeups.queue(cell.redis, name) for name in (wakeups.QUEUE, wakeups.SLOW)],
        connection=cell.redis,
        serializer=JSONSerializer,
        default_worker_ttl=60,
        maintenance_interval=int(timedelta(seconds=15).total_seconds()),
    )

    def end() -> None:
        """After the job under way; at once where RQ only waits, for a job or for Redis."""
        worker._stop_requested = True
        if worker.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    stop.then(end)
    worker.work(with_scheduler=False, logging_level="WARNING")
