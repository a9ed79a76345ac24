"""Evaluates the documents of an entity again after its schemas changed: a job of the view.

The view asks for it where the documents are more than it evaluates at once. A schema that changes
meanwhile puts another job in the place of this one.
"""

import asyncio

from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.streams import entity_stream
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.jobs.jobs import Job
from projections.masterdata import documents

DOCUMENTS = 500  # of one step


class RevalidationArguments(Arguments):
    """Of which entity."""

    entity: str


async def step(run: JobRun, arguments: RevalidationArguments) -> Step:
    """Evaluate some more documents, in the order of their ids."""
    return await asyncio.to_thread(_step, run.cell, run.job, arguments.entity)


def _step(cell: Cell, job: Job, name: str) -> Step:
    state = cell.loader().load(entity_stream(job.account, name)).state
    entity = state if isinstance(state, Entity) else first(name)
    after = str(job.place.get("after", ""))
    with cell.database.snapshot() as connection:
        keys = documents.keys_after(connection, job.account, name, after, DOCUMENTS)
    if not keys:
        return Step(job.done, job.done, result={"documents": job.done})

    def store(connection: Connection) -> None:
        documents.evaluate_again(connection, entity, job.account, after, keys[-1])

    done = job.done + len(keys)
    return Step(done, max(done, job.total or 0), {"after": keys[-1]}, store=store)
