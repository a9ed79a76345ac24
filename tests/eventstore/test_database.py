"""How a database is read: one statement by itself, or several of one moment, and on no loop."""

import asyncio
import sqlite3
import warnings

import psycopg
import pytest
from sqlalchemy import func, insert, select, text

from oms_ledger.eventstore.database import BlockingCall, SecondStatement
from oms_ledger.eventstore.tables import unique_keys

ONE = text("SELECT 1")
COUNT = select(func.count()).select_from(unique_keys)


def take(cell, key):
    row = {"account": "acme", "key": key, "value": b"", "taken_at": 0}
    with cell.database.writing() as connection:
        connection.execute(insert(unique_keys).values(row))


@pytest.mark.parametrize("way", ["reading", "writing_once"])
def test_second_statement_is_refused(cell, way):
    with getattr(cell.database, way)() as connection:
        assert connection.execute(ONE).scalar_one() == 1
        with pytest.raises(SecondStatement):
            connection.execute(ONE)
    with getattr(cell.database, way)() as connection:  # the next one has its own
        assert connection.execute(ONE).scalar_one() == 1


def test_snapshot_is_of_one_moment(cell):
    take(cell, "before")
    with cell.database.snapshot() as connection:
        before = connection.execute(COUNT).scalar_one()
        take(cell, "meanwhile")
        assert connection.execute(COUNT).scalar_one() == before
    with cell.database.reading() as connection:
        assert connection.execute(COUNT).scalar_one() == before + 1


def test_cell_reads_and_writes_beside_the_loop(cell):
    async def story():
        await cell.write(lambda connection: connection.execute(ONE))
        return await cell.read(
            lambda connection, more: connection.execute(ONE).scalar_one() + more, 1
        )

    assert asyncio.run(story()) == 2


def test_coroutine_that_blocks_its_loop_is_named(cell):
    def deeper():
        with cell.database.reading() as connection:
            connection.execute(ONE)

    async def story():
        deeper()

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        deeper()
        assert said == []
        asyncio.run(story())
    (warning,) = said
    assert warning.category is BlockingCall
    line = story.__code__.co_firstlineno + 1
    assert (warning.filename, warning.lineno) == (__file__, line)


def test_connection_that_is_in_use_while_the_database_closes_ends_when_it_is_given_back(cell):
    """Else the pool that was disposed would keep it open, and drop it so."""
    with cell.database.reading() as connection:
        raw = connection.connection.dbapi_connection
        cell.database.close()
        assert connection.execute(ONE).scalar_one() == 1
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError)):
        raw.execute("SELECT 1")
