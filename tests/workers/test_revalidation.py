"""Many documents are evaluated again by a job: killed anywhere, overtaken by another schema."""

import asyncio

import pytest
from sqlalchemy import select

from oms_ledger.masterdata.streams import entity_stream
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from oms_ledger.services.masterdata import entities, revalidation
from oms_ledger.services.privacy.steps import catch_up
from projections.jobs import jobs
from projections.masterdata import documents
from projections.masterdata.tables import document_schemas
from projections.subscriptions import leases
from tests.projections.ops.test_verify_documents import ENTITY, keep
from tests.support.purchases import ACCOUNT, open_account
from tests.workers.test_jobs import CTX, LONG, job_of, killed_everywhere

DOCUMENTS = ("ana", "bob", "cleo")


@pytest.fixture(autouse=True)
def many(cell, monkeypatch):
    """An entity whose documents are too many to be evaluated at once; a step takes one of them."""
    monkeypatch.setattr(documents, "AT_ONCE", 0)
    monkeypatch.setattr(revalidation, "DOCUMENTS", 1)

    async def story():
        await open_account(cell.ledger)
        for age, name in enumerate(DOCUMENTS):
            await keep(cell, name, {"age": age})

    asyncio.run(story())


def save_schema(cell, least):
    """The job that evaluates the documents by a schema of those that are old enough."""
    body = {"properties": {"age": {"type": "integer", "minimum": least}}}
    asyncio.run(entities.save_schema(cell, CTX, ENTITY, "v1", body))
    catch_up(cell, documents.SUBSCRIPTION)
    return unfinished(cell)[-1].id


def unfinished(cell):
    with cell.database.snapshot() as connection:
        found = jobs.of_account(connection, ACCOUNT, [documents.REVALIDATION])
    return [job for job in found if not job.finished]


def complying(cell):
    with cell.database.snapshot() as connection:
        return set(connection.execute(select(document_schemas.c.id_key)).scalars())


def progress(cell):
    with cell.database.snapshot() as connection:
        found = documents.progress(connection, ACCOUNT, ENTITY, "v1")
    return found["done"], found["total"]


def test_a_revalidation_that_is_killed_evaluates_the_rest(cell):
    for number, job in enumerate(killed_everywhere(cell, lambda n: save_schema(cell, n % 3)), 1):
        assert (job.state, job.result) == (jobs.DONE, {"documents": 3})
        assert complying(cell) == set(DOCUMENTS[number % 3 :])
        assert job.actor == CTX.actor
    assert progress(cell) == (3, 3)


def test_another_schema_puts_another_job_in_the_place(cell):
    """What was evaluated by the former schema meanwhile is not stored."""
    former = save_schema(cell, 2)
    with cell.database.writing() as connection:
        job, token = jobs.begin(connection, former, 1, most=None, bounded=())
    step = asyncio.run(runner._step(cell, job))
    with cell.database.writing() as connection:
        runner._store(connection, cell, job, token, step)
    assert progress(cell) == (1, 3)
    late = asyncio.run(runner._step(cell, job_of(cell, former)))
    new = save_schema(cell, 1)
    with cell.database.writing() as connection, pytest.raises(leases.Fenced):
        runner._store(connection, cell, job, token, late)
    assert [one.id for one in unfinished(cell)] == [new]
    assert job_of(cell, former).state == jobs.CANCELLED
    assert progress(cell) == (0, 3)
    asyncio.run(runner.carry_on(cell, new, seconds=LONG))
    assert complying(cell) == set(DOCUMENTS[1:])


def test_few_documents_are_evaluated_at_once(cell, monkeypatch):
    former = save_schema(cell, 2)
    monkeypatch.setattr(documents, "AT_ONCE", 3)
    body = {"properties": {"age": {"type": "integer", "minimum": 1}}}
    asyncio.run(entities.save_schema(cell, CTX, ENTITY, "v1", body))
    catch_up(cell, documents.SUBSCRIPTION)
    assert complying(cell) == set(DOCUMENTS[1:])
    assert job_of(cell, former).state == jobs.CANCELLED
    assert unfinished(cell) == []


def test_it_names_the_moment_of_the_schema_and_is_not_cancelled(cell):
    job = job_of(cell, save_schema(cell, 1))
    (saved,) = cell.store.stream(entity_stream(ACCOUNT, ENTITY))
    assert (job.created_at, job.total) == (saved.at, 3)
    assert not KINDS[job.kind].cancellable
