"""Is who may do what as the events say? Every table of configuration, compared with them (G8).

The state of each account is made from its events and the rows that it comes to are compared with
those that are stored, secrets included. What differs is looked at again before it is reported:
somebody may be configuring. Nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from oms_ledger.accounts.operators import (
    DEPLOYMENT,
    OperatorCreated,
    OperatorPasswordSet,
    OperatorSignedIn,
    stream_of,
)
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.tables import events
from projections.accounts.configuration import TABLES, ConfigurationTable, Row, configuration_of
from projections.operators import directory, sessions
from projections.operators.tables import operator_sessions, operators

LOOKS = 5
_BESIDE = 60 * 1_000_000
"""Microseconds within which the row of a session was written after its event, at the most."""


@dataclass(frozen=True, slots=True, order=True)
class ConfigurationDifference:
    """A row that is not what the account's events say; `reason` names no secret."""

    account: str
    table: str
    row: str
    reason: str


def verify_configuration(
    database: Database, loader: StreamLoader
) -> Iterator[ConfigurationDifference]:
    """The rows that differ, by account, and those of accounts that have no events."""
    known = _accounts(database) - _elsewhere(database)
    for account in sorted(known):
        found: list[ConfigurationDifference] = []
        for _ in range(LOOKS):
            with database.snapshot() as connection:
                found = list(differences(connection, loader, account, database.clock.micros()))
            if not found:
                break
        yield from found
    for account in sorted(_named(database) - known - _elsewhere(database)):
        with database.snapshot() as connection:
            yield from differences(connection, loader, account, database.clock.micros())
    for _ in range(LOOKS):
        with database.snapshot() as connection:
            found = list(operator_differences(connection, loader))
        if not found:
            break
    yield from found
    yield from session_differences(database, loader)


def session_differences(
    database: Database, loader: StreamLoader
) -> Iterator[ConfigurationDifference]:
    """Sessions that no sign-in began, that last longer than any does, or of who is shut out."""
    with database.snapshot() as connection:
        rows = connection.execute(select(operator_sessions)).all()
    for operator in sorted({row.operator for row in rows}):
        recorded = loader.store.stream(stream_of(operator))
        state = loader.load(stream_of(operator)).state
        began = _begun(operator, recorded, loader.events(recorded))
        for row in (one for one in rows if one.operator == operator):
            name = sessions.name_of(bytes(row.token_hash))
            if state is None or state.disabled_at is not None:
                reason = "the operator may not sign in"
            elif name not in began and not _began_before(row.created_at, began):
                reason = "no sign-in began this session"
            elif row.expires_at > row.created_at + sessions.LONGEST:
                reason = "expires_at: later than that of any session"
            else:
                continue
            yield ConfigurationDifference(DEPLOYMENT, operator_sessions.name, name, reason)


def _begun(
    operator: str, recorded: Sequence[RecordedEvent], happened: Sequence[object]
) -> dict[str, int]:
    """Names of sessions, and when they began; `@position` of sign-ins of before there were names.

    Who set a password by a link was signed in by that.
    """
    begun = dict[str, int]()
    named = {
        row.at
        for row, event in zip(recorded, happened, strict=True)
        if isinstance(event, OperatorSignedIn) and event.session
    }
    for row, event in zip(recorded, happened, strict=True):
        match event:
            case OperatorSignedIn(session=session) if session:
                begun[session] = row.at
            case OperatorSignedIn() | OperatorCreated() | OperatorPasswordSet(rehashed=False):
                if row.at not in named and row.actor == f"person:{operator}":
                    begun[f"@{row.position}"] = row.at
    return begun


def _began_before(created_at: int, begun: Mapping[str, int]) -> bool:
    """Whether a sign-in of before sessions had names was recorded just before the session."""
    return any(
        name.startswith("@") and at <= created_at <= at + _BESIDE for name, at in begun.items()
    )


def operator_differences(
    connection: Connection, loader: StreamLoader
) -> Iterator[ConfigurationDifference]:
    """Rows of `operators` that are not what the streams of the operators say."""
    rows = connection.execute(select(operators)).mappings()
    stored = {row["id"]: dict(row) for row in rows}
    prefix = stream_of("")
    streams = select(events.c.stream).where(
        events.c.account == DEPLOYMENT,
        events.c.stream.startswith(prefix, autoescape=True),
        events.c.version == 1,
    )
    recorded = {one.removeprefix(prefix) for one in connection.execute(streams).scalars()}
    for operator in sorted(stored.keys() | recorded):
        if operator not in recorded:
            reason = "no event made this row"
        elif operator not in stored:
            reason = "the row is missing"
        else:
            expected = directory.row_of(loader.load(stream_of(operator)).state)
            row = directory.stored_row(stored[operator], loader.encryption)
            wrong = [name for name, value in expected.items() if row[name] != value]
            reason = f"{', '.join(wrong)}: not what the events say"
            if not wrong:
                continue
        yield ConfigurationDifference(DEPLOYMENT, operators.name, operator, reason)


def _accounts(database: Database) -> set[str]:
    query = select(events.c.account).where(
        events.c.stream == events.c.account + "/", events.c.version == 1
    )
    with database.snapshot() as connection:
        return set(connection.execute(query).scalars())


def _elsewhere(database: Database) -> set[str]:
    """Accounts whose configuration has gone with them to another cell, or comes with them yet."""
    with database.reading() as connection:
        return set(connection.execute(hosting.elsewhere()).scalars())


def _named(database: Database) -> set[str]:
    """The accounts that any row is about."""
    found = set[str]()
    with database.snapshot() as connection:
        for one in TABLES:
            found.update(connection.execute(select(one.table.c.account).distinct()).scalars())
    return found


def differences(
    connection: Connection, loader: StreamLoader, account: str, now: int
) -> Iterator[ConfigurationDifference]:
    """Of one account, as a connection sees its rows."""
    configuration = configuration_of(loader.load(f"{account}/").state)
    for one in TABLES:
        expected = one.rows(account, configuration)
        stored = one.read(connection, loader.encryption, account)
        for key in sorted(expected.keys() | stored.keys(), key=repr):
            reason = _reason(one, expected.get(key), stored.get(key), now)
            if reason is not None:
                name = "/".join(str(part) for part in key)
                yield ConfigurationDifference(account, one.table.name, name, reason)


def _reason(
    one: ConfigurationTable, expected: Row | None, stored: Row | None, now: int
) -> str | None:
    if expected is None:
        return "no event made this row"
    if stored is None:
        return "the row is missing" if one.kept(expected, now) else None
    wrong = one.wrong(expected, stored)
    return f"{', '.join(wrong)}: not what the events say" if wrong else None
