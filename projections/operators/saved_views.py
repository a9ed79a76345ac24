"""Filters of the order list that operators keep, for themselves or for everybody."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from projections.operators.tables import saved_views as t


@dataclass(frozen=True, slots=True)
class SavedView:
    """`query` is the query string of the list; `owner` is None where everybody has it."""

    id: str
    account: str
    owner: str | None
    name: str
    query: str
    columns: str
    created_at: int


def create(
    connection: Connection,
    account: str,
    *,
    owner: str | None,
    name: str,
    query: str,
    columns: str,
    now: int,
) -> str:
    """Keep a filter under a new id, which is returned; without an owner it is everybody's."""
    view_id = secrets.token_hex(8)
    values = {"id": view_id, "account": account, "owner": owner, "name": name}
    values |= {"query": query, "columns": columns}
    connection.execute(insert(t).values(**values, created_at=now))
    return view_id


_VISIBLE = (
    select(t)
    .where(t.c.account == bindparam("account"))
    .where(or_(t.c.owner.is_(None), t.c.owner == bindparam("operator")))
    .order_by(t.c.created_at)
)


def visible_to(connection: Connection, account: str, operator: str) -> Sequence[SavedView]:
    """The account's shared views and the operator's own, oldest first."""
    found = connection.execute(_VISIBLE, {"account": account, "operator": operator})
    return [SavedView(*row) for row in found]


def get(connection: Connection, account: str, operator: str, view_id: str) -> SavedView | None:
    """The view, if the operator may see it; None else."""
    found = (v for v in visible_to(connection, account, operator) if v.id == view_id)
    return next(found, None)


def change(connection: Connection, view_id: str, *, query: str, columns: str) -> None:
    """Put another filter and other columns into a view; its name and owner stay."""
    changed = update(t).where(t.c.id == view_id)
    connection.execute(changed.values(query=query, columns=columns))


def remove(connection: Connection, view_id: str) -> None:
    """Delete a view, for everybody who saw it."""
    connection.execute(delete(t).where(t.c.id == view_id))
