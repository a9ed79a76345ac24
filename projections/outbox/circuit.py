"""Circuits of recipients: failures in a row are counted where their row is.

From so many failures on a recipient is left in peace for a while, and probed then. Instants are
microseconds.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, or_, update

from oms_ledger.notifications.channel import Circuit
from projections.outbox.tables import outbox_recipients as r

MICROSECOND = timedelta(microseconds=1)


def record_answer(
    connection: Connection, mine: ColumnElement[bool], *, at: int, quiet_until: int = 0
) -> None:
    """It answered: nothing is written where that is known, unless it asked to be left alone."""
    statement = update(r).where(mine)
    if not quiet_until:
        news = (r.c.consecutive_failures > 0, r.c.circuit_open_until > 0, r.c.answered_at == 0)
        statement = statement.where(or_(*news))
    values = {"consecutive_failures": 0, "circuit_open_until": quiet_until, "answered_at": at}
    connection.execute(statement.values(values))


def record_silence(
    connection: Connection,
    mine: ColumnElement[bool],
    circuit: Circuit | None,
    *,
    now: int,
    attempts: int = 1,
    quiet_until: int = 0,
) -> None:
    """So many attempts in a row had no answer, or a wrong one."""
    counted = update(r).where(mine)
    connection.execute(
        counted.values(
            consecutive_failures=r.c.consecutive_failures + attempts,
            circuit_open_until=quiet_until,
        )
    )
    if circuit is None:
        return
    until = max(quiet_until, now + circuit.pause // MICROSECOND)
    often = update(r).where(mine, r.c.consecutive_failures >= circuit.failures)
    connection.execute(often.values(circuit_open_until=until))
