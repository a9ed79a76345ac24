"""Dead letters: what could not be delivered, kept until somebody requeues it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from projections.tables import dead_letters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`content` is what was to be delivered; `at` (microseconds) is when it failed."""

    position: int
    order_id: str
    reason: str
    at: int
    content: str


class DeadLetters(Protocol):
    """Where the letters of a kind are: here, or among the messages of the outbox."""

    def page(
        self,
        connection: Connection,
        subscription: str,
        after: int,
        limit: int,
        order_id: str | None = None,
    ) -> list[DeadLetter]:
        """The letters past a position, of one order or of all, in the order of the ledger."""

    def count(self, connection: Connection, subscription: str, order_id: str | None = None) -> int:
        """How many there are."""

    def take(
        self, connection: Connection, subscription: str, positions: Sequence[int]
    ) -> list[DeadLetter]:
        """Those of these positions that there are, for who puts them back."""


def dead_letter(connection: Connection, subscription: str, letters_: Sequence[DeadLetter]) -> None:
    """One that was dead before, was requeued and fails again takes the place of the previous."""
    if not letters_:
        return
    positions = [dead_letter_.position for dead_letter_ in letters_]
    _remove(connection, subscription, positions)
    rows = [
        {
            "subscription": subscription,
            "position": dead_letter_.position,
            "order_id": dead_letter_.order_id,
            "reason": dead_letter_.reason,
            "at": dead_letter_.at,
            "content": dead_letter_.content,
        }
        for dead_letter_ in letters_
    ]
    connection.execute(insert(dead_letters), rows)


def page(
    connection: Connection,
    subscription: str,
    after: int,
    limit: int,
    order_id: str | None = None,
) -> list[DeadLetter]:
    """The dead letters past a position, of one order or of all, in the order of the ledger."""
    query = (
        select(dead_letters)
        .where(*_of(subscription, order_id), dead_letters.c.position > after)
        .order_by(dead_letters.c.position)
        .limit(limit)
    )
    return [
        DeadLetter(row.position, row.order_id, row.reason, row.at, row.content)
        for row in connection.execute(query)
    ]


def count(connection: Connection, subscription: str, order_id: str | None = None) -> int:
    """How many dead letters a subscription has, or has of one order."""
    query = select(func.count()).where(*_of(subscription, order_id))
    return int(connection.execute(query).scalar_one())


def _of(subscription: str, order_id: str | None) -> list[ColumnElement[bool]]:
    mine = [dead_letters.c.subscription == subscription]
    return mine if order_id is None else [*mine, dead_letters.c.order_id == order_id]


def take(connection: Connection, subscription: str, positions: Sequence[int]) -> list[DeadLetter]:
    """Remove the dead letters of these positions, and answer those there were."""
    query = select(dead_letters).where(
        dead_letters.c.subscription == subscription, dead_letters.c.position.in_(positions)
    )
    found = connection.execute(query.order_by(dead_letters.c.position).with_for_update()).all()
    _remove(connection, subscription, [row.position for row in found])
    return [
        DeadLetter(row.position, row.order_id, row.reason, row.at, row.content) for row in found
    ]


def _remove(connection: Connection, subscription: str, positions: Sequence[int]) -> None:
    mine = dead_letters.c.subscription == subscription
    connection.execute(delete(dead_letters).where(mine, dead_letters.c.position.in_(positions)))
