"""Going on in the same process when the database went away: a start costs seconds of silence."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from oms_ledger.eventstore.database import UNAVAILABLE, Database
from workers.runtime.stopping import Stop

AGAIN = 0.25
"""Seconds until the database is tried again."""

log = structlog.get_logger(__name__)


@contextmanager
def surviving(database: Database, stop: Stop) -> Iterator[None]:
    """Swallow that the database went away, so that the caller's loop begins anew.

    Connections to a server that is gone, or that only reads now, are dropped.
    """
    try:
        yield
    except UNAVAILABLE as error:
        log.warning("database_unavailable", error=str(error).split("\n")[0])
        database.close()
        stop.wait(AGAIN)
