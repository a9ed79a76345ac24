"""Circuits of recipients and hooks: failures in a row are counted where their row is.

A table with a circuit has the columns `consecutive_failures` and `circuit_open_until` (in
microseconds). From so many failures on its recipient is left in peace for a while, and probed then.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, Table, false, or_, update

from oms_ledger.notifications.channel import Circuit

MICROSECOND = timedelta(microseconds=1)


def record_answer(
    connection: Connection,
    table: Table,
    mine: ColumnElement[bool],
    *,
    quiet_until: int = 0,
    first: ColumnElement[bool] | None = None,
    **values: int,
) -> None:
    """It answered: nothing is written where that is known, unless it asked to be left alone.

    `values` are written too, and always when `first` holds.
    """
    t = table.c
    statement = update(table).where(mine)
    if not quiet_until:
        unknown = (t.consecutive_failures > 0, t.circuit_open_until > 0)
        statement = statement.where(or_(*unknown, false() if first is None else first))
    connection.execute(
        statement.values(consecutive_failures=0, circuit_open_until=quiet_until, **values)
    )


def record_silence(
    connection: Connection,
    table: Table,
    mine: ColumnElement[bool],
    circuit: Circuit | None,
    *,
    now: int,
    attempts: int = 1,
    quiet_until: int = 0,
) -> None:
    """So many attempts in a row had no answer, or a wrong one."""
    t = table.c
    counted = update(table).where(mine)
    connection.execute(
        counted.values(
            consecutive_failures=t.consecutive_failures + attempts,
            circuit_open_until=quiet_until,
        )
    )
    if circuit is None:
        return
    until = max(quiet_until, now + circuit.pause // MICROSECOND)
    often = update(table).where(mine, t.consecutive_failures >= circuit.failures)
    connection.execute(often.values(circuit_open_until=until))
