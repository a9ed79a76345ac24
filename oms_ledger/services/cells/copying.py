"""Copies an account's rows from one cell's tables to another's; positions become those there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, delete, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore import adoption
from oms_ledger.services.cells.tables import MOVED, Moved, Row, letter_here
from projections import tables as t
from projections.notifications.feeds import moved_generation

PAGE = 500
SKEW = 60_000_000
"""Microseconds by which the clocks of processes may differ that say when they wrote a row."""


class UnknownPosition(Exception):
    """A row names a position of an event that was not copied."""

    def __init__(self, table: str, position: int) -> None:
        super().__init__(table, position)

    def __str__(self) -> str:
        return f"{self.args[0]} names position {self.args[1]}, which is no event of the account."


@dataclass(frozen=True)
class Copier:
    """Copies tables of an account from a cell, named `source`, to another."""

    account: str
    source: str
    here: Connection

    def early(self, writing: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Copy the large tables, while the account is in use: what changes is copied again.

        Each page in a transaction of its own, so that nobody over there waits for all of them.
        """
        for moved in MOVED:
            if moved.since:
                for rows in self._pages(moved, None):
                    with writing() as there:
                        _upsert(there, moved, self._translated(there, moved, rows))

    def rest(self, there: Connection, since: int) -> None:
        """Copy all that is not there yet, for an account that nobody writes to any more.

        `since` is when the early copy began.
        """
        for moved in MOVED:
            if moved.since:
                for rows in self._pages(moved, moved.written_since(since - SKEW)):
                    _upsert(there, moved, self._translated(there, moved, rows))
                if moved.deleted:
                    self._delete_gone(there, moved)
            else:
                there.execute(delete(moved.table).where(moved.scope(self.account)))
                for rows in self._pages(moved, None):
                    there.execute(insert(moved.table), self._translated(there, moved, rows))

    def _delete_gone(self, there: Connection, moved: Moved) -> None:
        """Delete what was copied early and is gone since: a cart that expired or was erased."""
        keys = list(moved.table.primary_key)
        scope = moved.scope(self.account)
        own = {tuple(row) for row in self.here.execute(select(*keys).where(scope))}
        copied = {tuple(row) for row in there.execute(select(*keys).where(scope))}
        gone = sorted(copied - own)
        for at in range(0, len(gone), PAGE):
            ours = tuple_(*keys).in_(gone[at : at + PAGE])
            there.execute(delete(moved.table).where(ours))

    def _pages(self, moved: Moved, only: ColumnElement[bool] | None) -> Iterator[list[Row]]:
        keys = list(moved.table.primary_key)
        order = [column.collate("C") if self._collated(column) else column for column in keys]
        query = select(moved.table).where(moved.scope(self.account)).order_by(*order).limit(PAGE)
        if only is not None:
            query = query.where(only)
        last: tuple[Any, ...] | None = None
        while True:
            page = query if last is None else query.where(tuple_(*order) > tuple_(*last))
            found = [dict(row._mapping) for row in self.here.execute(page)]
            if not found:
                return
            last = tuple(found[-1][column.name] for column in keys)
            yield found

    def _collated(self, column: ColumnElement[Any]) -> bool:
        return self.here.dialect.name == "postgresql" and isinstance(column.type, Text)

    def _translated(self, there: Connection, moved: Moved, rows: list[Row]) -> list[Row]:
        if moved.exact:
            named = {row[name] for row in rows for name in moved.exact if row[name]}
            at = adoption.positions_here(there, self.account, self.source, sorted(named))
            rows = [self._at(moved, row, at) for row in rows]
        if moved.floors:
            rows = [{**row, **self._floors(there, moved, row)} for row in rows]
        if moved.table is t.feeds:
            rows = [
                {**row, "generation": moved_generation(row["generation"], self.source)}
                for row in rows
            ]
        return rows

    def _at(self, moved: Moved, row: Row, at: Mapping[int, int]) -> Row:
        places = {}
        for name in moved.exact:
            position = row[name]
            if position and position not in at and name not in moved.optional:
                raise UnknownPosition(moved.table.name, position)
            places[name] = at.get(position, position) if position else position
        row = {**row, **places}
        return letter_here(row, at) if moved.table is t.dead_letters else row

    def _floors(self, there: Connection, moved: Moved, row: Row) -> Row:
        """Where a subscription stands here: behind its account's last event that it has passed."""
        return {
            name: adoption.position_here(there, self.account, self.source, row[name])
            for name in moved.floors
        }


def _upsert(there: Connection, moved: Moved, rows: list[Row]) -> None:
    dialect = sqlite if there.dialect.name == "sqlite" else postgresql
    keys = [column.name for column in moved.table.primary_key]
    new = dialect.insert(moved.table)
    values = {column.name: new.excluded[column.name] for column in moved.table.c}
    values = {name: value for name, value in values.items() if name not in keys}
    there.execute(new.on_conflict_do_update(index_elements=keys, set_=values), rows)


def forget(connection: Connection, account: str) -> None:
    """Delete an account's rows that have gone along to another cell; its keys last."""
    for moved in reversed(MOVED):
        connection.execute(delete(moved.table).where(moved.scope(account)))
