"""Rows that are inserted, or set where their key is there already; a statement is made once."""

from functools import cache

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Insert into the table; a row with the same primary key gets all other columns set."""
    return _made(connection.dialect.name, table)


@cache
def _made(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    set_ = {c.name: insert.excluded[c.name] for c in table.c if not c.primary_key}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=set_)
