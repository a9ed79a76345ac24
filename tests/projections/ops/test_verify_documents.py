"""Views of Master Data are recomputed and compared: what was tampered with is named (G8)."""

import asyncio

import pytest
from sqlalchemy import delete, insert, update

from oms_ledger.cli.maintenance import stale_views
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.masterdata.streams import document_stream
from oms_ledger.services.masterdata import entities
from oms_ledger.services.masterdata.documents import Find, Save, save
from oms_ledger.services.masterdata.documents import delete as delete_document
from oms_ledger.services.privacy.steps import catch_up
from projections.masterdata import tables
from projections.subscriptions.views import VIEWS
from tests.support.purchases import ACCOUNT, open_account

ENTITY = "Newsletter"
SCHEMA = {"properties": {"age": {"type": "integer"}}, "required": ["age"], "v-indexed": ["age"]}


async def keep(cell, document_id, body):
    saved = Save(ENTITY, {"id": document_id, **body}, Find.BODY_ID)
    await save(cell, CommandContext(ACCOUNT, "test"), saved)


@pytest.fixture
def documents(cell):
    async def story():
        await open_account(cell.ledger)
        ctx = CommandContext(ACCOUNT, "test")
        await keep(cell, "Ana", {"age": 33, "tags of hers": ["a", "b"], "at": "2024-01-31"})
        await entities.save_schema(cell, ctx, ENTITY, "v1", SCHEMA)
        await keep(cell, "Bob", {"age": "unknown", "name": "Bob"})
        await keep(cell, "Ana", {"age": 34, "price": 1.5, "empty": None, "text": "x" * 900})
        for number in (1, 2):
            await keep(cell, "Cleo", {"age": number})
            await delete_document(cell, ctx, ENTITY, "Cleo")
        await keep(cell, "Dora", {"age": 1})
        await delete_document(cell, ctx, ENTITY, "Dora")
        await keep(cell, "Dora", {"age": 2})

    asyncio.run(story())
    for view in VIEWS:
        catch_up(cell, view)
    assert stale_views(cell) == []


def of(table, key):
    chosen = (table.c.account == ACCOUNT) & (table.c.entity == ENTITY)
    return chosen & (table.c.id_key == key) if "id_key" in table.c else chosen


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize(
    ("table", "key", "change"),
    [
        (tables.documents, "ana", {"content": b"{}"}),
        (tables.documents, "ana", {"id": "ANA"}),
        (tables.documents, "bob", {"version": 7}),
        (tables.documents, "bob", {"created_by": "nobody"}),
        (tables.documents, "dora", {"last_interaction_at": 1}),
        (tables.documents, "ana", None),
        (tables.document_terms, "bob", {"term": "eve"}),
        (tables.document_terms, "dora", {"number": 9.0}),
        (tables.document_terms, "ana", None),
        (tables.document_schemas, "ana", None),
        (tables.document_schemas, "dora", {"schema": "v2"}),
    ],
    ids=str,
)
def test_a_row_of_a_document_that_differs_is_named(cell, documents, table, key, change):
    chosen = of(table, key)
    if change and table is tables.document_terms:
        chosen &= table.c.path == ("name" if key == "bob" else "age")
    with cell.database.writing() as connection:
        if change is None:
            connection.execute(delete(table).where(chosen))
        else:
            assert connection.execute(update(table).where(chosen).values(change)).rowcount == 1
    position = cell.store.stream(document_stream(ACCOUNT, ENTITY, key))[-1].position
    (found,) = stale_views(cell)
    assert (found.view, found.account) == (table.name, ACCOUNT)
    assert (found.order_id, found.position) == (f"{ENTITY}/{key}", position)


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize("key", ["bob", "cleo", "eve"])
def test_a_row_that_should_not_be_there_is_named(cell, documents, key):
    """Of a schema that it does not comply with, of a deleted document, of one never saved."""
    row = {"account": ACCOUNT, "entity": ENTITY, "id_key": key, "schema": "v1"}
    with cell.database.writing() as connection:
        connection.execute(insert(tables.document_schemas).values(row))
    (found,) = stale_views(cell)
    assert (found.view, found.order_id) == ("document_schemas", f"{ENTITY}/{key}")


@pytest.mark.guarantee("G8")
def test_an_entity_that_is_missing_is_named(cell, documents):
    with cell.database.writing() as connection:
        connection.execute(delete(tables.document_entities))
    found = {(one.view, one.order_id) for one in stale_views(cell)}
    assert ("document_entities", ENTITY) in found
