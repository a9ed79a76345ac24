"""Failed sign-ins of a while, counted by who was meant and whether the browser is known.

`who` is a keyed hash of the e-mail. Five failures within 15 minutes block further tries, for a
minute first and twice as long each time, up to an hour.
"""

from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from projections.operators.tables import sign_in_failures as t

SECOND = 1_000_000
WINDOW = 15 * 60 * SECOND
ALLOWED = 5
FIRST_WAIT, LONGEST_WAIT = 60, 3600  # seconds


def take(connection: Connection, who: str, *, known_browser: bool, now: int) -> int:
    """How many seconds to wait before the next try; 0: this one may be made, and is counted.

    It counts as failed before it is made, so that many at the same time are no more than one after
    the other. `clear` takes it back when it succeeds.
    """
    same = (t.c.who == who, t.c.known_browser == known_browser)
    fields = _locked(connection, who, known_browser, now)
    if fields["blocked_until"] > now:
        return int(-(-(fields["blocked_until"] - now) // SECOND))
    if max(fields["first_at"], fields["blocked_until"]) + WINDOW < now:
        fields |= {"count": 0, "first_at": now}
    count, first_at = fields["count"] + 1, fields["first_at"]
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, count - ALLOWED)) if count >= ALLOWED else 0
    until = now + wait * SECOND if wait else 0
    connection.execute(
        update(t).where(*same).values(count=count, first_at=first_at, blocked_until=until)
    )
    return 0


def _locked(connection: Connection, who: str, known_browser: bool, now: int) -> dict[str, Any]:
    """The row, held until the transaction ends; made where there is none."""
    query = select(t).where(t.c.who == who, t.c.known_browser == known_browser)
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(t).values(who=who, known_browser=known_browser, count=0, first_at=now)
    while True:  # until nobody who got in removes the row in between
        connection.execute(made.on_conflict_do_nothing())
        found = connection.execute(query.with_for_update()).one_or_none()
        if found is not None:
            return dict(found._mapping)


def clear(connection: Connection, who: str) -> None:
    """Forget the failures of an e-mail, whichever browser they came from."""
    connection.execute(delete(t).where(t.c.who == who))
