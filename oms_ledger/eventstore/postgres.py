"""Appending on PostgreSQL: one call of `append_events` a group, one round trip.

The function (in the migrations) takes the advisory lock, leaves out the writes that conflict,
hands out positions, inserts, seals and notifies; it returns only after the commit is durable.
"""

from collections.abc import Sequence

import psycopg
from psycopg.errors import Diagnostic, ReadOnlySqlTransaction

from oms_ledger.eventstore.database import Database, OutcomeUnknown, unreplicated
from oms_ledger.eventstore.records import RECORDED, Conflict, Key, Moved, Outcome, Write

_TYPES = {"version": "int", "at": "bigint", "moved_before_at": "bigint"}
_BINARY = {"body", "personal"}
_CALL = (
    "SELECT member, last_position, taken_account, taken_key, taken_value"  # noqa: S608 - names of our own columns
    " FROM append_events(%s::int[], "
    + ", ".join(
        "%b::bytea[]" if name in _BINARY else f"%s::{_TYPES.get(name, 'text')}[]"
        for name in RECORDED
    )
    + ", %b::bytea[], %s::int[], %s::text[], %s::text[], %b::bytea[]"
    + ", %s::int[], %s::text[], %b::bytea[])"
)


class PostgresAppender:
    """Appends by one call of a function in the database, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection | None = None
        self._unreplicated = False

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()

    def append(self, writes: Sequence[Write]) -> list[Outcome]:
        """`Appender.append`, by one call of `append_events`."""
        rows = [(member, row) for member, write in enumerate(writes) for row in write.rows]
        keys = [(member, *key) for member, write in enumerate(writes) for key in write.keys]
        new = [(member, *pair) for member, write in enumerate(writes) for pair in write.data_keys]
        columns = list(zip(*(row[: len(RECORDED)] for _, row in rows), strict=True))
        parameters: list[object] = [[member for member, _ in rows]]
        parameters += [list(column) for column in columns]
        parameters.append([row.digest() for _, row in rows])
        parameters += [[key[i] for key in keys] for i in range(4)]
        parameters += [[pair[i] for pair in new] for i in range(3)]
        erased = [write.erased for write in writes]
        outcomes: list[Outcome] = [0] * len(writes)
        if any(write.fills for write in writes):
            answers = self._ask_and_fill(parameters, writes)
        else:
            answers = self._ask(parameters, erased)
        for member, position, account, key, value in answers:
            if position is not None:
                outcomes[member] = position
            elif account and key is None:
                outcomes[member] = Moved(account)
            else:
                outcomes[member] = Conflict(Key(account, key, value) if key else None)
        return outcomes

    def _ask(
        self, parameters: list[object], erased: Sequence[tuple[str, ...]]
    ) -> list[tuple[int, int | None, str, str, bytes]]:
        connection = self._open()
        try:
            if not any(erased):
                fields = connection.execute(_CALL, parameters, prepare=True).fetchall()
            else:
                with connection.transaction():
                    fields = connection.execute(_CALL, parameters, prepare=True).fetchall()
                    gone = [s for at, pos, *_ in fields if pos is not None for s in erased[at]]
                    connection.execute("DELETE FROM data_keys WHERE stream = ANY (%s)", (gone,))
        except ReadOnlySqlTransaction as error:  # another server has become the primary
            connection.close()
            raise psycopg.OperationalError(str(error)) from error
        except psycopg.OperationalError:
            connection.close()  # the next group finds the database again
            raise
        if self._unreplicated:
            connection.close()
            raise OutcomeUnknown("the wait for the synchronous standby was canceled")
        return fields

    def _ask_and_fill(
        self, parameters: list[object], writes: Sequence[Write]
    ) -> list[tuple[int, int | None, str, str, bytes]]:
        """Append through the engine, so that the fills write in the same transaction."""
        with self._database.writing() as connection:
            connection.begin()
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            try:
                answers = raw.execute(_CALL, parameters).fetchall()
            except ReadOnlySqlTransaction as error:
                connection.invalidate()
                raise psycopg.OperationalError(str(error)) from error
            for member, position, *_ in answers:
                if position is not None:
                    gone = list(writes[member].erased)
                    raw.execute("DELETE FROM data_keys WHERE stream = ANY (%s)", (gone,))
                    for fill in writes[member].fills:
                        fill(connection)
        return answers

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect()
            self._connection.add_notice_handler(self._note)
            self._unreplicated = False
        return self._connection

    def _note(self, message: Diagnostic) -> None:
        self._unreplicated |= unreplicated(message)
