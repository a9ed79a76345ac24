"""Rows that are looked up by keys of several columns."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, select, tuple_


def among(
    connection: Connection, columns: Sequence[ColumnElement[Any]], keys: Sequence[Sequence[Any]]
) -> ColumnElement[bool]:
    """Whether the columns are one of the keys, each of which is looked up by the index.

    SQLite reads the whole table for a list of several tuples, but follows its index for a query.
    """
    if connection.dialect.name != "sqlite":
        return tuple_(*columns).in_(keys)
    fields: BindParameter[str] = bindparam(None, orjson.dumps([list(key) for key in keys]).decode())
    each = func.json_each(fields).table_valued("value")
    parts = (func.json_extract(each.c.value, f"$[{place}]") for place in range(len(columns)))
    return tuple_(*columns).in_(select(*parts))
