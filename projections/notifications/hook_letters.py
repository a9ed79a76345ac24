"""Dead letters of hooks: messages of the outbox that were tried for three days."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from oms_ledger.notifications.channel import WEBHOOK
from projections.outbox.claims import of_recipients
from projections.outbox.messages import COLUMNS, DEAD, stored_message
from projections.outbox.tables import outbox_messages as t
from projections.subscriptions.dead_letters import DeadLetter

OF_HOOKS = of_recipients(WEBHOOK)


def page(
    connection: Connection,
    subscription: str,
    after: int,
    limit: int,
    order_id: str | None = None,
) -> list[DeadLetter]:
    """The letters past a position, of one order or of all, in the order of the ledger."""
    query = select(*COLUMNS).where(*_of(subscription, order_id), t.c.position > after)
    return _letters(connection, query.order_by(t.c.position).limit(limit))


def count(connection: Connection, subscription: str, order_id: str | None = None) -> int:
    """How many dead letters the hook has, or has of one order."""
    query = select(func.count()).select_from(t).where(*_of(subscription, order_id))
    return int(connection.execute(query).scalar_one())


def take(connection: Connection, subscription: str, positions: Sequence[int]) -> list[DeadLetter]:
    """Lock the letters of these positions, for who revives them, and answer those there are."""
    query = select(*COLUMNS).where(*_of(subscription), t.c.position.in_(list(positions)))
    return _letters(connection, query.order_by(t.c.position).with_for_update())


def counted(connection: Connection) -> dict[str, int]:
    """How many there are, by subscription."""
    query = select(t.c.recipient, func.count()).where(OF_HOOKS, t.c.state == DEAD)
    rows = connection.execute(query.group_by(t.c.recipient))
    return {f"hook:{app_key}": number for app_key, number in rows}


def _of(subscription: str, order_id: str | None = None) -> list[ColumnElement[bool]]:
    mine = [OF_HOOKS, t.c.recipient == subscription.partition(":")[2], t.c.state == DEAD]
    return mine if order_id is None else [*mine, t.c.order_id == order_id]


def _letters(connection: Connection, query: Select[Any]) -> list[DeadLetter]:
    found = [stored_message(row) for row in connection.execute(query)]
    return [
        DeadLetter(
            one.position,
            one.order_id,
            one.last_error or "",
            one.completed_at or 0,
            one.content.decode(),
        )
        for one in found
    ]
