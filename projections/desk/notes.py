"""Notes that people and integrations write beside an order: written once, never changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from projections.tables import notes as t

ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class Note:
    """`body` is the note as it was sent; `created_at` in microseconds."""

    id: str
    account: str
    target: str
    body: dict[str, Any]
    created_at: int
    app_key: str
    request: str | None = None


_COLUMNS = [t.c[name] for name in Note.__slots__]


def _note(row: Any) -> Note:
    return Note(**{**row._mapping, "body": json.loads(row.body)})


class Full(Exception):
    """The target has as many notes as it may have."""


def add(connection: Connection, note: Note, most: int = 0) -> tuple[Note, bool]:
    """The note as it is stored, and whether it is new: one with the same id stays as it was.

    `Full` where the target has `most` of them already; 0 is no limit.
    """
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    known = get(connection, note.account, note.id)
    if known is not None:
        return known, False
    if most:
        if connection.dialect.name == "postgresql":  # SQLite's transaction is alone anyway
            target = func.hashtextextended(f"notes/{note.account}/{note.target}", 0)
            connection.execute(select(func.pg_advisory_xact_lock(target)))
        if count(connection, note.account, note.target) >= most:
            raise Full
    values = {name: getattr(note, name) for name in Note.__slots__}
    made = dialect.insert(t).values(**{**values, "body": json.dumps(note.body)})
    made = made.on_conflict_do_nothing(index_elements=["id"]).returning(t.c.id)
    if connection.execute(made).first() is not None:
        return note, True
    known = get(connection, note.account, note.id)
    assert known is not None, "who has the id is of the same account"
    return known, False


def get(connection: Connection, account: str, note_id: str) -> Note | None:
    """The account's note of that id."""
    query = select(*_COLUMNS).where(t.c.account == account, t.c.id == note_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _note(row)


def count(connection: Connection, account: str, target: str) -> int:
    """How many notes an order, or whatever else `target` is, has."""
    query = select(func.count()).where(t.c.account == account, t.c.target == target)
    return int(connection.execute(query).scalar_one())


def page(
    connection: Connection, account: str, target: str, number: int, size: int
) -> tuple[list[Note], int]:
    """A page of a target's notes, newest first, counted from 1, and how many there are."""
    total = count(connection, account, target)
    query = select(*_COLUMNS).where(t.c.account == account, t.c.target == target)
    query = query.order_by(t.c.created_at.desc(), t.c.id.desc())
    rows = connection.execute(query.limit(size).offset((number - 1) * size))
    return [_note(row) for row in rows], total


def erase(connection: Connection, account: str, order_ids: Sequence[str]) -> None:
    """Take out what was written about these orders: it may name their person."""
    ours = (t.c.account == account, t.c.target.in_(order_ids))
    for row in connection.execute(select(t.c.id, t.c.body).where(*ours)).all():
        body = {**json.loads(row.body), "description": ERASED}
        connection.execute(update(t).where(t.c.id == row.id).values(body=json.dumps(body)))
