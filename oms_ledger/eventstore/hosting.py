"""What a cell is to an account: it hosts it (live), receives it, gives it away, or has given it.

An append refuses whoever is not live, under the lock by which it hands out positions: when
`set_state` has committed, nothing of the account is recorded any more. What is sent, evaluated and
fired for an account rests as well; only views go on.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, text
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.tables import hosted

LIVE, ARRIVING, LEAVING, GONE = "live", "arriving", "leaving", "gone"
APPEND_LOCK = 7_305_000
"""The advisory lock under which PostgreSQL appends."""


def lock_appends(connection: Connection) -> None:
    """Let nobody append until this transaction ends; on SQLite a write transaction does."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": APPEND_LOCK})


def set_state(connection: Connection, account: str, state: str, **values: Any) -> None:
    """Say what the cell is to the account from the commit of this transaction on."""
    lock_appends(connection)
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    fields = {"account": account, "state": state, **values}
    statement = dialect.insert(hosted).values(fields)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["account"], set_={"state": state, **values})
    )


def state_of(connection: Connection, account: str) -> str:
    query = select(hosted.c.state).where(hosted.c.account == account)
    return connection.execute(query).scalar_one_or_none() or LIVE


def elsewhere() -> Select[tuple[str]]:
    """The accounts that this cell does not host now, for a statement of somebody else."""
    return select(hosted.c.account).where(hosted.c.state != LIVE)


def is_live(account: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the cell hosts the account of a row, for a statement of somebody else."""
    return account.not_in(elsewhere())


def brought(connection: Connection) -> dict[str, int]:
    """Up to which positions events of accounts were recorded, and acted upon, by another cell.

    Of an account that arrives all of them.
    """
    query = select(hosted.c.account, hosted.c.arrived_until, hosted.c.state).where(
        (hosted.c.arrived_until > 0) | (hosted.c.state == ARRIVING)
    )
    return {
        account: until if state != ARRIVING else 2**62
        for account, until, state in connection.execute(query)
    }
