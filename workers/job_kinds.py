"""The jobs that are carried on slice by slice: exports, bulk runs, documents evaluated again.

Each has rows in the database that say how far it is. They are the truth: what is queued carries the
name of a kind and an id, may get lost and may run twice. The reconciliation queues whatever is
unfinished. A worker runs these kinds alone, with ids of the form that the kind makes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.services.operators import bulk
from projections.exports import jobs as exports
from projections.operators import runs
from workers.exports import runner
from workers.masterdata import revalidation


@dataclass(frozen=True)
class JobKind:
    """`carry_on` goes on with a job for a while and says whether there is more to do."""

    ids: re.Pattern[str]
    unfinished: Callable[[Connection], list[str]]
    carry_on: Callable[[Cell, str], bool]


JOB_KINDS: dict[str, JobKind] = {
    "export": JobKind(
        re.compile(r"[0-9a-f]{32}"),
        exports.unfinished,
        lambda cell, export_id: runner.carry_on(cell.database, export_id),
    ),
    "run": JobKind(re.compile(r"[0-9a-f]{16}"), runs.unfinished, bulk.carry_on),
    "revalidation": JobKind(
        re.compile(r"[A-Za-z0-9_-]{1,100}:[A-Za-z0-9_-]{1,100}"),
        revalidation.unfinished,
        revalidation.carry_on,
    ),
}


def unfinished(connection: Connection) -> list[str]:
    """The signals of all jobs that have more to do."""
    return [
        f"{name}:{job_id}"
        for name, kind in JOB_KINDS.items()
        for job_id in kind.unfinished(connection)
    ]


def carry_on(cell: Cell, name: str, job_id: str) -> bool:
    """Go on with a job of a known kind; False also for what no kind could have made."""
    kind = JOB_KINDS.get(name)
    if kind is None or not kind.ids.fullmatch(job_id):
        return False
    return kind.carry_on(cell, job_id)
