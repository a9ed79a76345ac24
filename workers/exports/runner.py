"""Carries exports on, a few pieces a job, so that feeds and hooks never wait for one."""

import time

from oms_ledger.eventstore.database import Database
from projections.exports import jobs

LONGEST = 2.0  # seconds of one job


def carry_on(database: Database, export_id: str) -> bool:
    """Go on with an export for a while; whether there is more to do."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        with database.reading() as connection:
            export = jobs.get(connection, None, export_id)
        if export is None or export.state != "running":
            return False
        if not jobs.carry_on(database, export):
            return False
    return True
