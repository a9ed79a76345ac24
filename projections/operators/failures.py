"""Failed sign-ins of a while, counted by who was meant and whether the browser is known.

`who` is a keyed hash of the e-mail. Five failures within 15 minutes block further tries, for a
minute first and twice as long each time, up to an hour.
"""

from sqlalchemy import Connection, delete, insert, select

from projections.operators.tables import sign_in_failures as t

SECOND = 1_000_000
WINDOW = 15 * 60 * SECOND
ALLOWED = 5
FIRST_WAIT, LONGEST_WAIT = 60, 3600  # seconds


def blocked_seconds(connection: Connection, who: str, *, known_browser: bool, now: int) -> int:
    """How many seconds to wait before the next try; 0: none."""
    query = select(t.c.blocked_until).where(t.c.who == who, t.c.known_browser == known_browser)
    until = connection.execute(query).scalar_one_or_none() or 0
    return max(0, -(-(until - now) // SECOND))


def add(connection: Connection, who: str, *, known_browser: bool, now: int) -> None:
    same = (t.c.who == who, t.c.known_browser == known_browser)
    found = connection.execute(select(t).where(*same)).one_or_none()
    fields = dict(found._mapping) if found else {"count": 0, "first_at": now, "blocked_until": 0}
    if max(fields["first_at"], fields["blocked_until"]) + WINDOW < now:
        fields |= {"count": 0, "first_at": now}
    count, first_at = fields["count"] + 1, fields["first_at"]
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, count - ALLOWED)) if count >= ALLOWED else 0
    connection.execute(delete(t).where(*same))
    connection.execute(
        insert(t).values(
            who=who,
            known_browser=known_browser,
            count=count,
            first_at=first_at,
            blocked_until=now + wait * SECOND if wait else 0,
        )
    )


def clear(connection: Connection, who: str) -> None:
    connection.execute(delete(t).where(t.c.who == who))
