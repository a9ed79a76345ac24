"""What a cell is to an account: it hosts it (live), receives it, gives it away, or has given it.

Forgotten is one that was given away, and whose persons this cell cannot read any more.

An append refuses whoever is not live, under the lock by which it hands out positions: when
`set_state` has committed, nothing of the account is recorded any more. What is sent, evaluated and
fired for an account rests as well; only views go on.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, text
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.tables import hosted

LIVE, ARRIVING, LEAVING, GONE = "live", "arriving", "leaving", "gone"
FORGOTTEN = "forgotten"
APPEND_LOCK = 7_305_000
"""The advisory lock under which PostgreSQL appends."""
EPOCH_BITS = 48
"""An identity has the epoch above so many bits of position; `append_events` does the same."""


def identity_of(position: int, epoch: int) -> int | None:
    """The identity of an event that is recorded at a position; None where that is the position.

    After an account has moved, its events have positions that others of its own had elsewhere.
    """
    return None if epoch == 1 else (epoch - 1 << EPOCH_BITS) + position


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


class WrongState(Exception):
    """The account is something else to the cell by now: somebody else moved it, or gave up."""

    def __init__(self, account: str, found: str) -> None:
        super().__init__(account, found)

    def __str__(self) -> str:
        return f"The account {self.args[0]} is {self.args[1]} in this cell by now."


def require(connection: Connection, account: str, *states: str, attempt: int | None = None) -> None:
    """Raise unless the account is one of these to the cell; it stays so until the transaction ends.

    With an attempt, unless that is the last one, too.
    """
    query = select(hosted).where(hosted.c.account == account).with_for_update(read=True)
    row = connection.execute(query).one_or_none()
    found = LIVE if row is None else row.state
    if found not in states:
        raise WrongState(account, found)
    if attempt is not None and attempt != (row.attempt if row is not None else 0):
        raise WrongState(account, f"{found} for another attempt")


def change(
    connection: Connection,
    account: str,
    *before: str,
    to: str,
    attempt: int | None = None,
    **values: Any,
) -> None:
    """`set_state`, from one of some states alone: of two that change it at once, one is refused."""
    lock_appends(connection)
    require(connection, account, *before, attempt=attempt)
    set_state(connection, account, to, **values)


@dataclass(frozen=True, slots=True)
class Hosting:
    """What the cell is to an account, with the numbers of its move."""

    state: str = LIVE
    epoch: int = 1
    attempt: int = 0


def hosting_of(connection: Connection, account: str) -> Hosting:
    """What the cell is to an account; one without a row is live."""
    query = select(hosted.c.state, hosted.c.epoch, hosted.c.attempt)
    row = connection.execute(query.where(hosted.c.account == account)).one_or_none()
    return Hosting() if row is None else Hosting(*row)


def state_of(connection: Connection, account: str) -> str:
    """`live`, `arriving`, `leaving`, `gone` or `forgotten`; an account without a row is live."""
    query = select(hosted.c.state).where(hosted.c.account == account)
    return connection.execute(query).scalar_one_or_none() or LIVE


def moving(connection: Connection) -> list[tuple[str, str]]:
    """Accounts that are on their way between two cells, each with what this cell is to it."""
    query = select(hosted.c.account, hosted.c.state).where(hosted.c.state.in_((ARRIVING, LEAVING)))
    return [(account, state) for account, state in connection.execute(query.order_by("account"))]


def gone(connection: Connection) -> list[str]:
    """Accounts that were given away, and of which views and data keys are still here."""
    query = select(hosted.c.account).where(hosted.c.state == GONE)
    return list(connection.execute(query.order_by(hosted.c.account)).scalars())


def forgotten() -> Select[str]:
    """The accounts of which the cell has events alone, for a statement of somebody else."""
    return select(hosted.c.account).where(hosted.c.state == FORGOTTEN)


def elsewhere() -> Select[str]:
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
