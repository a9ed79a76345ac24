"""Leases: the right to do what only one process may do at a time, each with a fencing token.

A lease needs no subscription: the scheduler, a hook's session and an export hold one as well as a
runner does. It ends by the clock of the database, so a process whose own clock is wrong neither
keeps a lease for too long nor takes one that is held. Whoever stores by right of a lease renews it
in the same transaction: `Fenced` when somebody else has it now.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from oms_ledger.eventstore.database import UNAVAILABLE, Database
from oms_ledger.process_name import process_name
from projections.tables import leases

LASTS = 10_000_000
"""Microseconds that a lease holds without renewal."""


class Fenced(Exception):
    """The lease went to somebody else; nothing was stored by right of it."""


class DatabaseMicros(GenericFunction[int]):
    """What time it is in the database, in microseconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(DatabaseMicros, "postgresql")
def _in_postgres(*_: object, **__: object) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"


@compiles(DatabaseMicros, "sqlite")
def _in_sqlite(*_: object, **__: object) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"


_FREE = leases.c.expires_at <= DatabaseMicros()
_UNTIL = DatabaseMicros() + LASTS

# Made once, because every page of every subscription runs them. Rows are locked in the order of
# their names, so that two who want several do not cross.
_LOCK = (
    select(leases.c.name)
    .where(leases.c.name.in_(bindparam("names", expanding=True)))
    .order_by(leases.c.name)
    .with_for_update()
)
_STEAL = (
    update(leases)
    .where(leases.c.name.in_(_LOCK))
    .values(token=leases.c.token + 1, expires_at=_UNTIL, holder=bindparam("by"))
    .returning(leases.c.name, leases.c.token)
)
_ACQUIRE = _STEAL.where(_FREE)
_OURS = (
    select(leases.c.name)
    .where(
        # SQLite finds a pair by no index: the name is looked up.
        leases.c.name.in_(bindparam("names", expanding=True)),
        tuple_(leases.c.name, leases.c.token).in_(bindparam("held", expanding=True)),
    )
    .order_by(leases.c.name)
    .with_for_update()
)
_RENEW = (
    update(leases)
    .where(leases.c.name.in_(_OURS))
    .values(expires_at=_UNTIL)
    .returning(leases.c.name)
)
_RELEASE = update(leases).where(leases.c.name.in_(_OURS)).values(expires_at=0, holder=None)


def acquire(database: Database, name: str, *, steal: bool = False) -> int | None:
    """The lease's new fencing token, or None while somebody else holds it."""
    give_back(database)
    with database.writing() as connection:
        return acquire_in(connection, name, steal=steal)


def acquire_in(connection: Connection, name: str, *, steal: bool = False) -> int | None:
    """`acquire` inside somebody's transaction."""
    return acquire_many(connection, [name], steal=steal).get(name)


def acquire_many(
    connection: Connection, names: Collection[str], *, steal: bool = False
) -> dict[str, int]:
    """The fencing tokens of those leases that nobody else holds; all of them with `steal`."""
    by = process_name()
    found = connection.execute(_STEAL if steal else _ACQUIRE, {"names": sorted(names), "by": by})
    tokens = {row.name: row.token for row in found}
    for name in sorted(set(names) - tokens.keys()):  # nobody ever held it, or somebody does now
        if (token := _insert(connection, name, expires_at=_UNTIL, holder=by)) is not None:
            tokens[name] = token
    return tokens


def create(connection: Connection, name: str) -> None:
    """A lease that nobody holds; one that there is stays as it is."""
    _insert(connection, name, expires_at=0)


def _insert(connection: Connection, name: str, **values: object) -> int | None:
    """A new lease's token. It begins above any that a lease of this name had before."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = dialect.insert(leases).values(name=name, token=DatabaseMicros(), **values)
    returned = new.on_conflict_do_nothing().returning(leases.c.token)
    return connection.execute(returned).scalar_one_or_none()


def renew(connection: Connection, name: str, token: int) -> None:
    """Renew the lease inside a transaction that stores by its right; `Fenced` when it is gone."""
    if not renew_many(connection, {name: token}):
        raise Fenced(name)


def renew_many(connection: Connection, tokens: Mapping[str, int]) -> set[str]:
    """The leases that were not taken away meanwhile; nobody can take them before the end of this
    transaction.
    """
    return set(connection.execute(_RENEW, _as_held(tokens)).scalars())


def release(database: Database, name: str, token: int) -> None:
    """Give a lease back; nothing happens where somebody else has taken it."""
    release_all(database, {name: token})


def release_in(connection: Connection, name: str, token: int) -> None:
    """`release` inside somebody's transaction."""
    _release(connection, {name: token})


def release_all(database: Database, tokens: Mapping[str, int]) -> None:
    """Give leases back; those that cannot be, because the database is away, later."""
    if not tokens:
        return
    try:
        with database.writing() as connection:
            _release(connection, tokens)
    except UNAVAILABLE:
        database.unreleased.update(tokens)
        raise


def give_back(database: Database) -> None:
    """Give back leases that were left held: nobody has to wait for them to run out."""
    while database.unreleased:
        release(database, *database.unreleased.popitem())


def _release(connection: Connection, tokens: Mapping[str, int]) -> None:
    connection.execute(_RELEASE, _as_held(tokens))


def _as_held(tokens: Mapping[str, int]) -> dict[str, object]:
    return {"names": sorted(tokens), "held": sorted(tokens.items())}


def fence(connection: Connection, name: str) -> None:
    """Whoever holds the lease stores nothing more by its right, and has to acquire it again."""
    values = {"token": leases.c.token + 1, "expires_at": 0, "holder": None}
    connection.execute(update(leases).where(leases.c.name == name).values(values))


def drop(connection: Connection, name: str) -> None:
    """Forget a lease of what is gone; its holder is fenced."""
    connection.execute(delete(leases).where(leases.c.name == name))


def free(connection: Connection, names: Collection[str]) -> list[str]:
    """Those of the leases that nobody holds."""
    if not names:
        return []
    query = select(leases.c.name).where(leases.c.name.in_(sorted(names)), ~_FREE)
    held = set(connection.execute(query).scalars())
    return [name for name in names if name not in held]


def is_held(name: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether somebody holds the lease of this name just now, for a statement of somebody else."""
    return select(leases.c.name).where(leases.c.name == name, ~_FREE).exists()


def lock(connection: Connection, name: str) -> None:
    """Have whoever stores by right of the lease wait until this transaction ends."""
    connection.execute(_LOCK, {"names": [name]})


def holders(connection: Connection, *, held_only: bool = False) -> dict[str, str | None]:
    """Who holds each lease just now; None where nobody does.

    `held_only` leaves those of feeds and hooks out that nobody holds.
    """
    query = select(leases.c.name, leases.c.holder, _FREE.label("free"))
    if held_only:
        query = query.where(~_FREE | leases.c.name.not_like("%:%"))
    return {row.name: None if row.free else row.holder for row in connection.execute(query)}
