"""The dimensions of an account's buying policies, and which order an authorization is of."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.encryption import Encryption
from projections.policies.tables import order_authorizations as authorizations
from projections.policies.tables import policy_dimensions as t
from projections.sql.upserts import upsert


@dataclass(frozen=True, slots=True)
class Dimension:
    """`body` is the dimension as it is answered, with ids; `created_at` in microseconds."""

    id: str
    account: str
    priority: int
    body: dict[str, Any]
    created_at: int


_COLUMNS = [t.c[name] for name in Dimension.__slots__]


def _dimension(row: Any) -> Dimension:
    return Dimension(**{**row._mapping, "body": json.loads(row.body)})


def of_account(connection: Connection, account: str) -> list[Dimension]:
    """By ascending priority, ties as they were stored."""
    query = select(*_COLUMNS).where(t.c.account == account)
    return [
        _dimension(row)
        for row in connection.execute(query.order_by(t.c.priority, t.c.created_at, t.c.id))
    ]


def get(connection: Connection, account: str, dimension_id: str) -> Dimension | None:
    """The account's dimension of that id, locked to the end of a transaction that writes."""
    query = select(*_COLUMNS).where(t.c.account == account, t.c.id == dimension_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else _dimension(row)


def put(connection: Connection, account: str, body: dict[str, Any], created_at: int) -> None:
    """Add a dimension, or replace the one of its id; `created_at` in microseconds."""
    row = {
        "id": body["id"],
        "account": account,
        "priority": body["priority"],
        "body": json.dumps(body),
        "created_at": created_at,
    }
    connection.execute(upsert(connection, t), row)


def remove(connection: Connection, account: str, dimension_id: str) -> bool:
    """Delete a dimension; whether there was one."""
    gone = delete(t).where(t.c.account == account, t.c.id == dimension_id)
    return connection.execute(gone).rowcount == 1


def count(connection: Connection, account: str) -> int:
    """How many dimensions the account has."""
    query = select(func.count()).select_from(t).where(t.c.account == account)
    return int(connection.execute(query).scalar_one())


def authorization_id(encryption: Encryption, account: str, order_id: str) -> str:
    """The id of an order's authorization: it has one, which follows from the order."""
    return str(uuid.UUID(encryption.sign(f"authorization:{account}/{order_id}")))


def assign(connection: Connection, authorization: str, account: str, order_id: str) -> None:
    """Remember which order an authorization is of."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(authorizations).on_conflict_do_nothing()
    row = {"id": authorization, "account": account, "order_id": order_id}
    connection.execute(made, row)


def order_of(connection: Connection, account: str, authorization: str) -> str | None:
    """Which order of the account an authorization is of."""
    a = authorizations
    query = select(a.c.order_id).where(a.c.id == authorization, a.c.account == account)
    return connection.execute(query).scalar_one_or_none()
