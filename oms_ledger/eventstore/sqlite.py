"""Appending on SQLite: one connection, one transaction a group, synchronous=FULL."""

import hashlib
import sqlite3
from collections.abc import Sequence

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.hosting import LIVE, identity_of
from oms_ledger.eventstore.records import RECORDED, Conflict, Key, Moved, Outcome, Write

_COLUMNS = (*RECORDED, "position", "digest", "origin_position")
_INSERT = f"INSERT INTO events ({','.join(_COLUMNS)}) VALUES ({','.join('?' * len(_COLUMNS))})"  # noqa: S608 - names of our own columns
_INSERT_KEY = "INSERT INTO unique_keys (account, key, value, taken_at) VALUES (?, ?, ?, ?)"
_INSERT_DATA_KEY = "INSERT INTO data_keys (stream, wrapped) VALUES (?, ?)"
# What is looked at anyway says, too, whether there is anything to look up of accounts.
_HEAD = (
    "SELECT coalesce(max(position), 0),"
    " EXISTS (SELECT 1 FROM hosted WHERE state <> 'live' OR epoch > 1) FROM events"
)
_INSERT_SEAL = "INSERT INTO seals (position_to, position_from, seal) VALUES (?, ?, ?)"


class SqliteAppender:
    """Appends in one transaction of the file's only writer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = sqlite3.connect(
            database.path, check_same_thread=False, isolation_level=None, timeout=30
        )
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA secure_delete=ON")  # a data key leaves no trace

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def append(self, writes: Sequence[Write]) -> list[Outcome]:
        """`Appender.append`, on a connection of its own."""
        digests = [[row.digest() for row in write.rows] for write in writes]
        if any(write.fills for write in writes):
            return self._append_and_fill(writes, digests)
        with self._database.turn():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = self._append(self._connection, writes, digests)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        return outcomes

    def _append_and_fill(
        self, writes: Sequence[Write], digests: list[list[bytes]]
    ) -> list[Outcome]:
        """Append through the engine, so that the fills write in the same transaction."""
        with self._database.writing() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            outcomes = self._append(raw, writes, digests)
            for write, outcome in zip(writes, outcomes, strict=True):
                if isinstance(outcome, int):
                    for fill in write.fills:
                        fill(connection)
        return outcomes

    def _append(
        self, connection: sqlite3.Connection, writes: Sequence[Write], digests: list[list[bytes]]
    ) -> list[Outcome]:
        ask = connection.execute
        head, some_elsewhere = ask(_HEAD).fetchone()
        known = _hosted(connection, writes) if some_elsewhere else {}
        elsewhere = {account for account, (state, _) in known.items() if state != LIVE}
        position, rows, outcomes = head, [], list[Outcome]()
        now = self._database.clock.micros()
        for write, its_digests in zip(writes, digests, strict=True):
            if moved := elsewhere & {row.account for row in write.rows}:
                outcomes.append(Moved(min(moved)))
                continue
            if conflict := self._conflict(connection, write):
                outcomes.append(conflict)
                continue
            for row, digest in zip(write.rows, its_digests, strict=True):
                position += 1
                identity = (
                    identity_of(position, known[row.account][1]) if row.account in known else None
                )
                rows.append((*row[: len(RECORDED)], position, digest, identity))
            outcomes.append(position)
            keys = [(*key, now) for key in write.keys]
            connection.executemany(_INSERT_KEY, keys)
            connection.executemany(_INSERT_DATA_KEY, write.data_keys)
            erased = [(stream,) for stream in write.erased]
            connection.executemany("DELETE FROM data_keys WHERE stream = ?", erased)
        if rows:
            connection.executemany(_INSERT, rows)
            last = ask("SELECT seal FROM seals ORDER BY position_to DESC LIMIT 1").fetchone()
            seal = hashlib.sha256((last[0] if last else b"") + b"".join(r[-2] for r in rows))
            ask(_INSERT_SEAL, (position, head + 1, seal.digest()))
        return outcomes

    def _conflict(self, connection: sqlite3.Connection, write: Write) -> Conflict | None:
        ask = connection.execute
        for key in write.keys:
            query = "SELECT value FROM unique_keys WHERE account = ? AND key = ?"
            if taken := ask(query, key[:2]).fetchone():
                return Conflict(Key(key.account, key.key, taken[0]))
        expected: dict[str, int] = {}
        for row in write.rows:
            expected.setdefault(row.stream, row.version - 1)
        for stream, version in expected.items():
            query = "SELECT coalesce(max(version), 0) FROM events WHERE stream = ?"
            if ask(query, (stream,)).fetchone()[0] != version:
                return Conflict()
        return None


def _hosted(connection: sqlite3.Connection, writes: Sequence[Write]) -> dict[str, tuple[str, int]]:
    """What the cell is to the accounts that are written, and for the how many-th time."""
    accounts = sorted({row.account for write in writes for row in write.rows})
    query = (
        "SELECT account, state, epoch FROM hosted"  # noqa: S608 - marks alone
        f" WHERE account IN ({','.join('?' * len(accounts))})"
    )
    return {
        account: (state, epoch) for account, state, epoch in connection.execute(query, accounts)
    }
