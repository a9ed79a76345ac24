"""Evaluates the documents of an entity again, batch by batch, after its schemas changed."""

from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.streams import entity_stream
from projections.masterdata import documents

BATCHES = 10  # of one job, so that others have their turn


def unfinished(connection: Connection) -> list[str]:
    """The entities that are still to be evaluated again, with their accounts."""
    return [f"{account}:{entity}" for account, entity in documents.unfinished(connection)]


def carry_on(cell: Cell, name: str) -> bool:
    """Evaluate some more documents; whether there are others left."""
    account, _, entity_name = name.partition(":")
    state = cell.loader().load(entity_stream(account, entity_name)).state
    entity = state if isinstance(state, Entity) else first(entity_name)
    for _ in range(BATCHES):
        with cell.database.writing() as connection:
            if not documents.revalidate_batch(connection, entity, account):
                return False
    return True
