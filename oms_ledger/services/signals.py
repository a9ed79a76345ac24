"""Signals over RQ: "this subscription has something to do". They carry no truth and may get lost.

A subscription is put in the queue once until its job begins. While Redis is away nothing is
signaled; the scheduler's reconciliation finds what is behind as soon as it is back.
"""

from collections.abc import Iterable

import redis
import structlog
from rq import Queue
from rq.serializers import JSONSerializer

QUEUE, SLOW = "signals", "slow"
"""`SLOW` is looked into when the other is empty: for subscriptions that have much to catch up
with.
"""

ADVANCE = "advance"
"""The one job: a name, not a place of code (see `workers.runtime.signal_jobs`)."""

_KEPT = 3600  # seconds after which a job that nobody took is gone
_QUEUED = 10  # seconds after which a signal that was lost no longer stands in the way

log = structlog.get_logger(__name__)


def queue(connection: redis.Redis, name: str = QUEUE) -> Queue:
    """A queue of signals; what is in it is JSON and names no code."""
    return Queue(name, connection=connection, serializer=JSONSerializer)


def signal(connection: redis.Redis, subscriptions: Iterable[str], into: str = QUEUE) -> int:
    """Put the subscriptions in the queue that are not in it; how many. 0 while Redis is away."""
    names = list(subscriptions)
    if not names:
        return 0
    try:
        with connection.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.set(f"signal:{name}", 1, nx=True, ex=_QUEUED)
            fresh = [n for n, was_set in zip(names, pipeline.execute(), strict=True) if was_set]
        jobs = [
            Queue.prepare_data(ADVANCE, args=(name,), result_ttl=0, failure_ttl=60, ttl=_KEPT)
            for name in fresh
        ]
        if jobs:
            queue(connection, into).enqueue_many(jobs)
        return len(fresh)
    except redis.RedisError as error:
        log.warning("redis_unavailable", error=error)
        return 0


def consume(connection: redis.Redis, subscription: str) -> None:
    """From here on a new signal of the subscription makes a new job."""
    connection.delete(f"signal:{subscription}")
