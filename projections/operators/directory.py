"""Operators and their one role per account. The rows are filled from the operators' events."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from oms_ledger.accounts.operators import OperatorState
from oms_ledger.eventstore.records import Fill
from projections.operators.tables import operator_roles, operators


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may sign in; `roles` is account → role."""

    id: str
    email: str
    name: str
    password_hash: str | None
    deployment: bool
    language: str
    scheme: str
    density: str
    shortcuts: bool
    created_at: int
    disabled_at: int | None
    roles: dict[str, str] = field(default_factory=dict)


def new_id() -> str:
    return "p" + base64.b32encode(secrets.token_bytes(7)).decode()[:10].lower()


def row_of(state: OperatorState) -> dict[str, Any]:
    """The columns that events make; the others are how the person likes the pages to look."""
    return asdict(state)


def fill(before: OperatorState | None, after: OperatorState) -> Fill | None:
    """What writes the row of an operator; None where it stays as it is."""
    if before == after:
        return None
    row = row_of(after)

    def write(connection: Connection) -> None:
        same = update(operators).where(operators.c.id == after.id)
        if not connection.execute(same.values(row)).rowcount:
            connection.execute(insert(operators).values(shortcuts=True, **row))

    return write


def get(connection: Connection, operator_id: str) -> Operator | None:
    return _one(connection, operators.c.id == operator_id)


def by_email(connection: Connection, email: str) -> Operator | None:
    return _one(connection, operators.c.email == email.strip().casefold())


def any_exist(connection: Connection) -> bool:
    return connection.execute(select(operators.c.id).limit(1)).first() is not None


def names(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    query = select(operators.c.id, operators.c.name).where(operators.c.id.in_(ids))
    return {one: name for one, name in connection.execute(query)}


def everybody(connection: Connection) -> list[Operator]:
    rows = connection.execute(select(operators).order_by(operators.c.created_at)).all()
    return _with_roles(connection, rows)


def of_account(connection: Connection, account: str) -> list[Operator]:
    named = select(operator_roles.c.operator).where(operator_roles.c.account == account)
    query = select(operators).where(operators.c.id.in_(named)).order_by(operators.c.created_at)
    return _with_roles(connection, connection.execute(query).all())


def disabled(connection: Connection) -> frozenset[str]:
    """Those who are shut out."""
    query = select(operators.c.id).where(operators.c.disabled_at.is_not(None))
    return frozenset(connection.execute(query).scalars())


def set_looks(connection: Connection, /, operator_id: str, **values: Any) -> None:
    """How the person likes the pages to look: no event, as it opens nothing."""
    connection.execute(update(operators).where(operators.c.id == operator_id).values(**values))


def _one(connection: Connection, condition: Any) -> Operator | None:
    rows = connection.execute(select(operators).where(condition)).all()
    return next(iter(_with_roles(connection, rows)), None)


def _with_roles(connection: Connection, rows: Sequence[Any]) -> list[Operator]:
    t, roles = operator_roles, dict[str, dict[str, str]]()
    query = select(t).where(t.c.operator.in_([row.id for row in rows])).order_by(t.c.account)
    for operator, account, role in connection.execute(query):
        roles.setdefault(operator, {})[account] = role
    return [Operator(**row._mapping, roles=roles.get(row.id, {})) for row in rows]
