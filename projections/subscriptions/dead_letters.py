"""Dead letters: what could not be delivered, kept until somebody requeues it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from projections.tables import dead_letters


@dataclass(frozen=True, slots=True)
class Letter:
    """`content` is what was to be delivered, `why` and `at` (microseconds) tell of its death."""

    position: int
    order_id: str
    why: str
    at: int
    content: str


def bury(connection: Connection, cursor: str, letters: Sequence[Letter]) -> None:
    """A letter that died before, was requeued and dies again takes the place of the former."""
    if not letters:
        return
    positions = [letter.position for letter in letters]
    _remove(connection, cursor, positions)
    rows = [
        {
            "cursor": cursor,
            "position": letter.position,
            "order_id": letter.order_id,
            "why": letter.why,
            "at": letter.at,
            "content": letter.content,
        }
        for letter in letters
    ]
    connection.execute(insert(dead_letters), rows)


def page(connection: Connection, cursor: str, after: int, limit: int) -> list[Letter]:
    """The letters past a position, in the order of the ledger."""
    query = (
        select(dead_letters)
        .where(dead_letters.c.cursor == cursor, dead_letters.c.position > after)
        .order_by(dead_letters.c.position)
        .limit(limit)
    )
    return [
        Letter(row.position, row.order_id, row.why, row.at, row.content)
        for row in connection.execute(query)
    ]


def count(connection: Connection, cursor: str) -> int:
    query = select(func.count()).where(dead_letters.c.cursor == cursor)
    return int(connection.execute(query).scalar_one())


def take(connection: Connection, cursor: str, positions: Sequence[int]) -> list[Letter]:
    """Remove the letters of these positions, and answer those there were."""
    query = select(dead_letters).where(
        dead_letters.c.cursor == cursor, dead_letters.c.position.in_(positions)
    )
    found = connection.execute(query.order_by(dead_letters.c.position).with_for_update()).all()
    _remove(connection, cursor, [row.position for row in found])
    return [Letter(row.position, row.order_id, row.why, row.at, row.content) for row in found]


def _remove(connection: Connection, cursor: str, positions: Sequence[int]) -> None:
    mine = dead_letters.c.cursor == cursor
    connection.execute(delete(dead_letters).where(mine, dead_letters.c.position.in_(positions)))
