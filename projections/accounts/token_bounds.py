"""Since when the user tokens of an account or a person count: those issued before are ended."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from projections.sql.upserts import upsert
from projections.tables import token_bounds as t

EVERYBODY = ""  # the subject that stands for all of an account
_KEPT = 48 * 3600 * 1_000_000  # microseconds; by then every token that a bound ends has expired


def end(connection: Connection, account: str, subjects: Iterable[str], now: int) -> None:
    """End the tokens of the subjects that were issued until `now`, in microseconds.

    A subject is `EVERYBODY` or a hash of an e-mail, so that the table says of nobody.
    """
    rows = [
        {"account": account, "subject": subject, "not_before": now}
        for subject in sorted(set(subjects))
    ]
    if rows:
        connection.execute(upsert(connection, t), rows)
    connection.execute(delete(t).where(t.c.not_before < now - _KEPT))


def of_account(connection: Connection, account: str) -> dict[str, int]:
    """Return "not before" in microseconds by subject."""
    query = select(t.c.subject, t.c.not_before).where(t.c.account == account)
    return {subject: not_before for subject, not_before in connection.execute(query)}
