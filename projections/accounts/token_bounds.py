"""Since when the user tokens of an account or a person count: those issued before are ended."""

from sqlalchemy import Connection, delete, select

from projections.tables import token_bounds as t

EVERYBODY = ""  # the subject that stands for all of an account
KEPT = 48 * 3600 * 1_000_000  # microseconds; by then every token that a bound ends has expired


def forget(connection: Connection, now: int) -> None:
    """Forget bounds that no token of before is left for; `now` in microseconds."""
    connection.execute(delete(t).where(t.c.not_before < now - KEPT))


def of_account(connection: Connection, account: str) -> dict[str, int]:
    """Return "not before" in microseconds by subject."""
    query = select(t.c.subject, t.c.not_before).where(t.c.account == account)
    return {subject: not_before for subject, not_before in connection.execute(query)}
