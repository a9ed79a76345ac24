"""Wake-ups over RQ: "this cursor has something to do". They carry no truth and may get lost.

A cursor is put in the queue once until its job begins. While Redis is away nothing is woken;
the clock's sweep finds what is behind as soon as it is back.
"""

from collections.abc import Iterable

import redis
import structlog
from rq import Queue
from rq.serializers import JSONSerializer

QUEUE, SLOW = "cursors", "slow"
"""`SLOW` is looked into when the other is empty: for cursors that have much to catch up with."""

ADVANCE = "advance"
"""The one job: a name, not a place of code (see `workers.runtime.signal_jobs`)."""

_KEPT = 3600  # seconds after which a job that nobody took is gone
_QUEUED = 10  # seconds after which a wake-up that was lost no longer stands in the way

log = structlog.get_logger(__name__)


def queue(connection: redis.Redis, name: str = QUEUE) -> Queue:
    return Queue(name, connection=connection, serializer=JSONSerializer)


def wake(connection: redis.Redis, cursors: Iterable[str], into: str = QUEUE) -> int:
    """Put the cursors in the queue that are not in it; how many. 0 while Redis is away."""
    names = list(cursors)
    if not names:
        return 0
    try:
        with connection.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.set(f"wake:{name}", 1, nx=True, ex=_QUEUED)
            fresh = [n for n, was_set in zip(names, pipeline.execute(), strict=True) if was_set]
        jobs = [
            Queue.prepare_data(ADVANCE, args=(name,), result_ttl=0, failure_ttl=60, ttl=_KEPT)
            for name in fresh
        ]
        if jobs:
            queue(connection, into).enqueue_many(jobs)
        return len(fresh)
    except redis.RedisError as error:
        log.warning("redis is away: nothing was woken", error=error)
        return 0


def begun(connection: redis.Redis, cursor: str) -> None:
    """From here on a new wake-up of the cursor makes a new job."""
    connection.delete(f"wake:{cursor}")
