"""A process with another master key than the ledger's is refused before it writes anything."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from oms_ledger.cell import Cell
from oms_ledger.eventstore.key_check import WrongMasterKey
from tests.support.purchases import open_account, place


def with_another_key(cell: Cell) -> Cell:
    return Cell(replace(cell.settings, master_key=b"x" * 32), cell.clock)


def test_another_key_is_refused(cell):
    cell.require_key()
    other = with_another_key(cell)
    with pytest.raises(WrongMasterKey, match="OMS_MASTER_KEY"):
        other.require_key()
    other.close()
    again = Cell(cell.settings, cell.clock)
    again.require_key()
    again.close()


def test_another_key_is_refused_by_a_ledger_that_has_no_digest_yet(cell):
    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v1-01")

    asyncio.run(story())
    with cell.database.writing() as connection:
        connection.execute(text("DELETE FROM key_checks"))
    other = with_another_key(cell)
    with pytest.raises(WrongMasterKey):
        other.require_key()
    other.close()
    again = Cell(cell.settings, cell.clock)
    again.require_key()
    again.close()


def test_of_two_first_starts_with_keys_of_their_own_one_is_refused(cell):
    with cell.database.writing() as connection:
        connection.execute(text("DELETE FROM key_checks"))
    other = with_another_key(cell)
    other.require_key()
    with pytest.raises(WrongMasterKey):
        cell.require_key()
    other.close()
