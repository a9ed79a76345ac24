"""What is stored and how it is read; how a group of writes is appended is the databases' own.

A store knows rows, not orders. `append` makes each write of a group whole or not at all, hands
out positions without a gap in the order of commit, and seals what it wrote, in one transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Select, bindparam, delete, func, select, text, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.records import (
    Key,
    Outcome,
    RecordedEvent,
    Write,
)
from oms_ledger.eventstore.tables import (
    CLAIMED,
    data_keys,
    events,
    unique_keys,
)

_ROW = [events.c[name] for name in RecordedEvent._fields]
_STREAM = (
    select(*_ROW)
    .where(events.c.stream == bindparam("stream"), events.c.version > bindparam("after"))
    .order_by(events.c.version)
)
_STREAM_AND_KEY = _STREAM.add_columns(
    select(data_keys.c.wrapped).where(data_keys.c.stream == bindparam("stream")).scalar_subquery()
)
_STREAMS_AND_KEYS = (
    select(*_ROW, data_keys.c.wrapped)
    .outerjoin_from(events, data_keys, data_keys.c.stream == events.c.stream)
    .where(events.c.stream.in_(bindparam("streams", expanding=True)))
    .order_by(events.c.stream, events.c.version)
)
_PAGE = (
    select(*_ROW)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_ORDERS = (
    select(*_ROW)
    .where(events.c.account == bindparam("account"), events.c.stream != bindparam("own"))
    .where(events.c.position > bindparam("after"), events.c.position <= bindparam("until"))
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_OF_IDENTITY = (
    select(events.c.position)
    .where(events.c.account == bindparam("account"))
    .where(func.coalesce(events.c.origin_position, events.c.position) <= bindparam("identity"))
    .order_by(events.c.position.desc())
    .limit(1)
)
LAST_POSITION = select(func.coalesce(func.max(events.c.position), 0))
_HEAD_OF = LAST_POSITION.where(
    events.c.account == bindparam("account"), events.c.position <= bindparam("until")
)
_STREAMS = (
    select(*_ROW)
    .where(events.c.stream.in_(bindparam("streams", expanding=True)))
    .where(events.c.position <= bindparam("until"))
    .order_by(events.c.position)
)
_VERSIONS = (
    select(events.c.stream, func.max(events.c.version))
    .where(events.c.stream.in_(bindparam("streams", expanding=True)))
    .group_by(events.c.stream)
)
_DATA_KEYS = select(data_keys.c.stream, data_keys.c.wrapped).where(
    data_keys.c.stream.in_(bindparam("streams", expanding=True))
)
# Grouped by what no index has: SQLite would read all of one that begins with the account.
_WHOSE = events.c.account.concat("")
_ACCOUNTS_AFTER = (
    select(_WHOSE, func.max(events.c.position))
    .where(events.c.position > bindparam("after"))
    .group_by(_WHOSE)
)
_KEY = select(unique_keys.c.value).where(
    unique_keys.c.account == bindparam("account"), unique_keys.c.key == bindparam("key")
)


def last_position(connection: Connection) -> int:
    """The last position handed out, as a transaction sees it; 0 in an empty ledger."""
    return int(connection.execute(LAST_POSITION).scalar_one())


def last_order_position(connection: Connection, account: str) -> int:
    """The position of the last event of anything of an account but itself; 0 when there is none."""
    query = select(events.c.position).where(
        events.c.account == account, events.c.stream != f"{account}/"
    )
    query = query.order_by(events.c.position.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none() or 0


class Appender(Protocol):
    """How a database appends."""

    def append(self, writes: Sequence[Write]) -> list[Outcome]:
        """Per write its last position, or why it was not made. Writes share no claims."""

    def close(self) -> None:
        """Let go of the connection."""


class Store:
    """The ledger's rows in a database."""

    def __init__(self, database: Database, appender: Appender) -> None:
        self.database = database
        self.append = appender.append
        self._appender = appender

    def close(self) -> None:
        """Let go of the connection that appends."""
        self._appender.close()

    def head(self) -> int:
        """The last position handed out; 0 in an empty ledger."""
        with self.database.reading() as connection:
            return last_position(connection)

    def head_of(self, account: str, until: int) -> int:
        """The last position of an account's events up to a position; 0 without any."""
        with self.database.reading() as connection:
            found = connection.execute(_HEAD_OF, {"account": account, "until": until})
            return int(found.scalar_one())

    def accounts_after(self, position: int) -> tuple[int, list[str]]:
        """The head as it is now, and whose events stand between the position and it."""
        with self.database.reading() as connection:
            found = connection.execute(_ACCOUNTS_AFTER, {"after": position}).all()
        return max((last for _, last in found), default=position), sorted(a for a, _ in found)

    def page(self, after: int, limit: int = 500) -> list[RecordedEvent]:
        """Up to `limit` events after a position, of whatever stream."""
        return self._rows(_PAGE, after=after, limit=limit)

    def orders_page(self, account: str, after: int, until: int, limit: int) -> list[RecordedEvent]:
        """Events of the account's orders, without the account's own, by position."""
        own = f"{account}/"
        return self._rows(_ORDERS, account=account, own=own, after=after, until=until, limit=limit)

    def position_of(self, account: str, identity: int) -> int:
        """Where the account's event of an identity stands, or the last before it; 0 for none."""
        with self.database.reading() as connection:
            given = {"account": account, "identity": identity}
            return int(connection.execute(_OF_IDENTITY, given).scalar_one_or_none() or 0)

    def stream(self, stream: str, after: int = 0) -> list[RecordedEvent]:
        """The events of a stream after a version."""
        return self._rows(_STREAM, stream=stream, after=after)

    def stream_and_key(self, stream: str) -> tuple[list[RecordedEvent], bytes | None]:
        """A stream's rows and its wrapped data key, as both are at one moment."""
        with self.database.reading() as connection:
            found = connection.execute(_STREAM_AND_KEY, {"stream": stream, "after": 0}).all()
        wrapped = found[0][-1] if found else None
        return [RecordedEvent._make(row[:-1]) for row in found], wrapped and bytes(wrapped)

    def streams_and_keys(
        self, streams: Sequence[str]
    ) -> dict[str, tuple[list[RecordedEvent], bytes | None]]:
        """The rows of some streams, each with its wrapped data key, all at one moment."""
        found: dict[str, tuple[list[RecordedEvent], bytes | None]] = {}
        with self.database.reading() as connection:
            for *row, wrapped in connection.execute(_STREAMS_AND_KEYS, {"streams": streams}):
                recorded = RecordedEvent._make(row)
                rows, _ = found.setdefault(recorded.stream, ([], wrapped and bytes(wrapped)))
                rows.append(recorded)
        return found

    def streams(self, streams: Iterable[str], until: int) -> list[RecordedEvent]:
        """All rows of some streams up to a position, in order of position."""
        return self._rows(_STREAMS, streams=list(streams), until=until)

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """The last version of each stream that has one."""
        with self.database.reading() as connection:
            found = connection.execute(_VERSIONS, {"streams": streams})
            return {stream: version for stream, version in found}

    def data_keys(self, streams: Iterable[str]) -> dict[str, bytes]:
        """The wrapped data keys of streams; one that was erased has none."""
        with self.database.reading() as connection:
            return {
                s: bytes(w) for s, w in connection.execute(_DATA_KEYS, {"streams": list(streams)})
            }

    def key(self, account: str, key: str) -> bytes | None:
        """What a key of the account stands for, or None when it is not taken."""
        with self.database.reading() as connection:
            value = connection.execute(_KEY, {"account": account, "key": key}).scalar_one_or_none()
            return None if value is None else bytes(value)

    def take_key(self, key: Key) -> Key | None:
        """Take a key that goes with no events; as it was taken before, if it was."""
        dialect = sqlite if self.database.sqlite else postgresql
        taken = {**key._asdict(), "taken_at": self.database.clock.micros()}
        taking = dialect.insert(unique_keys).values(taken).on_conflict_do_nothing()
        with self.database.writing() as connection:
            if connection.execute(taking.returning(unique_keys.c.key)).all():
                return None
        value = self.key(key.account, key.key)
        assert value is not None
        return key._replace(value=value)

    def forget_claims(self, before: int, limit: int = 10_000) -> int:
        """Forget clients' keys taken before an instant in microseconds, oldest first; how many."""
        t = unique_keys.c
        old = (
            select(t.account, t.key).where(text(CLAIMED), t.taken_at < before).order_by(t.taken_at)
        )
        forgotten = delete(unique_keys).where(tuple_(t.account, t.key).in_(old.limit(limit)))
        with self.database.writing() as connection:
            return connection.execute(forgotten).rowcount

    def _rows(self, query: Select[Any], **parameters: object) -> list[RecordedEvent]:
        with self.database.reading() as connection:
            return [RecordedEvent._make(row) for row in connection.execute(query, parameters)]
