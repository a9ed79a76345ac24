"""Operators and their one role per account. The rows are filled from the operators' events."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, insert, select, update

from oms_ledger.accounts.operators import OperatorState
from oms_ledger.eventstore.encryption import Encryption
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
    second_factor: bytes | None = None
    """The sealed secret of the codes; None where the password alone opens."""
    second_factor_step: int = 0
    roles: dict[str, str] = field(default_factory=dict)


def new_id() -> str:
    """A random id of a person: `p` and ten letters or digits."""
    return "p" + base64.b32encode(secrets.token_bytes(7)).decode()[:10].lower()


def row_of(state: OperatorState) -> dict[str, Any]:
    """The columns that events make, plain; the others are how the person likes pages to look."""
    return asdict(state)


def place(operator_id: str) -> str:
    """What the sealed secret of an operator is bound to."""
    return f"operator:{operator_id}"


def second_factor(encryption: Encryption, operator_id: str, sealed: bytes | None) -> str | None:
    """The secret of an operator's codes; `InvalidTag` where it was sealed for another row."""
    return None if sealed is None else encryption.open(sealed, place(operator_id)).decode()


def stored_row(row: Mapping[str, Any], encryption: Encryption) -> dict[str, Any]:
    """A row of the table in the form of `row_of`; a secret that does not open is no text."""
    plain = dict(row)
    try:
        plain["second_factor"] = second_factor(encryption, row["id"], row["second_factor"])
    except InvalidTag:
        plain["second_factor"] = row["second_factor"]
    return plain


def fill(encryption: Encryption, before: OperatorState | None, after: OperatorState) -> Fill | None:
    """What writes the row of an operator; None where it stays as it is."""
    if before == after:
        return None
    row = row_of(after)
    if after.second_factor is not None:
        row["second_factor"] = encryption.seal(after.second_factor.encode(), place(after.id))

    def write(connection: Connection) -> None:
        same = update(operators).where(operators.c.id == after.id)
        if not connection.execute(same.values(row)).rowcount:
            connection.execute(insert(operators).values(shortcuts=True, **row))

    return write


def get(connection: Connection, operator_id: str) -> Operator | None:
    """The operator of that id, with a role for each account."""
    return _one(connection, operators.c.id == operator_id)


def by_email(connection: Connection, email: str) -> Operator | None:
    """The operator with an e-mail, compared without case."""
    return _one(connection, operators.c.email == email.strip().casefold())


def any_exist(connection: Connection) -> bool:
    """Whether the deployment has an operator, so that nobody may make the first one any more."""
    return connection.execute(select(operators.c.id).limit(1)).first() is not None


def names(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """What people are called, by id; ids of nobody are left out."""
    query = select(operators.c.id, operators.c.name).where(operators.c.id.in_(ids))
    return {one: name for one, name in connection.execute(query)}


def everybody(connection: Connection) -> list[Operator]:
    """All operators of the deployment, oldest first."""
    rows = connection.execute(select(operators).order_by(operators.c.created_at)).all()
    return _with_roles(connection, rows)


def of_account(connection: Connection, account: str) -> list[Operator]:
    """The operators who have a role in the account, oldest first."""
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


def use_step(connection: Connection, operator_id: str, step: int) -> bool:
    """Take the code of a step of 30 seconds; False where it, or a later one, was used before."""
    t = operators
    later = update(t).where(t.c.id == operator_id, t.c.second_factor_step < step)
    return connection.execute(later.values(second_factor_step=step)).rowcount == 1


def begin_steps(connection: Connection, operator_id: str, step: int) -> None:
    """Steps of a new secret: that of the code by which it was set counts as used."""
    t = operators
    connection.execute(update(t).where(t.c.id == operator_id).values(second_factor_step=step))


def _one(connection: Connection, condition: Any) -> Operator | None:
    rows = connection.execute(select(operators).where(condition)).all()
    return next(iter(_with_roles(connection, rows)), None)


def _with_roles(connection: Connection, rows: Sequence[Any]) -> list[Operator]:
    t, roles = operator_roles, dict[str, dict[str, str]]()
    query = select(t).where(t.c.operator.in_([row.id for row in rows])).order_by(t.c.account)
    for operator, account, role in connection.execute(query):
        roles.setdefault(operator, {})[account] = role
    return [Operator(**row._mapping, roles=roles.get(row.id, {})) for row in rows]
